/* What a report shows of secrets, and what of text that has none. */
#include <criterion/criterion.h>
#include <string.h>

#include "analyze/mask.h"

static void becomes(const char *text, const char *shown)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	bool any = kan_mask_text(&out, kan_bytes_of(text));
	cr_expect_str_eq(kan_buf_str(&out), shown, "%s -> %s", text, kan_buf_str(&out));
	cr_expect_eq(any, strcmp(text, shown) != 0, "%s", text);
}

Test(mask, the_value_of_a_secret_name_is_replaced_and_its_name_stays)
{
	becomes("DB_PASSWORD=hunter2", "DB_PASSWORD=[password, 7 bytes]");
	becomes("DB_PASSWORD=hunter2hunter2hunter",
		"DB_PASSWORD=[password, 20 bytes, \"hunt\xe2\x80\xa6\"]");
	becomes("x --api-key=abc y", "x --api-key=[key, 3 bytes] y");
	becomes("{\"token\": \"abc def\", \"a\": 1}",
		"{\"token\": \"[token, 7 bytes]\", \"a\": 1}");
	becomes("POST /?secret=a&b=c", "POST /?secret=[secret, 1 bytes]&b=c");
	becomes("Authorization: Bearer abc", "Authorization: [token, 10 bytes]");
	becomes("MYSQL_PWD='a b'", "MYSQL_PWD='[password, 3 bytes]'");
}

Test(mask, a_secret_is_known_by_its_form)
{
	becomes("key AKIAIOSFODNN7EXAMPLE.", "key [key, 20 bytes, \"AKIA\xe2\x80\xa6\"].");
	becomes("git clone https://bob:s3cret@example.org/x",
		"git clone https://bob:[password, 6 bytes]@example.org/x");
	becomes("root:$6$salt$abcdefghijklmnop:19000",
		"root:[password hash, 24 bytes, \"$6$s\xe2\x80\xa6\"]:19000");
	becomes("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nb",
		"a\n[private key, 66 bytes, \"----\xe2\x80\xa6\"]\nb");
	becomes("-----BEGIN PRIVATE KEY-----\nMIIB",
		"[private key, 32 bytes, \"----\xe2\x80\xa6\"]");
}

Test(mask, text_without_a_secret_is_as_it_was)
{
	becomes("POSTGRES_PASSWORD_FILE=/run/secrets/db", "POSTGRES_PASSWORD_FILE=/run/secrets/db");
	becomes("/usr/bin/passwd root", "/usr/bin/passwd root");
	becomes("http://example.org:8080/a@b", "http://example.org:8080/a@b");
	becomes("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----");
	becomes("cost $5 and $6", "cost $5 and $6");
	becomes("compass=north", "compass=north");
	becomes("", "");
}

Test(mask, an_argument_behind_a_secret_option_is_secret)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	cr_expect(kan_mask_argument(&out, (struct kan_bytes){0}, KAN_LIT("--password"),
				    KAN_LIT("hunter2")));
	cr_expect_str_eq(kan_buf_str(&out), "[password, 7 bytes]");
	kan_buf_reset(&out);
	cr_expect_not(kan_mask_argument(&out, (struct kan_bytes){0}, KAN_LIT("--password"),
					KAN_LIT("--verbose")));
	cr_expect_str_eq(kan_buf_str(&out), "--verbose");
	kan_buf_reset(&out);
	cr_expect_not(
		kan_mask_argument(&out, (struct kan_bytes){0}, KAN_LIT("--user"), KAN_LIT("bob")));
	cr_expect_str_eq(kan_buf_str(&out), "bob");
}

