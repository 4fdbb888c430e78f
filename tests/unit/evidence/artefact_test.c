/* Artefacts: exclusive, hashed while written, announced when closed; a failed write is the end of
 * it. */
#include "world.h"

#include "evidence/late.h"

#include <signal.h>
#include <sys/resource.h>

static struct kan_msg announced(struct world *w, const char *path, bool whole)
{
	struct kan_msg m = {0};
	cr_assert(world_receive(w, &m));
	cr_assert_eq(m.type, KAN_MSG_ARTEFACT);
	cr_assert_str_eq(m.what, path);
	cr_assert_eq(m.n[2], whole);
	return m;
}

Test(artefact, what_is_written_is_there_with_the_digest_that_was_told)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(8 << 20);
	char sha256[65];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "json-file/0.log", NULL), 0);
	for (int i = 0; i < 40000; i++)
		cr_assert_eq(
			kan_artefact_write(a, "0123456789012345678901234567890123456789012345678\n",
					   50, NULL),
			0);
	cr_assert_eq(kan_artefact_close(a, NULL), 0);
	struct kan_msg m = announced(&w, "data/logs/json-file/0.log", true);
	world_read(&text, w.dir, m.what);
	kan_sha256_hex(sha256, kan_buf_bytes(&text));
	cr_assert_str_eq(m.sha256, sha256);
	cr_assert(m.n[0] == 2000000 && text.len == 2000000);
	kan_sink_free(s);
}

Test(artefact, a_name_is_used_once)
{
	auto_world struct world w;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "host", NULL);
	cr_assert_eq(kan_sink_put(s, "host.json", KAN_LIT("{}"), NULL), 0);
	cr_assert_eq(kan_sink_put(s, "host.json", KAN_LIT("{}"), &err), -1);
	cr_assert_eq(err.code, KAN_EIO, "%s", err.text);
	cr_assert(kan_sink_failed(s));
	kan_sink_free(s);
}

Test(artefact, only_the_names_of_its_collector_are_taken)
{
	static const char *const names[] = {"host.json", "content/", NULL};
	static const char *const bad[] = {"other.json", "content",      "../x",       "/etc/x",
					  "Host.json",  "content/../x", "content/.x", ""};
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "host", names);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_err err = {0};
		struct kan_artefact *a = NULL;
		cr_expect_eq(kan_sink_open(&a, s, bad[i], &err), -1, "%s", bad[i]);
		cr_expect_eq(err.code, KAN_EUSAGE, "%s", bad[i]);
	}
	cr_assert_eq(kan_sink_put(s, "host.json", KAN_LIT("{}"), NULL), 0);
	cr_assert_eq(kan_sink_put(s, "content/a", KAN_LIT("{}"), NULL), 0);
	cr_assert(!kan_sink_failed(s));
	kan_sink_free(s);
}

Test(artefact, content_lies_under_its_own_digest_and_once)
{
	auto_world struct world w;
	char one[65], two[65], name[128];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "processes", NULL);
	for (char *sha256 = one; sha256; sha256 = sha256 == one ? two : NULL) {
		struct kan_artefact *a = NULL;
		cr_assert_eq(kan_sink_content(&a, s, "exe", NULL), 0);
		cr_assert_eq(kan_artefact_write(a, "\177ELF", 4, NULL), 0);
		cr_assert_eq(kan_artefact_close_content(sha256, a, NULL), 0);
	}
	cr_assert_str_eq(one, two);
	(void)snprintf(name, sizeof(name), "data/processes/exe/%s", one);
	(void)announced(&w, name, true);
	struct kan_msg m;
	cr_assert(!world_receive(&w, &m), "told once");
	world_shell(w.partial, 0, "test $(find data -type f | wc -l) = 1");
	kan_sink_free(s);
}

Test(artefact, content_that_is_given_up_keeps_no_digest_for_a_name)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "processes", NULL);
	cr_assert_eq(kan_sink_content(&a, s, "exe", NULL), 0);
	cr_assert_eq(kan_artefact_write(a, "half", 4, NULL), 0);
	kan_artefact_abandon(a);
	struct kan_msg m = announced(&w, "data/processes/exe/unnamed-0", false);
	cr_assert(world_there(w.dir, m.what));
	kan_sink_free(s);
}

Test(artefact, two_contents_at_a_time_given_up_in_any_order_keep_their_own_names)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL, *b = NULL;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "processes", NULL);
	cr_assert_eq(kan_sink_content(&a, s, "exe", NULL), 0);
	cr_assert_eq(kan_sink_content(&b, s, "exe", NULL), 0);
	cr_assert_eq(kan_artefact_write(a, "first", 5, NULL), 0);
	kan_artefact_abandon(a);
	struct kan_msg m = announced(&w, "data/processes/exe/unnamed-0", false);
	cr_assert_eq(m.n[0], 5);
	kan_artefact_abandon(b);
	m = announced(&w, "data/processes/exe/unnamed-1", false);
	cr_assert_eq(m.n[0], 0);
	kan_sink_free(s);
}

