/* report.md: a blameless post-mortem with the facts filled in and blanks for what only people know.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/exposure.h"
#include "reports/md.h"

enum {
	MODIFIED_MAX = 20, /* files of rung 5 */
	NS_PER_MS = 1000000,
	RAW_MAX = 2 * KAN_ROW_MAX,
	PLAIN_MAX = 256,
	FINDINGS_MAX = 200,
	TIMELINE_MAX = 60,
	NOT_SEEN_MAX = 60
};

/* A code span, cut with its length told. */
static void bytes(struct kan_buf *out, struct kan_bytes v)
{
	size_t whole = v.n;
	if (v.n > KAN_MODEL_VALUE)
		v.n = KAN_MODEL_VALUE;
	kan_lang_keep(out);
	kan_escape_markdown(out, v);
	if (whole > v.n)
		kan_buf_addf(out, " (cut, %zu octets, whole in the bundle)", whole);
	kan_lang_kept(out);
}

static void value(struct kan_buf *out, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(RAW_MAX);
	struct kan_err ignored = {0};
	if (json_is_integer(json_object_get(o, key)))
		kan_buf_addf(out, "%" PRId64, kan_json_int(o, key));
	else if (kan_json_bytes(&v, o, key, &ignored) == 0)
		bytes(out, kan_buf_bytes(&v));
}

/* Words that the analysis chose; whatever else stands there is a code span. */
static void word(struct kan_buf *out, const json_t *o, const char *key)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    " .,:;()/'-?%";
	const char *s = kan_json_str(o, key);
	if (s[strspn(s, plain)] == '\0' && strlen(s) <= PLAIN_MAX) {
		kan_lang_word(out);
		kan_buf_adds(out, s);
		kan_lang_word_end(out);
	} else
		bytes(out, kan_bytes_of(s));
}

void kan_md_value(struct kan_buf *out, const json_t *o, const char *key)
{
	value(out, o, key);
}

void kan_md_word(struct kan_buf *out, const json_t *o, const char *key)
{
	word(out, o, key);
}

/* Words of ours have no character that Markdown knows but '*', '_', '<' and '|', which they do not
 * use. */
static void parts(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *p = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, p) {
		const char *text = json_string_value(json_object_get(p, "text"));
		const char *command = json_string_value(json_object_get(p, "command"));
		if (text)
			kan_buf_adds(out, text);
		else if (command)
			kan_buf_adds(out, command);
		else
			value(out, p, "value");
	}
}

static void mark(struct kan_buf *out, int64_t n)
{
	if (n)
		kan_buf_addf(out, " (#%" PRId64 ")", n);
}

void kan_md_mark(struct kan_buf *out, int64_t n)
{
	mark(out, n);
}

static void entries(struct kan_buf *out, const char *title, const struct kan_entries *e)
{
	if (!e->n)
		return;
	kan_buf_addf(out, "\n### %s\n", title);
	for (size_t i = 0; i < e->n && i < NOT_SEEN_MAX; i++) {
		kan_buf_adds(out, "- ");
		parts(out, e->at[i].parts);
		mark(out, e->at[i].n);
		kan_buf_addc(out, '\n');
	}
	if (e->n > NOT_SEEN_MAX)
		kan_buf_addf(out, "- +%zu more, in report.json\n", e->n - NOT_SEEN_MAX);
}

static void impact(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_adds(out, "\n## Impact\n");
	parts(out, m->headline);
	kan_buf_adds(out, m->alarm ? " (strength of support, not a probability).\n" : ".\n");
	for (size_t i = 0; i < m->first.n; i++) {
		kan_buf_adds(out, "1. ");
		parts(out, m->first.at[i].parts);
		mark(out, m->first.at[i].n);
		kan_buf_addc(out, '\n');
	}
	entries(out, "Do now", &m->do_now);
	entries(out, "Runs now", &m->now);
	entries(out, "Talks to", &m->talks);
	entries(out, "Changed", &m->changed);
	entries(out, "Hidden from the engine", &m->hidden);
	entries(out, "Reach", &m->reach);
	entries(out, "Not seen", &m->not_seen);
	kan_buf_adds(out, "\nAffected users and data: _____\n");
}