/* Every form holds PLANTED: it must be gone, and what stands around it must stay. */
#define PLANTED "Hunter2zZ9"
static const struct form {
	const char *text, *shown;
} forms[] = {
	{"mysqladmin --password " PLANTED " ping",
	 "mysqladmin --password [password, 10 bytes] ping"},
	{"--password=" PLANTED, "--password=[password, 10 bytes]"},
	{"-password " PLANTED, "-password [password, 10 bytes]"},
	{"mysql -uroot -p" PLANTED " shop", "mysql -uroot -p[password, 10 bytes] shop"},
	{"/usr/bin/mysql -u root -p " PLANTED, "/usr/bin/mysql -u root -p [password, 10 bytes]"},
	{"mysql -p'" PLANTED " x' shop", "mysql -p'[password, 12 bytes]' shop"},
	{"sshpass -p " PLANTED " ssh a", "sshpass -p [password, 10 bytes] ssh a"},
	{"redis-cli -a " PLANTED " keys", "redis-cli -a [password, 10 bytes] keys"},
	{"curl -u bob:" PLANTED " http://a/", "curl -u bob:[password, 10 bytes] http://a/"},
	{"curl -ubob:" PLANTED " http://a/", "curl -ubob:[password, 10 bytes] http://a/"},
	{"docker login -u bob -p " PLANTED, "docker login -u bob -p [password, 10 bytes]"},
	{"smbclient //a/b -U bob%" PLANTED, "smbclient //a/b -U bob%[password, 10 bytes]"},
	{"ldapsearch -x -w " PLANTED " -b o", "ldapsearch -x -w [password, 10 bytes] -b o"},
	{"'password' => '" PLANTED "'", "'password' => '[password, 10 bytes]'"},
	{"password := " PLANTED, "password := [password, 10 bytes]"},
	{"password\t=\t" PLANTED, "password\t=\t[password, 10 bytes]"},
	{"password   :   " PLANTED, "password   :   [password, 10 bytes]"},
	{"db_password\t" PLANTED, "db_password\t[password, 10 bytes]"},
	{"ENV DB_PASSWORD " PLANTED, "ENV DB_PASSWORD [password, 10 bytes]"},
	{"machine a login bob password " PLANTED,
	 "machine a login bob password [password, 10 bytes]"},
	{"DB_PASSWORD=a," PLANTED, "DB_PASSWORD=[password, 12 bytes]"},
	{"DB_PASSWORD=a;" PLANTED, "DB_PASSWORD=[password, 12 bytes]"},
	{"DB_PASSWORD=a&" PLANTED, "DB_PASSWORD=[password, 12 bytes]"},
	{"DB_PASSWORD=a\"" PLANTED, "DB_PASSWORD=[password, 12 bytes]"},
	{"password=" PLANTED ", user=bob", "password=[password, 10 bytes], user=bob"},
	{"Server=db;Password=" PLANTED ";Database=x",
	 "Server=db;Password=[password, 10 bytes];Database=x"},
	{"{\\\"password\\\": \\\"" PLANTED "\\\", \\\"a\\\": 1}",
	 "{\\\"password\\\": \\\"[password, 10 bytes]\\\", \\\"a\\\": 1}"},
	{"{\"password\": \"a\\\"" PLANTED "\", \"a\": 1}",
	 "{\"password\": \"[password, 13 bytes]\", \"a\": 1}"},
	{"[\"DB_PASSWORD=" PLANTED "\",\"A=b\"]", "[\"DB_PASSWORD=[password, 10 bytes]\",\"A=b\"]"},
	{"{\"name\":\"DB_PASSWORD\",\"value\":\"" PLANTED "\"}",
	 "{\"name\":\"DB_PASSWORD\",\"value\":\"[password, 10 bytes]\"}"},
	{"user[password]=" PLANTED "&a=b", "user[password]=[password, 10 bytes]&a=b"},
	{"<password>" PLANTED "</password>", "<password>[password, 10 bytes]</password>"},
	{"https://" PLANTED "@example.org/x", "https://[token, 10 bytes]@example.org/x"},
	{"https://" PLANTED "@db:80/x", "https://[token, 10 bytes]@db:80/x"},
	{"https://bob:a@" PLANTED "@example.org/x",
	 "https://bob:[password, 12 bytes]@example.org/x"},
	{"postgres://bob:a/" PLANTED "@db/x", "postgres://bob:[password, 12 bytes]@db/x"},
	{"SIGNING_KEY=" PLANTED, "SIGNING_KEY=[key, 10 bytes]"},
	{"encryption_key: " PLANTED, "encryption_key: [key, 10 bytes]"},
	{"GH_TOKEN=" PLANTED, "GH_TOKEN=[token, 10 bytes]"},
	{"APP_SECRET=" PLANTED, "APP_SECRET=[secret, 10 bytes]"},
	{"ROOT_PASSWD=" PLANTED, "ROOT_PASSWD=[password, 10 bytes]"},
	{"UID=sa;PWD=" PLANTED ";", "UID=sa;PWD=[password, 10 bytes];"},
	{"dbPass=" PLANTED, "dbPass=[password, 10 bytes]"},
	{"+DB_PASSWORD=" PLANTED, "+DB_PASSWORD=[password, 10 bytes]"},
	{"Authorization: Basic " PLANTED "==",
	 "Authorization: [token, 18 bytes, \"Basi\xe2\x80\xa6\"]"},
	{"curl -H \"Authorization: Bearer " PLANTED "\" http://a/",
	 "curl -H \"Authorization: [token, 17 bytes, \"Bear\xe2\x80\xa6\"]\" http://a/"},
	{"Cookie: sid=" PLANTED, "Cookie: [token, 14 bytes]"},
	{"bearer " PLANTED PLANTED, "bearer [token, 20 bytes, \"Hunt\xe2\x80\xa6\"]"},
	{"x ghp_" PLANTED PLANTED " y", "x [token, 24 bytes, \"ghp_\xe2\x80\xa6\"] y"},
	{"x ghu_" PLANTED PLANTED " y", "x [token, 24 bytes, \"ghu_\xe2\x80\xa6\"] y"},
	{"x xoxa-1-" PLANTED PLANTED " y", "x [token, 27 bytes, \"xoxa\xe2\x80\xa6\"] y"},
	{"x AIza" PLANTED PLANTED PLANTED "ABCDE y", "x [key, 39 bytes, \"AIza\xe2\x80\xa6\"] y"},
	{"x ya29." PLANTED PLANTED " y", "x [token, 25 bytes, \"ya29\xe2\x80\xa6\"] y"},
	{"x npm_" PLANTED PLANTED PLANTED "123456 y",
	 "x [token, 40 bytes, \"npm_\xe2\x80\xa6\"] y"},
	{"x hvs." PLANTED PLANTED " y", "x [token, 24 bytes, \"hvs.\xe2\x80\xa6\"] y"},
	{"x sk_live_" PLANTED PLANTED " y", "x [key, 28 bytes, \"sk_l\xe2\x80\xa6\"] y"},
	{"https://hooks.slack.com/services/T0/B0/" PLANTED,
	 "https://hooks.slack.com/services/[token, 16 bytes, \"T0/B\xe2\x80\xa6\"]"},
	{"x eyJ" PLANTED PLANTED "." PLANTED PLANTED " y",
	 "x [token, 44 bytes, \"eyJH\xe2\x80\xa6\"] y"},
	{"root:$y$j9T$" PLANTED PLANTED ":1",
	 "root:[password hash, 27 bytes, \"$y$j\xe2\x80\xa6\"]:1"},
	{"x $argon2id$v=19$m=1,t=3,p=4$" PLANTED,
	 "x [password hash, 37 bytes, \"$arg\xe2\x80\xa6\"]"},
	{"bob:$apr1$ab$" PLANTED PLANTED, "bob:[password hash, 29 bytes, \"$apr\xe2\x80\xa6\"]"},
	{"{SSHA}" PLANTED PLANTED, "[password hash, 26 bytes, \"{SSH\xe2\x80\xa6\"]"},
	{"+MIIEpAIBAAKCAQEA" PLANTED PLANTED PLANTED PLANTED "ABCDEFG+",
	 "+[private key, 64 bytes, \"MIIE\xe2\x80\xa6\"]"},
	{"{\"k\":\"-----BEGIN EC PRIVATE KEY-----\\n" PLANTED
	 "\\n-----END EC PRIVATE KEY-----\\n\",\"a\":1}",
	 "{\"k\":\"[private key, 72 bytes, \"----\xe2\x80\xa6\"]\\n\",\"a\":1}"},
};