/* A full disk, as far as one process can have it. */
static void no_more_than(rlim_t n)
{
	const struct rlimit l = {n, n};
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

Test(artefact, a_write_that_fails_is_io_for_ever_and_nothing_is_announced_as_whole)
{
	auto_world struct world w;
	struct kan_err err = {0};
	struct kan_artefact *a = NULL;
	struct kan_msg m;
	static uint8_t big[4 << 20];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "api.stream", NULL), 0);
	no_more_than(1 << 20);
	cr_assert_eq(kan_artefact_write(a, big, sizeof(big), &err), -1);
	cr_assert_eq(err.code, KAN_EIO, "%s", err.text);
	cr_assert(kan_sink_failed(s));
	cr_assert_eq(kan_artefact_close(a, NULL), -1);
	kan_sink_end(s, 0, "");
	cr_assert(world_receive(&w, &m));
	cr_assert_eq(m.type, KAN_MSG_END);
	cr_assert_eq(m.n[0], 2, "fatal whatever the collector says");
	kan_sink_free(s);
}

Test(artefact, an_empty_one_is_evidence_too)
{
	auto_world struct world w;
	char sha256[65];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	cr_assert_eq(kan_sink_put(s, "a", (struct kan_bytes){0}, NULL), 0);
	kan_sha256_hex(sha256, (struct kan_bytes){0});
	cr_assert_str_eq(announced(&w, "data/logs/a", true).sha256, sha256);
	kan_sink_free(s);
}

Test(artefact, a_directory_of_ours_that_became_a_link_is_not_followed)
{
	auto_world struct world w;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	cr_assert_eq(symlinkat("/tmp", w.dir, "data/logs"), 0);
	cr_assert_eq(kan_sink_put(s, "a", (struct kan_bytes){0}, &err), -1);
	cr_assert_eq(err.code, KAN_EIO);
	kan_sink_free(s);
}

static int append(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)err;
	kan_buf_addb(arg, piece);
	return 0;
}

Test(artefact, a_late_one_is_patched_and_its_digest_is_of_what_stands_there)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(8 << 20), seen = KAN_BUF(8 << 20);
	char sha256[65];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "memory", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "core/1-2.elf", NULL), 0);
	kan_artefact_late(a);
	cr_assert_eq(kan_artefact_write(a, "xxxx----", 8, NULL), 0);
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(
			kan_artefact_write(a, "0123456789012345678901234567890123456789012345678\n",
					   50, NULL),
			0);
	cr_assert_eq(kan_artefact_patch(a, 0, KAN_LIT("head"), NULL), 0);
	cr_assert_eq(kan_artefact_pieces(a, append, &seen, NULL), 0);
	cr_assert_eq(kan_artefact_close(a, NULL), 0);
	struct kan_msg m = announced(&w, "data/memory/core/1-2.elf", true);
	world_read(&text, w.dir, m.what);
	kan_sha256_hex(sha256, kan_buf_bytes(&text));
	cr_assert_str_eq(m.sha256, sha256);
	cr_assert(m.n[0] == 1000008 && text.len == 1000008);
	cr_assert_eq(memcmp(text.data, "head----0123", 12), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&text), kan_buf_bytes(&seen)));
	kan_sink_free(s);
}

Test(artefact, a_late_one_that_nobody_read_back_has_its_digest_too)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	char sha256[65];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "memory", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "core/1-2.elf", NULL), 0);
	kan_artefact_late(a);
	cr_assert_eq(kan_artefact_write(a, "abc", 3, NULL), 0);
	cr_assert_eq(kan_artefact_close(a, NULL), 0);
	struct kan_msg m = announced(&w, "data/memory/core/1-2.elf", true);
	kan_sha256_hex(sha256, KAN_LIT("abc"));
	cr_assert_str_eq(m.sha256, sha256);
	kan_sink_free(s);
}

Test(artefact, a_late_one_is_patched_within_what_was_written_and_before_it_is_read)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "memory", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "x", NULL), 0);
	kan_artefact_late(a);
	cr_assert_eq(kan_artefact_write(a, "abc", 3, NULL), 0);
	cr_assert_eq(kan_artefact_patch(a, 2, KAN_LIT("xy"), &err), -1);
	cr_assert_eq(err.code, KAN_EIO);
	cr_assert_eq(kan_artefact_pieces(a, NULL, NULL, NULL), 0);
	cr_assert_eq(kan_artefact_patch(a, 0, KAN_LIT("x"), NULL), -1);
	kan_artefact_abandon(a);
	(void)announced(&w, "data/memory/x", false);
	kan_sink_free(s);
}

static int refuse(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)piece;
	(void)arg;
	return kan_fail(err, KAN_EFORMAT, "no");
}

Test(artefact, a_late_one_that_cannot_be_read_back_is_never_sealed)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "memory", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "x", NULL), 0);
	kan_artefact_late(a);
	cr_assert_eq(kan_artefact_write(a, "abc", 3, NULL), 0);
	cr_assert_eq(kan_artefact_pieces(a, refuse, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EIO);
	cr_assert(kan_sink_failed(s));
	kan_artefact_abandon(a);
	kan_sink_free(s);
}
