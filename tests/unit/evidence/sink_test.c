/* The sink's words: one message each, clean for display, and the window. */
#include "world.h"

#include <kanshiki/engine.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct kan_msg only(struct world *w, enum kan_msg_type type)
{
	struct kan_msg m = {0}, more;
	cr_assert(world_receive(w, &m));
	cr_assert_eq(m.type, (uint32_t)type);
	cr_assert(!world_receive(w, &more));
	return m;
}

Test(sink, a_gap_is_told_with_its_code_and_reason)
{
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	kan_sink_gap(s, KAN_LIT("/mnt/nfs"), KAN_GAP_UNSUPPORTED, "%s, %d", "nfs", 4);
	struct kan_msg m = only(&w, KAN_MSG_GAP);
	cr_assert_str_eq(m.what, "/mnt/nfs");
	cr_assert_str_eq(m.why, "nfs, 4");
	cr_assert_eq(m.code, KAN_GAP_UNSUPPORTED);
	kan_sink_free(s);
}

Test(sink, an_error_becomes_a_gap_of_its_kind)
{
	auto_world struct world w;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	kan_err_sys(&err, EACCES, "/proc/1/fd");
	kan_sink_gap_err(s, KAN_LIT("fd"), &err);
	struct kan_msg m = only(&w, KAN_MSG_GAP);
	cr_assert_eq(m.code, KAN_GAP_DENIED);
	cr_assert(strstr(m.why, "/proc/1/fd"));
	kan_sink_free(s);
}

Test(sink, what_the_target_named_is_made_visible)
{
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	kan_sink_gap(s, KAN_LIT("a\nb\x1b[31m\xff\xe2\x80\xae"), KAN_GAP_DENIED, "%s", "c\nd");
	struct kan_msg m = only(&w, KAN_MSG_GAP);
	cr_assert_null(strpbrk(m.what, "\n\x1b"));
	cr_assert_null(strstr(m.what, "\xe2\x80\xae"));
	cr_assert_null(strchr(m.why, '\n'));
	kan_sink_free(s);
}

Test(sink, a_name_longer_than_a_message_is_cut_at_a_character)
{
	auto_world struct world w;
	char name[5000];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	for (size_t shift = 0; shift < 3; shift++) {
		memset(name, 'x', sizeof(name));
		for (size_t i = shift; i + 3 <= sizeof(name); i += 3)
			memcpy(name + i, "\xe2\x82\xac", 3);
		kan_sink_gap(s, (struct kan_bytes){(uint8_t *)name, sizeof(name)}, KAN_GAP_DENIED,
			     "x");
		struct kan_msg m =
			only(&w, KAN_MSG_GAP); /* well-formed, which has no cut character */
		cr_assert_geq(strlen(m.what), KAN_MSG_WHAT - 4);
	}
	kan_sink_free(s);
}

Test(sink, limits_scope_impact_and_items_are_told)
{
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	kan_sink_limit(s, KAN_LIT("entries"), 9, 5, 4);
	struct kan_msg m = only(&w, KAN_MSG_LIMIT);
	cr_assert(m.n[0] == 9 && m.n[1] == 5 && m.n[2] == 4);
	cr_assert_str_eq(m.why, "seen 9, kept 5, limit 4");
	kan_sink_scope(s, KAN_LIT("volume"), "not asked for");
	m = only(&w, KAN_MSG_SCOPE);
	cr_assert_str_eq(m.what, "volume");
	kan_sink_impact(s, "atime of one file");
	m = only(&w, KAN_MSG_IMPACT);
	cr_assert_str_eq(m.why, "atime of one file");
	kan_sink_items(s, 7);
	m = only(&w, KAN_MSG_ITEMS);
	cr_assert_eq(m.n[0], 7);
	kan_sink_window_break(s);
	(void)only(&w, KAN_MSG_BREAK);
	kan_sink_free(s);
}

Test(sink, a_call_to_the_engine_is_told_for_the_journal)
{
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "engine", NULL);
	struct kan_engine_call call = {
		.method = "GET", .path = "/info", .status = 200, .octets = 9};
	memset(call.sha256, 'a', 64);
	kan_sink_request(&call, s);
	struct kan_msg m = only(&w, KAN_MSG_REQUEST);
	cr_assert_str_eq(m.what, "/info");
	cr_assert_str_eq(m.why, "GET");
	cr_assert(m.n[0] == 200 && m.n[1] == 9 && strlen(m.sha256) == 64);
	kan_sink_free(s);
}

Test(sink, the_end_abandons_what_is_open_first)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	struct kan_msg m;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "engine", NULL);
	cr_assert_eq(kan_sink_open(&a, s, "info.json", NULL), 0);
	cr_assert_eq(kan_artefact_write(a, "{", 1, NULL), 0);
	kan_sink_end(s, 1, "the engine is gone");
	cr_assert(world_receive(&w, &m));
	cr_assert_eq(m.type, KAN_MSG_ARTEFACT);
	cr_assert_eq(m.n[2], 0, "not whole");
	m = only(&w, KAN_MSG_END);
	cr_assert_eq(m.n[0], 1);
	cr_assert_str_eq(m.why, "the engine is gone");
	kan_sink_free(s);
}

Test(sink, the_window_waits_for_go_and_says_when_it_is_left)
{
	auto_world struct world w;
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "processes", NULL);
	struct kan_msg go = {.type = KAN_MSG_GO, .n = {1}};
	cr_assert(!kan_sink_frozen(s));
	atomic_store(&w.window.frozen, 1);
	cr_assert(kan_sink_frozen(s));
	cr_assert_eq(send(w.ends[0], &go, sizeof(go), 0), (ssize_t)sizeof(go));
	cr_assert_eq(kan_sink_window_enter(s, 10, 20, NULL), 0);
	struct kan_msg m = only(&w, KAN_MSG_READY);
	cr_assert(m.n[0] == 10 && m.n[1] == 20);
	kan_sink_window_leave(s);
	(void)only(&w, KAN_MSG_LEAVE);
	kan_sink_free(s);
}

Test(sink, a_window_whose_conductor_is_gone_is_an_error_not_a_wait)
{
	auto_world struct world w;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "processes", NULL);
	kan_auto_close_fn(&w.ends[0]);
	cr_assert_eq(kan_sink_window_enter(s, 0, 0, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	kan_sink_free(s);
}

Test(sink, a_name_that_is_too_long_is_refused)
{
	struct kan_sink *s = NULL;
	struct kan_err err = {0};
	char name[80];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	const struct kan_sink_opts o = {
		.bundle_fd = -1, .channel = -1, .collector = name, .bundle = "b"};
	cr_assert_eq(kan_sink_new(&s, &o, &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	kan_sink_free(NULL);
}
