/* The terminal summary: 23 lines, the foot whole, each drop rule, no active byte. */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "incident.h"
#include "reports/model.h"

static const char bundle_path[] = "/var/lib/kanshiki/bundles/20261122t053312z-3f2a9c41d0be-7c1e";
static const char report_path[] =
	"/var/lib/kanshiki/reports/20261122t053312z-3f2a9c41d0be-7c1e/report.html";

/* provisional is the only thing that a capture's two screens differ in. */
static void draw_with(struct kan_buf *out, const json_t *doc, const struct kan_screen *s)
{
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, NULL);
	cr_assert_eq(kan_report_terminal(out, m, s, &err), 0, "%s", err.text);
	kan_model_free(m);
}

static struct kan_screen screen_of(const char *bundle)
{
	return (struct kan_screen){.columns = 80,
				   .bundle_path = bundle,
				   .report_path = report_path,
				   .exit_words = "something that was asked for is missing",
				   .exit_status = 5};
}

static void draw(struct kan_buf *out, const json_t *doc, const char *bundle, bool provisional)
{
	struct kan_screen s = screen_of(bundle);
	s.provisional = provisional;
	draw_with(out, doc, &s);
}

/* Lines as a screen of 80 columns shows them. */
static size_t screen_lines(const struct kan_buf *b)
{
	size_t n = 0;
	for (size_t at = 0; at < b->len;) {
		const uint8_t *end = memchr(b->data + at, '\n', b->len - at);
		cr_assert_not_null(end, "the last line ends");
		struct kan_bytes line = {b->data + at, (size_t)(end - b->data) - at};
		size_t columns = kan_columns(line);
		n += columns ? (columns + 79) / 80 : 1;
		at += line.n + 1;
	}
	return n;
}

static void has_foot(const struct kan_buf *b, const char *bundle)
{
	const char *text = kan_buf_str(b);
	cr_assert_not_null(strstr(text, seal_text), "the whole seal");
	cr_assert_not_null(strstr(text, bundle), "the whole path of the bundle");
	cr_assert_not_null(strstr(text, report_path));
	cr_assert_not_null(strstr(text, "\nNOT SEEN "));
	cr_assert_not_null(strstr(text, "\nexit 5: something that was asked for is missing"));
}

Test(terminal, it_fits_a_screen_and_its_foot_is_whole)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&out, doc, bundle_path, false);
	cr_assert_eq(screen_lines(&out), 23);
	cr_assert_not_null(strstr(kan_buf_str(&out), "\nNOT SEEN 4 things, see the report\nseal "));
	cr_assert_not_null(
		strstr(kan_buf_str(&out), "\nENTRY    exec (inside): supported, moderate "));
	cr_assert_eq(strncmp(kan_buf_str(&out),
			     "VERDICT  INTRUSION, strength high: processes, sockets, files; ", 62),
		     0);
	has_foot(&out, bundle_path);
	cr_assert_not_null(strstr(kan_buf_str(&out), "\nSECRETS  "), "an answer of the page");
	json_decref(doc);
}

Test(terminal, the_first_findings_make_room_before_a_block_goes)
{
	char bundle[240] = "/";
	memset(bundle + 1, 'x', 140);
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&out, doc, bundle, false);
	const char *first = strstr(kan_buf_str(&out), "\nFIRST    ");
	cr_assert_not_null(first);
	cr_assert_eq(strncmp(strchr(first + 1, '\n'), "\nDO NOW   ", 10), 0, "one line is left");
	cr_assert_not_null(strstr(kan_buf_str(&out), "\nREACH "));
	json_decref(doc);
}

Test(terminal, what_the_last_line_says_is_broken_and_never_cut)
{
	char bundle[900] = "/";
	memset(bundle + 1, 'x', 800);
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&out, doc, bundle, false);
	const char *last = strstr(kan_buf_str(&out), "\nexit 5: ");
	cr_assert_not_null(last);
	cr_assert_null(strstr(last, "…"), "%s", last);
	cr_assert_not_null(strstr(last, " not assessed\n"), "%s", last);
	cr_assert_not_null(strstr(last, "views"), "%s", last);
	cr_assert_leq(screen_lines(&out), 23);
	json_decref(doc);
}