static void not_compared(struct kan_buf *out, const json_t *c)
{
	const json_t *missing = json_object_get(c, "missing");
	kan_buf_adds(out, "- ");
	word(out, c, "title");
	kan_buf_adds(out, ": not assessed: ");
	value(out, missing, "what");
	kan_buf_adds(out, " of ");
	word(out, missing, "collector");
	kan_buf_adds(out, ", ");
	word(out, missing, "code");
	kan_buf_adds(out, ": ");
	value(out, missing, "why");
	kan_buf_addc(out, '\n');
}

static void compared(struct kan_buf *out, const json_t *c)
{
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "- ");
	word(out, c, "title");
	kan_buf_addf(out, ": %" PRId64 "\n", kan_json_int(c, "count"));
	json_array_foreach (json_object_get(c, "rows"), i, row) {
		kan_buf_adds(out, "  - ");
		value(out, row, "what");
		kan_buf_adds(out, ": ");
		word(out, row, "one");
		kan_buf_adds(out, "; ");
		word(out, row, "other");
		kan_buf_adds(out, " (");
		value(out, row, "artefact");
		if (json_object_get(row, "row"))
			kan_buf_addf(out, " line %" PRId64, kan_json_int(row, "row"));
		kan_buf_adds(out, ")\n");
	}
	if (json_object_get(c, "left_out"))
		kan_buf_addf(out, "  - +%" PRId64 " more\n", kan_json_int(c, "left_out"));
}

static void views(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *c = NULL;
	kan_buf_adds(out, "\n## Views that contradict each other\n");
	json_array_foreach (json_object_get(m->doc, "contradictions"), i, c)
		if (json_is_true(json_object_get(c, "assessed")))
			compared(out, c);
		else
			not_compared(out, c);
}

static void package(struct kan_buf *out, const json_t *row)
{
	static const char *const sides[] = {"image", "container"};
	const json_t *logged = json_object_get(row, "logged");
	kan_buf_adds(out, "- ");
	value(out, row, "name");
	kan_buf_addc(out, ' ');
	word(out, row, "change");
	for (size_t i = 0; i < 2; i++) {
		const json_t *side = json_object_get(row, sides[i]);
		if (!json_object_get(side, "version"))
			continue;
		kan_buf_addf(out, ", %s ", sides[i]);
		value(out, side, "version");
	}
	kan_buf_adds(out, json_is_false(logged) ? "; the manager's log does not say so\n" : "\n");
}

/* Only what differs between image and container. */
static void packages(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *all = json_object_get(m->doc, "packages");
	size_t i = 0, differ = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(all, "rows"), i, row) {
		if (!json_object_get(row, "change"))
			continue;
		if (differ++ == 0)
			kan_buf_adds(out, "\n## Packages that differ from the image\n");
		if (differ <= KAN_MODEL_SECTION)
			package(out, row);
	}
	if (differ > KAN_MODEL_SECTION)
		kan_buf_addf(out, "- +%zu more, in report.json\n", differ - KAN_MODEL_SECTION);
}

static void timeline(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *e = NULL;
	const json_t *list = json_object_get(m->doc, "timeline");
	size_t n = json_array_size(list), skip = n > TIMELINE_MAX ? n - TIMELINE_MAX : 0;
	kan_buf_adds(out, "\n## Timeline (UTC)\n");
	if (skip)
		kan_buf_addf(out, "- +%zu earlier, in report.json\n", skip);
	json_array_foreach ((json_t *)(uintptr_t)list, i, e) {
		char when[KAN_RFC3339];
		if (i < skip)
			continue;
		kan_rfc3339_s(when, kan_json_int(e, "time_ns"));
		kan_buf_addf(out, "- %s ", when);
		value(out, e, "message");
		kan_buf_adds(out, " – ");
		word(out, e, "desc");
		kan_buf_adds(out, ", ");
		word(out, e, "trust");
		mark(out, kan_json_int(e, "n"));
		kan_buf_addc(out, '\n');
	}
	kan_buf_adds(out, "- _____ detected, by whom\n- _____ contained\n- _____ resolved\n");
}

/* Of a rule, in the language that it speaks. */
static void said(struct kan_buf *out, const char *s)
{
	kan_lang_keep(out);
	kan_buf_adds(out, s);
	kan_lang_kept(out);
}

