/* Messages: a child that was taken over can say only what is well-formed. */
#include "world.h"

static struct kan_msg artefact(void)
{
	struct kan_msg m = {.type = KAN_MSG_ARTEFACT, .n = {5, 1, 1}, .what = "data/logs/a"};
	memset(m.sha256, 'a', 64);
	return m;
}

Test(channel, each_type_is_taken_as_the_sink_sends_it)
{
	for (uint32_t type = KAN_MSG_READY; type <= KAN_MSG_END; type++) {
		struct kan_msg m = artefact();
		m.type = type;
		m.n[0] = m.n[2] = 0;
		m.code = type == KAN_MSG_LIMIT ? KAN_GAP_LIMIT : 0;
		cr_expect(kan_msg_ok(&m, sizeof(m)), "type %u", type);
	}
}

Test(channel, another_size_or_type_is_refused)
{
	struct kan_msg m = artefact();
	cr_assert(kan_msg_ok(&m, sizeof(m)));
	cr_assert(!kan_msg_ok(&m, sizeof(m) - 1));
	cr_assert(!kan_msg_ok(&m, 0));
	m.type = 0;
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m.type = KAN_MSG_END + 1;
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
}

Test(channel, text_without_an_end_or_with_controls_is_refused)
{
	struct kan_msg m = artefact();
	memset(m.why, 'x', sizeof(m.why));
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = artefact();
	memset(m.what, 'x', sizeof(m.what));
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	static const char *const texts[] = {"a\nb", "\x1b[31m", "\xff", "\xe2\x80\xae", "\x7f"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		m = artefact();
		(void)snprintf(m.why, sizeof(m.why), "%s", texts[i]);
		cr_expect(!kan_msg_ok(&m, sizeof(m)), "%zu", i);
	}
}

Test(channel, an_artefact_lies_below_data_and_has_a_digest)
{
	static const char *const paths[] = {
		"journal.ndjson", "data", "data/",  "data/../journal.ndjson",
		"/data/x",        "",     "data/X", "data/a/b/c/d/e/f/g/h"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct kan_msg m = artefact();
		(void)snprintf(m.what, sizeof(m.what), "%s", paths[i]);
		cr_expect(!kan_msg_ok(&m, sizeof(m)), "%s", paths[i]);
	}
	struct kan_msg m = artefact();
	m.sha256[3] = 'G';
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = artefact();
	m.sha256[0] = 0;
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = artefact();
	m.sha256[64] = 'a';
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
}

Test(channel, codes_and_numbers_out_of_their_range_are_refused)
{
	struct kan_msg m = artefact();
	m.n[2] = 2;
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = (struct kan_msg){.type = KAN_MSG_GAP, .code = KAN_GAP_NOT_APPLICABLE + 1};
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = (struct kan_msg){.type = KAN_MSG_LIMIT, .code = KAN_GAP_DENIED};
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = (struct kan_msg){.type = KAN_MSG_ITEMS, .code = 1};
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = (struct kan_msg){.type = KAN_MSG_END, .n = {3}};
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
	m = (struct kan_msg){.type = KAN_MSG_REQUEST, .n = {1000}};
	cr_assert(!kan_msg_ok(&m, sizeof(m)));
}