Test(terminal, what_follows_it_has_its_room_on_the_same_screen)
{
	json_t *doc = incident();
	for (unsigned below = 0; below < 40; below++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
		struct kan_screen s = screen_of(bundle_path);
		s.below = below;
		draw_with(&out, doc, &s);
		/* At least half of the screen is the summary's own. */
		cr_assert_leq(screen_lines(&out), 23 - (below < 11 ? below : 11), "%u", below);
		has_foot(&out, bundle_path);
		cr_assert_eq(strncmp(kan_buf_str(&out), "VERDICT", 7), 0);
	}
	json_decref(doc);
}

Test(terminal, a_longer_foot_drops_whole_blocks_from_the_end_and_names_them)
{
	static const char *const order[] = {"VIEWS", "SECRETS", "REACH", "HIDDEN", "CHANGED",
					    "ENTRY", "TALKS",   "NOW",   "DO NOW", "FIRST"};
	json_t *doc = incident();
	size_t gone_before = 0;
	/* Longer, and the foot alone is more than a screen. */
	for (size_t length = 64; length < 1300; length += 80) {
		char bundle[1700] = "/";
		memset(bundle + 1, 'x', length);
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
		draw(&out, doc, bundle, false);
		cr_assert_leq(screen_lines(&out), 23, "%zu", length);
		has_foot(&out, bundle);
		cr_assert_eq(strncmp(kan_buf_str(&out), "VERDICT", 7), 0);
		size_t gone = 0;
		for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
			char label[16];
			(void)snprintf(label, sizeof label, "\n%-9s", order[i]);
			bool there = strstr(kan_buf_str(&out), label) != NULL;
			cr_assert_eq(there, gone != i || (gone == i && there), "%s", order[i]);
			gone += !there && gone == i;
		}
		cr_assert_geq(gone, gone_before);
		gone_before = gone;
		cr_assert_eq(strstr(kan_buf_str(&out), "more: ") != NULL, gone > 0,
			     "%zu blocks are gone", gone);
	}
	cr_assert_eq(gone_before, 10, "every block was dropped once");
	json_decref(doc);
}

Test(terminal, the_self_check_has_a_line_when_there_is_room)
{
	kan_auto_buf struct kan_buf full = KAN_BUF(1 << 20), roomy = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&full, doc, bundle_path, false);
	cr_assert_null(strstr(kan_buf_str(&full), "\nAFTER "));
	json_object_set_new(doc, "not_seen", json_array());
	json_object_set_new(doc, "contradictions", json_array());
	json_array_clear(json_object_get(json_object_get(doc, "verdict"), "hypotheses"));
	draw(&roomy, doc, bundle_path, false);
	cr_assert_not_null(strstr(kan_buf_str(&roomy), "\nAFTER    differs: processes 6 same, "));
	cr_assert_leq(screen_lines(&roomy), 23);
	json_decref(doc);
}

Test(terminal, not_seen_shrinks_before_a_block_goes)
{
	char bundle[240] = "/";
	memset(bundle + 1, 'x', 130);
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	json_array_clear(json_object_get(json_object_get(doc, "verdict"), "hypotheses"));
	draw(&out, doc, bundle, false);
	cr_assert_not_null(strstr(kan_buf_str(&out), "NOT SEEN 4 things, see the report"));
	cr_assert_not_null(strstr(kan_buf_str(&out), "\nREACH "));
	json_decref(doc);
}

Test(terminal, a_step_is_whole_or_not_there)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&out, doc, bundle_path, false);
	cr_assert_not_null(strstr(kan_buf_str(&out), "docker pause 3f2a9c41d0be "));
	cr_assert_null(strstr(kan_buf_str(&out), "data/processes/content/"));
	json_decref(doc);
}

