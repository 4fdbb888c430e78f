/* Lines of a log, in the form of each driver. */
#include <criterion/criterion.h>
#include <string.h>

#include "analyze/loglines.h"

static bool text_is(const struct kan_log_line *l, const char *text)
{
	return kan_bytes_eq(l->text, kan_bytes_of(text));
}

Test(logparse, a_line_of_json_file_has_text_stream_and_time)
{
	struct kan_bytes left = kan_bytes_of(
		"{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-22T05:23:17.5Z\"}\n"
		"{\"log\":\"t\\u0041b\\\\\\\"q\\t\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-"
		"22T05:"
		"23:18Z\"}\n");
	kan_auto_buf struct kan_buf decoded = KAN_BUF(KAN_LOG_LINE);
	struct kan_log_line l = {0};
	cr_assert(kan_log_json(&l, &left, &decoded));
	cr_expect(text_is(&l, "one"));
	cr_expect_str_eq(l.stream, "stdout");
	cr_expect_eq(l.time_ns, INT64_C(1795324997500000000));
	cr_assert(kan_log_json(&l, &left, &decoded));
	cr_expect(text_is(&l, "tAb\\\"q\t"));
	cr_expect_str_eq(l.stream, "stderr");
	cr_expect_not(kan_log_json(&l, &left, &decoded));
}

/* The container writes the text: what looks like a key in it is none. */
Test(logparse, words_of_the_text_are_no_keys)
{
	struct kan_bytes left =
		kan_bytes_of("{\"log\":\"\\\"stream\\\":\\\"stderr\\\",\\\"time\\\":\\\"1999-01-"
			     "01T00:00:00Z\\\"\\n\","
			     "\"stream\":\"stdout\",\"time\":\"2026-11-22T05:23:17Z\"}\n");
	kan_auto_buf struct kan_buf decoded = KAN_BUF(KAN_LOG_LINE);
	struct kan_log_line l = {0};
	cr_assert(kan_log_json(&l, &left, &decoded));
	cr_expect_str_eq(l.stream, "stdout");
	cr_expect_eq(l.time_ns, INT64_C(1795324997000000000));
}

Test(logparse, what_is_no_json_is_a_line_without_words)
{
	static const char *const texts[] = {
		"", "{", "{\"log\":\"", "{\"log\":\"\\", "\n", "{\"log\":\"a\\u00"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct kan_bytes left = kan_bytes_of(texts[i]);
		kan_auto_buf struct kan_buf decoded = KAN_BUF(KAN_LOG_LINE);
		struct kan_log_line l = {0};
		size_t lines = 0;
		while (kan_log_json(&l, &left, &decoded))
			lines++;
		cr_expect_leq(lines, 1, "%s", texts[i]);
	}
}

Test(logparse, a_line_of_podmans_file_has_them_too)
{
	struct kan_bytes left =
		kan_bytes_of("2026-11-22T05:23:17+00:00 stderr F two words\nbroken\n");
	struct kan_log_line l = {0};
	cr_assert(kan_log_k8s(&l, &left));
	cr_expect(text_is(&l, "two words"));
	cr_expect_str_eq(l.stream, "stderr");
	cr_expect_eq(l.time_ns, INT64_C(1795324997000000000));
	cr_assert(kan_log_k8s(&l, &left));
	cr_expect_eq(l.text.n, 0);
	cr_expect_not(kan_log_k8s(&l, &left));
}

Test(logparse, a_record_of_the_local_driver_is_taken_between_its_lengths)
{
	static const uint8_t record[] = {0,   0,   0,   16,   0x0a, 6, 's',  't',
					 'd', 'e', 'r', 'r',  0x10, 5, 0x1a, 4,
					 'b', 'y', 'e', '\n', 0,    0, 0,    16};
	struct kan_bytes left = {record, sizeof(record)};
	struct kan_log_line l = {0};
	cr_assert(kan_log_local(&l, &left));
	cr_expect(text_is(&l, "bye"));
	cr_expect_str_eq(l.stream, "stderr");
	cr_expect_eq(l.time_ns, 5);
	cr_expect_not(kan_log_local(&l, &left));
	for (size_t cut = 0; cut < sizeof(record); cut++) {
		struct kan_bytes part = {record, cut};
		cr_expect_not(kan_log_local(&l, &part), "%zu", cut);
	}
}