static void strings(struct kan_buf *out, const char *title, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	if (!json_array_size(list))
		return;
	kan_buf_adds(out, title);
	kan_lang_keep(out);
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		kan_buf_addf(out, "%s%s", i ? "; " : "", json_string_value(v));
	kan_lang_kept(out);
	kan_buf_addc(out, '\n');
}

static void finding(struct kan_buf *out, const json_t *f)
{
	kan_buf_addf(out, "\n### #%" PRId64 " %s: ", kan_json_int(f, "n"),
		     kan_json_str(f, "severity"));
	said(out, kan_json_str(f, "title"));
	kan_buf_addc(out, '\n');
	parts(out, json_object_get(f, "parts"));
	kan_buf_addf(out, "\n\n- Id `%s`, rule `%s`, %s confidence\n- Why: ", kan_json_str(f, "id"),
		     kan_json_str(f, "rule"), kan_json_str(f, "confidence"));
	said(out, kan_json_str(f, "why"));
	kan_buf_addc(out, '\n');
	strings(out, "- It may be benign: ", json_object_get(f, "false_positives"));
	strings(out, "- Next: ", json_object_get(f, "next"));
	strings(out, "- ATT&CK: ", json_object_get(f, "attack"));
	const json_t *e = json_array_get(json_object_get(f, "evidence"), 0);
	kan_buf_addf(out, "- Evidence: `%s`", kan_json_str(e, "artefact"));
	if (json_object_get(e, "row"))
		kan_buf_addf(out, " line %" PRId64, kan_json_int(e, "row"));
	kan_buf_addf(out, ", %" PRId64 " object%s in all\n", kan_json_int(f, "objects_count"),
		     kan_json_int(f, "objects_count") == 1 ? "" : "s");
}

static void findings_at(struct kan_buf *out, const struct kan_model *m, enum kan_place place)
{
	size_t i = 0, n = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		if (kan_model_place(f) == place && n++ < FINDINGS_MAX)
			finding(out, f);
	if (n > FINDINGS_MAX)
		kan_buf_addf(out, "\n+%zu more, in report.json\n", n - FINDINGS_MAX);
}

static void findings(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_adds(out, "\n## Findings\n");
	findings_at(out, m, KAN_PLACE_FINDINGS);
	if (m->not_assessed)
		kan_buf_addf(out,
			     "\n%" PRIu64 " rules could not be assessed; report.json says for each "
			     "what was missing.\n",
			     m->not_assessed);
	kan_md_rules(out, m);
}

static void modified(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	const json_t *one = NULL;
	for (; i < json_array_size(list) && i < MODIFIED_MAX; i++) {
		one = json_array_get(list, i);
		kan_buf_adds(out, "  - ");
		value(out, one, "path");
		kan_buf_adds(out, " of ");
		value(out, one, "package");
		kan_buf_adds(out, "\n");
	}
	if (json_array_size(list) > MODIFIED_MAX)
		kan_buf_adds(out, "  - more in report.json\n");
}

/* Who committed the bundle; report.html has how to check it with other people's tools. */
static void committed(struct kan_buf *out, const json_t *receipt)
{
	if (receipt) {
		kan_buf_adds(out, "- Custody commit ");
		value(out, receipt, "commit");
		kan_buf_addf(out, ", event %" PRId64 " of case ", kan_json_int(receipt, "event"));
		value(out, receipt, "case");
		kan_buf_adds(out, ", signed by ");
		value(out, receipt, "signer");
		kan_buf_adds(out, json_is_true(json_object_get(receipt, "host_key"))
					  ? ", this host's own key: it vouches for nothing before "
					    "the capture\n"
					  : "\n");
	}
	kan_buf_adds(out, "- No time-stamp is shown here: the times are this host's own word; "
			  "kanshiki verify checks the stamps of seal and commit, when "
			  "there are any\n"
			  "- To check, in the bundle's directory: `sha256sum "
			  "tagmanifest-sha256.txt` prints the seal; `sha256sum -c --strict --quiet "
			  "tagmanifest-sha256.txt manifest-sha256.txt` prints nothing\n");
}

