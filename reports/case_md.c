/* report.md of a case: a blameless post-mortem over all its bundles, with blanks for people. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/row.h"
#include "reports/case_part.h"
#include "reports/md.h"

enum { SHARED_MAX = 200, MOMENTS_MAX = 200, FINDINGS_MAX = 400, UNSEEN_MAX = 60 };

static void when(struct kan_buf *out, const json_t *o)
{
	char text[KAN_RFC3339];
	kan_rfc3339_s(text, kan_json_int(o, "time_ns"));
	kan_buf_adds(out, text);
}

static void bundles(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0;
	json_t *b = NULL;
	kan_buf_adds(out, "\n## Bundles\n");
	json_array_foreach (json_object_get(doc, "bundles"), i, b) {
		kan_buf_addf(out, "- B%" PRId64 " ", kan_json_int(b, "n"));
		kan_md_value(out, b, "bundle");
		if (!json_is_true(json_object_get(b, "used"))) {
			kan_buf_adds(out, ": NOT USED, none of its rows is here: ");
			kan_md_value(out, b, "why");
			kan_buf_addc(out, '\n');
			continue;
		}
		kan_buf_adds(out, ", container ");
		kan_md_value(out, json_object_get(b, "container"), "name");
		kan_buf_adds(out, ": ");
		kan_md_parts(out, json_object_get(b, "headline"));
		kan_buf_adds(out, "\n  - Seal ");
		kan_md_value(out, b, "seal");
		kan_buf_addc(out, '\n');
	}
	if (kan_json_int(doc, "bundles_left_out"))
		kan_buf_addf(out, "- +%" PRId64 " more, not read\n",
			     kan_json_int(doc, "bundles_left_out"));
	kan_buf_adds(out, "\nAffected users and data: _____\n");
}

static void times(struct kan_buf *out, const json_t *doc)
{
	kan_buf_adds(out, "\n## Times (UTC)\n");
	for (size_t i = 0; i < sizeof kan_case_times / sizeof *kan_case_times; i++) {
		const json_t *o =
			json_object_get(json_object_get(doc, "times"), kan_case_times[i].key);
		kan_buf_addf(out, "- %s: ", kan_case_times[i].title);
		if (!o) {
			kan_buf_adds(out, "_____\n");
			continue;
		}
		when(out, o);
		kan_buf_addf(out, ", %s, event %" PRId64 ", ", kan_case_times[i].means,
			     kan_json_int(o, "seq"));
		kan_md_value(out, o, "who");
		kan_buf_addc(out, '\n');
	}
}

static void shared(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0;
	json_t *o = NULL, *n = NULL;
	const json_t *list = json_object_get(doc, "shared");
	kan_buf_adds(out, "\n## In more than one bundle\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, o) {
		if (i >= SHARED_MAX)
			break;
		kan_buf_adds(out, "- ");
		kan_md_word(out, o, "kind");
		kan_buf_addc(out, ' ');
		kan_md_value(out, o, "value");
		kan_buf_addc(out, ':');
		json_array_foreach (json_object_get(o, "bundles"), k, n)
			kan_buf_addf(out, " B%" PRId64, (int64_t)json_integer_value(n));
		kan_buf_addc(out, '\n');
	}
	size_t all = json_array_size(list);
	if (!all)
		kan_buf_adds(out, "Nothing.\n");
	if (all > SHARED_MAX)
		kan_buf_addf(out, "- +%zu more, in report.json\n", all - SHARED_MAX);
}

static void timeline(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0;
	json_t *e = NULL, *n_also = NULL;
	const json_t *list = json_object_get(doc, "timeline");
	size_t n = json_array_size(list), skip = n > MOMENTS_MAX ? n - MOMENTS_MAX : 0;
	kan_buf_adds(out, "\n## Timeline (UTC)\n");
	if (skip)
		kan_buf_adds(out, "Earlier moments of the bundles are in report.json.\n\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, e) {
		int64_t b = kan_json_int(e, "bundle");
		if (i < skip && b)
			continue;
		kan_buf_adds(out, "- ");
		when(out, e);
		kan_buf_addc(out, ' ');
		if (b)
			kan_buf_addf(out, "B%" PRId64, b);
		json_array_foreach (json_object_get(e, "also"), k, n_also)
			kan_buf_addf(out, " B%" PRId64, (int64_t)json_integer_value(n_also));
		if (!b)
			kan_md_value(out, e, "who");
		kan_buf_addc(out, ' ');
		kan_md_value(out, e, "message");
		kan_buf_adds(out, ", ");
		kan_md_word(out, e, "desc");
		kan_buf_adds(out, ", ");
		kan_md_word(out, e, "trust");
		kan_buf_addc(out, '\n');
	}
}

static void judged(struct kan_buf *out, const json_t *j)
{
	kan_buf_adds(out, "  - People: ");
	kan_md_word(out, j, "as");
	kan_buf_adds(out, " by ");
	kan_md_value(out, j, "who");
	kan_buf_addc(out, ' ');
	when(out, j);
	if (*kan_json_str(j, "text")) {
		kan_buf_adds(out, ": ");
		kan_md_value(out, j, "text");
	}
	kan_buf_addc(out, '\n');
}

static void findings(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0, n = 0;
	json_t *f = NULL, *j = NULL;
	kan_buf_adds(out, "\n## Findings\nAs computed. What people say of one stands below it and "
			  "changes no verdict.\n\n");
	json_array_foreach (json_object_get(doc, "findings"), i, f) {
		if (strcmp(kan_json_str(f, "severity"), "low") == 0 && n++ >= FINDINGS_MAX)
			continue;
		kan_buf_addf(out, "- B%" PRId64 " #%" PRId64 " ", kan_json_int(f, "bundle"),
			     kan_json_int(f, "n"));
		kan_md_word(out, f, "severity");
		kan_buf_adds(out, " ");
		kan_md_value(out, f, "id");
		kan_buf_adds(out, " ");
		kan_md_parts(out, json_object_get(f, "parts"));
		kan_buf_addc(out, '\n');
		json_array_foreach (json_object_get(f, "judgements"), k, j)
			judged(out, j);
	}
	json_array_foreach (json_object_get(doc, "judgements_unmatched"), i, j) {
		kan_buf_adds(out, "- Not a finding of a bundle used here: ");
		kan_md_value(out, j, "finding");
		kan_buf_addc(out, '\n');
		judged(out, j);
	}
}

static void unseen(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0, n = 0;
	json_t *b = NULL, *row = NULL;
	kan_buf_adds(out, "\n## Not collected\n");
	json_array_foreach (json_object_get(doc, "bundles"), i, b)
		json_array_foreach (json_object_get(b, "not_seen"), k, row) {
			if (n++ >= UNSEEN_MAX)
				continue;
			kan_buf_addf(out, "- B%" PRId64 " ", kan_json_int(b, "n"));
			kan_md_value(out, row, "what");
			kan_buf_adds(out, ": ");
			kan_md_word(out, row, "could_show");
			kan_buf_addc(out, '\n');
		}
	if (n > UNSEEN_MAX)
		kan_buf_addf(out, "- +%zu more, in report.json\n", n - UNSEEN_MAX);
}

int kan_case_md(struct kan_buf *out, const json_t *doc, struct kan_err *err)
{
	if (json_object_get(doc, "tlp")) {
		kan_md_word(out, doc, "tlp");
		kan_buf_adds(out, "\n\n");
	}
	kan_buf_adds(out, "# Post-mortem: case ");
	kan_md_value(out, doc, "case");
	kan_buf_addc(out, '\n');
	bundles(out, doc);
	times(out, doc);
	timeline(out, doc);
	shared(out, doc);
	kan_buf_adds(out, "\n## Cause\nRoot cause: _____ (who, when)\n");
	findings(out, doc);
	unseen(out, doc);
	kan_buf_adds(out, "\n## What went well\n_____\n\n## Decisions\n_____\n\n## Actions\n| "
			  "action | owner | date |\n"
			  "|---|---|---|\n| _____ | _____ | _____ |\n");
	kan_lang_finish(out, KAN_LANG_MARKDOWN, NULL);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "report.md: the buffer is full") : 0;
}
