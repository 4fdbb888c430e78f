/* Remotes: their addresses, and what they answer. */
#include "custody/pktline.h"
#include "custody/remote.h"

#include <criterion/criterion.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef01234567"

static void kind_is(const char *text, enum kan_remote_kind kind, const char *url)
{
	struct kan_remote r;
	struct kan_err err = {0};

	cr_assert_eq(kan_remote_parse(&r, text, &err), 0, "%s: %s", text, err.text);
	cr_assert_eq(r.kind, kind, "%s", text);
	cr_assert_str_eq(r.url, url);
}

static void no_remote(const char *text, const char *words)
{
	struct kan_remote r;
	struct kan_err err = {0};

	cr_assert_eq(kan_remote_parse(&r, text, &err), -1, "%s", text);
	cr_assert_eq(err.code, KAN_EUSAGE, "%s", text);
	cr_assert(strstr(err.text, words), "%s: %s", text, err.text);
}

Test(remote, an_address_is_read_as_git_reads_it)
{
	kind_is("/srv/r.git/", KAN_REMOTE_FILE, "/srv/r.git");
	kind_is("../r.git", KAN_REMOTE_FILE, "../r.git");
	kind_is("./a:b", KAN_REMOTE_FILE, "./a:b");
	kind_is("/", KAN_REMOTE_FILE, "/");
	kind_is("file:///srv/r.git", KAN_REMOTE_FILE, "/srv/r.git");
	kind_is("https://example.org/a/r.git/", KAN_REMOTE_HTTP, "https://example.org/a/r.git");
	kind_is("http://[::1]:8080/r.git", KAN_REMOTE_HTTP, "http://[::1]:8080/r.git");
	kind_is("git@example.org:r.git", KAN_REMOTE_OTHER, "git@example.org:r.git");
	kind_is("ssh://git@example.org:22/r.git", KAN_REMOTE_OTHER,
		"ssh://git@example.org:22/r.git");
	kind_is("ssh://example.org/r.git", KAN_REMOTE_OTHER, "ssh://example.org/r.git");
}

Test(remote, an_address_with_a_password_a_query_or_controls_is_refused)
{
	no_remote("", "which remote");
	no_remote("https://a:b@example.org/r.git", "--credentials");
	no_remote("https://a@example.org", "--credentials");
	no_remote("ssh://a:b@example.org/r.git", "--credentials");
	no_remote("file://a:b@example.org/r.git", "--credentials");
	no_remote("https://example.org/r.git?x=1", "no address");
	no_remote("https://example.org/r.git#x", "no address");
	no_remote("https:///r.git", "no address");
	no_remote("/srv/\x1b[31m", "no such bytes");
	no_remote("http://example.org/\nHost: x", "no such bytes");
}

static struct kan_bytes pkts(struct kan_buf *out, const char *const *list)
{
	for (; *list; list++)
		if (**list)
			kan_pkt_add(out, kan_bytes_of(*list));
		else
			kan_buf_adds(out, "0000");
	return kan_buf_bytes(out);
}

static void advert(const char *const *list, int rc, const char *want)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	struct kan_err err = {0};
	char id[KAN_GIT_ID] = "";

	cr_assert_eq(kan_pkt_advert(id, pkts(&text, list), "git-upload-pack", KAN_GIT_BRANCH, &err),
		     rc, "%s: %s", list[0], err.text);
	if (rc == 0)
		cr_assert_str_eq(id, want);
}

Test(remote, main_is_found_in_an_advertisement_and_nothing_else_is_taken_for_it)
{
	static const char head[] = "# service=git-upload-pack\n";

	advert((const char *const[]){head, "", ID " HEAD\n", ID " refs/heads/main\n", "", NULL}, 0,
	       ID);
	advert((const char *const[]){head, "", ID " refs/heads/main2\n", "", NULL}, 0, "");
	advert((const char *const[]){head, "", "", NULL}, 0, "");
	advert((const char *const[]){"# service=git-receive-pack\n", "", "", NULL}, -1, NULL);
	advert((const char *const[]){head, "", ID " refs/heads/main\n", NULL}, -1, NULL);
	advert((const char *const[]){head, ID " refs/heads/main\n", "", NULL}, -1, NULL);
	advert((const char *const[]){head, "", "short\n", "", NULL}, -1, NULL);
	advert((const char *const[]){head, "", "X" ID " refs/heads/main\n", "", NULL}, -1, NULL);
	advert((const char *const[]){head, "", "", "behind", NULL}, -1, NULL);
}

Test(remote, a_packet_that_is_longer_than_what_came_is_no_packet)
{
	static const char *const bad[] = {"",     "000",       "0001",          "0003x", "0005",
					  "zzzz", "fffffffff", "ffff and more", "+004"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_bytes rest = kan_bytes_of(bad[i]), data;

		cr_assert_eq(kan_pkt_next(&data, &rest, NULL), -1, "%s", bad[i]);
	}
}

static int report(const char *const *list, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);

	return kan_pkt_report(pkts(&text, list), KAN_GIT_BRANCH, err);
}

Test(remote, a_push_is_done_when_both_words_of_it_came)
{
	struct kan_err err = {0};

	cr_assert_eq(report((const char *const[]){"unpack ok\n", "ok refs/heads/main\n", "", NULL},
			    &err),
		     0);
	cr_assert_eq(report((const char *const[]){"unpack ok\n", "", NULL}, &err), -1);
	cr_assert_eq(report((const char *const[]){"ok refs/heads/main\n", "", NULL}, &err), -1);
	cr_assert_eq(report((const char *const[]){"unpack ok\n", "ok refs/heads/other\n", "", NULL},
			    &err),
		     -1);
	err = (struct kan_err){0};
	cr_assert_eq(report((const char *const[]){"unpack ok\n",
						  "ng refs/heads/main hook declined\n", "", NULL},
			    &err),
		     -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert(strstr(err.text, "ng refs/heads/main hook declined"), "%s", err.text);
}