Test(terminal, hostile_names_are_inert_and_cut_by_columns)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20), name = KAN_BUF(2 << 20);
	json_t *doc = incident();
	for (int i = 0; i < 100000; i++)
		kan_buf_adds(&name, "東京\xe2\x80\xae\x1b[2J");
	json_object_set_new(json_object_get(doc, "container"), "image",
			    json_string(kan_buf_str(&name)));
	draw(&out, doc, bundle_path, false);
	cr_assert_leq(screen_lines(&out), 23);
	for (size_t i = 0; i < out.len; i++)
		cr_assert(out.data[i] == '\n' || (out.data[i] >= 0x20 && out.data[i] != 0x7f),
			  "byte %zu", i);
	cr_assert_null(strstr(kan_buf_str(&out), "\xe2\x80\xae"), "no bidi control");
	json_decref(doc);
}

/* No finding, and what follows from that. */
static void calm(json_t *doc)
{
	json_object_set_new(doc, "findings", json_array());
	json_object_set_new(doc, "counts", json_object());
	json_object_set_new(json_object_get(doc, "verdict"), "level", json_string("none"));
}

Test(terminal, nothing_found_is_said_and_never_called_clean)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	calm(doc);
	draw(&out, doc, bundle_path, false);
	cr_assert_eq(strncmp(kan_buf_str(&out),
			     "VERDICT  no intrusion found in what was collected\n", 50),
		     0);
	json_decref(doc);
}

Test(terminal, the_first_screen_says_that_it_is_provisional)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	draw(&out, doc, bundle_path, true);
	cr_assert_eq(strncmp(kan_buf_str(&out), "VERDICT  PROVISIONAL: ", 22), 0);
	json_decref(doc);
}

Test(terminal, what_no_rule_could_look_at_is_not_called_clean)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	calm(doc);
	json_object_set_new(doc, "rules", json_pack("[{s:s}]", "id", "exe.memfd"));
	json_object_set_new(doc, "not_assessed", json_pack("[{s:s}]", "rule", "exe.memfd"));
	draw(&out, doc, bundle_path, false);
	cr_assert_eq(strncmp(kan_buf_str(&out), "VERDICT  not assessed: ", 23), 0);
	json_decref(doc);
}

Test(terminal, a_container_that_does_not_run_has_no_processes_and_that_is_no_gap)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	static const char *const sections[] = {"processes", "sockets"};
	json_object_set_new(json_object_get(doc, "container"), "state", json_string("exited"));
	for (size_t i = 0; i < 2; i++) {
		json_t *section = json_object_get(doc, sections[i]);
		json_array_clear(json_object_get(section, "rows"));
		json_object_set_new(section, "seen", json_false());
	}
	draw(&out, doc, bundle_path, false);
	cr_assert_not_null(strstr(kan_buf_str(&out), "NOW      nothing: the container does not"));
	cr_assert_not_null(strstr(kan_buf_str(&out), "TALKS    nothing: the container does not"));
	json_decref(doc);
}

Test(terminal, the_first_screen_claims_nothing_that_is_not_yet_known)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	json_object_del(json_object_get(doc, "record"), "freeze");
	json_object_set_new(doc, "not_seen", json_array());
	draw(&out, doc, bundle_path, true);
	cr_assert_null(strstr(kan_buf_str(&out), "paused"), "%s", kan_buf_str(&out));
	cr_assert_null(strstr(kan_buf_str(&out), "exit "), "%s", kan_buf_str(&out));
	cr_assert_null(strstr(kan_buf_str(&out), "nothing that was asked for is missing"));
	cr_assert_not_null(strstr(kan_buf_str(&out), "\nnot sealed yet"));
	json_decref(doc);
}

Test(terminal, without_colour_there_is_no_escape_sequence)
{
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	json_t *doc = incident();
	struct kan_model *m = model_of(doc, NULL);
	const struct kan_screen s = {.columns = 80, .colour = true};
	cr_assert_eq(kan_report_terminal(&out, m, &s, &err), 0);
	cr_assert_not_null(memchr(out.data, 0x1b, out.len));
	kan_buf_reset(&out);
	draw(&out, doc, bundle_path, false);
	cr_assert_null(memchr(out.data, 0x1b, out.len));
	kan_model_free(m);
	json_decref(doc);
}