static void custody(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_addf(out, "\n## Evidence\n- Bundle `%s`\n", kan_json_str(m->doc, "bundle"));
	if (*kan_json_str(m->doc, "seal"))
		kan_buf_addf(out, "- Seal `%s`\n", kan_json_str(m->doc, "seal"));
	committed(out, m->receipt);
	const json_t *record = json_object_get(m->doc, "record"),
		     *freeze = json_object_get(record, "freeze");
	if (json_is_true(json_object_get(freeze, "paused_by_us"))) {
		kan_buf_addf(out,
			     "- Paused for %" PRId64 " ms, of it %" PRId64
			     " ms the engine's; proof: ",
			     kan_json_int(freeze, "total_ns") / NS_PER_MS,
			     kan_json_int(freeze, "engine_ns") / NS_PER_MS);
		word(out, freeze, "proof");
		kan_buf_addc(out, '\n');
	}
	const json_t *after = json_object_get(record, "self_check");
	if (json_object_get(after, "says") &&
	    strcmp(kan_json_str(record, "depth"), "offline") != 0) {
		kan_buf_adds(out, "- Right after the resume: ");
		word(out, after, "says");
		kan_buf_adds(out, ". A container that runs changes by itself\n");
	}
	const json_t *image = json_object_get(m->doc, "image_integrity");
	if (json_object_get(image, "says")) {
		kan_buf_adds(out, "- The image: ");
		word(out, image, "says");
		kan_buf_addc(out, '\n');
	}
	modified(out, json_object_get(image, "modified"));
	const json_t *yara = json_object_get(m->doc, "yara");
	if (json_object_get(yara, "says")) {
		kan_buf_adds(out, "- ");
		word(out, yara, "says");
		kan_buf_addc(out, '\n');
	}
	kan_buf_adds(out, "- A hostile kernel, or root on the host before the capture, lies to any "
			  "userland tool.\n");
}

/* All seven, with the numbers of what speaks for and against. */
static void cause(struct kan_buf *out, const struct kan_model *m)
{
	static const char *const sides[] = {"for", "against"};
	size_t i = 0;
	json_t *h = NULL;
	kan_buf_adds(out,
		     "\n## Cause\nHow it began, by strength of support (not a probability):\n\n");
	json_array_foreach (json_object_get(json_object_get(m->doc, "verdict"), "hypotheses"), i,
			    h) {
		json_t *line = json_array();
		kan_model_hypothesis(line, h);
		kan_buf_adds(out, "- ");
		parts(out, line);
		json_decref(line);
		for (size_t k = 0; k < 2; k++) {
			size_t n = 0;
			json_t *id = NULL;
			json_array_foreach (json_object_get(h, sides[k]), n, id)
				kan_buf_addf(out, "%s `%s`",
					     n   ? ","
					     : k ? "; against"
						 : "; for",
					     json_string_value(id));
		}
		kan_buf_addc(out, '\n');
	}
	kan_buf_adds(out, "\nRoot cause: _____ (who, when)\n");
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	if (json_object_get(m->doc, "redacted"))
		kan_buf_addf(out,
			     "**Redacted.** People, hosts and inner addresses are numbers; %" PRId64
			     " values are left out: what the container says.\n\n",
			     kan_json_int(json_object_get(m->doc, "redacted"), "left_out"));
	if (json_object_get(m->doc, "tlp")) {
		word(out, m->doc, "tlp");
		kan_buf_adds(out, "\n\n");
	}
	kan_buf_adds(out, "# Post-mortem: container ");
	value(out, json_object_get(m->doc, "container"), "name");
	kan_buf_adds(out, "\n\n");
	parts(out, m->about);
	kan_buf_adds(out, "\n");
	impact(out, m);
	timeline(out, m);
	cause(out, m);
	findings(out, m);
	views(out, m);
	packages(out, m);
	kan_md_image(out, m);
	findings_at(out, m, KAN_PLACE_IMAGE);
	kan_md_posture(out, m);
	findings_at(out, m, KAN_PLACE_POSTURE);
	kan_buf_adds(out, "\n## What went well\n_____\n\n## Decisions\n_____\n\n## Actions\n| "
			  "action | owner | date |\n"
			  "|---|---|---|\n| _____ | _____ | _____ |\n");
	custody(out, m);
	kan_lang_finish(out, KAN_LANG_MARKDOWN, m->lang);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "report.md: the buffer is full") : 0;
}

void kan_md_parts(struct kan_buf *out, const json_t *list)
{
	parts(out, list);
}

extern const struct kan_report kan_report_md;
const struct kan_report kan_report_md = {
	.name = "md",
	.file = "report.md",
	.summary = "a post-mortem to go on writing",
	.render = render,
};
