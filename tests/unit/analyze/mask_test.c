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
	cr_expect(kan_mask_argument(&out, KAN_LIT("--password"), KAN_LIT("hunter2")));
	cr_expect_str_eq(kan_buf_str(&out), "[password, 7 bytes]");
	kan_buf_reset(&out);
	cr_expect_not(kan_mask_argument(&out, KAN_LIT("--password"), KAN_LIT("--verbose")));
	cr_expect_str_eq(kan_buf_str(&out), "--verbose");
	kan_buf_reset(&out);
	cr_expect_not(kan_mask_argument(&out, KAN_LIT("--user"), KAN_LIT("bob")));
	cr_expect_str_eq(kan_buf_str(&out), "bob");
}