Test(mask, every_form_of_the_table)
{
	cr_assert_geq(sizeof forms / sizeof *forms, 40);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
		(void)kan_mask_text(&out, kan_bytes_of(forms[i].text));
		cr_expect_str_eq(kan_buf_str(&out), forms[i].shown, "%s\n -> %s\n is %s",
				 forms[i].text, forms[i].shown, kan_buf_str(&out));
		cr_expect_null(strstr(kan_buf_str(&out), PLANTED), "%s", forms[i].text);
	}
}

Test(mask, what_only_looks_like_one_is_as_it_was)
{
	static const char *const all[] = {
		"Failed password for root from 10.0.0.1 port 22 ssh2",
		"Accepted publickey for bob",
		"/etc/passwd: No such file",
		"PWD=/app",
		"OLDPWD=/root",
		"cp -p a b",
		"mkdir -p /a/b",
		"ssh -p 2222 bob@example.org",
		"mysql -p",
		"git clone ssh://git@example.org/x",
		"PUBLIC_KEY=abc",
		"primary_key=id",
		"max_tokens=100",
		"token_type: bearer",
		"bearer of bad news",
		"de72247b5ee525c2de72247b5ee525c2de72247b5ee525c2de72247b5ee525c2",
		"http://example.org/a:b@c",
		"-p x",
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		becomes(all[i], all[i]);
}

/* Each of them was, or would be, looked at again and again. */
Test(mask, a_long_run_takes_time_in_proportion, .timeout = 120)
{
	static const char *const pieces[] = {"-",         ".",  "a.",   "://a:b", " -p",
					     "password ", "a ", "eyJ-", "\\\"",   "=>"};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		kan_auto_buf struct kan_buf in = KAN_BUF(2 << 20), out = KAN_BUF(64 << 20);
		while (in.len < 1 << 20)
			kan_buf_adds(&in, pieces[i]);
		(void)kan_mask_text(&out, kan_buf_bytes(&in)); /* else it would be hours */
		cr_expect_not(out.failed, "%s", pieces[i]);
	}
}

/* Pieces that begin or end something, in any order: each secret lies within the text, one behind
 * another. */
Test(mask, what_is_found_lies_within_the_text)
{
	static const char *const pieces[] = {
		"DB_PASSWORD", "=",     ":",           " ",           "\"",        "\\",      "-p",
		"mysql ",      "://",   "http",        "@",           "/",         "Zz9",     ";",
		"&",           "\n",    "-----BEGIN ", "PRIVATE KEY", "-----END ", "$6$",     "eyJ",
		"<password>",  "value", "]",           "bearer ",     "curl -u",   "--token "};
	unsigned seed = 7;
	for (int round = 0; round < 20000; round++) {
		kan_auto_buf struct kan_buf in = KAN_BUF(1024), out = KAN_BUF(1 << 16);
		for (int i = 0; i < round % 24; i++) {
			seed = seed * 1103515245U + 12345U;
			kan_buf_adds(&in, pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)]);
		}
		struct kan_bytes text = kan_buf_bytes(&in);
		size_t at = 0, n = 0;
		const char *kind = NULL;
		for (size_t found = 0; (found = kan_mask_find(&n, &kind, text, at)) != 0;) {
			cr_assert(n && found > at && n <= text.n && found - 1 + n <= text.n, "%s",
				  kan_buf_str(&in));
			at = found - 1 + n;
		}
		(void)kan_mask_text(&out, text);
	}
}
