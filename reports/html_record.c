/* How the evidence was taken, what could not be had, and how anybody can check it. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/html.h"

enum { NS_PER_MS = 1000000, MODIFIED_MAX = 20, SOURCES_MAX = 20 };

static void collectors(struct kan_buf *out, const json_t *record)
{
	size_t i = 0;
	json_t *c = NULL;
	kan_buf_adds(out, "<table><caption>What each collector brought.</caption><thead><tr><th "
			  "scope=\"col\">collector</th>"
			  "<th scope=\"col\">status</th><th scope=\"col\" class=\"num\">items</th>"
			  "<th scope=\"col\" class=\"num\">octets</th><th scope=\"col\" "
			  "class=\"num\">gaps</th></tr></thead>"
			  "<tbody>\n");
	json_array_foreach (json_object_get(record, "collectors"), i, c) {
		kan_buf_adds(out, "<tr><td data-l=\"collector\">");
		kan_html_name(out, kan_json_str(c, "name"));
		kan_buf_adds(out, "</td><td data-l=\"status\">");
		kan_html_text(out, kan_json_str(c, "status"));
		kan_buf_addf(out,
			     "</td><td data-l=\"items\" class=\"num\">%" PRId64
			     "</td><td data-l=\"octets\" class=\"num\">%" PRId64
			     "</td><td data-l=\"gaps\" class=\"num\">%" PRId64 "</td></tr>\n",
			     kan_json_int(c, "items"), kan_json_int(c, "bytes"),
			     kan_json_int(c, "gaps"));
	}
	kan_buf_adds(out, "</tbody></table>\n");
}

static void not_seen(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	const json_t *list = json_object_get(m->doc, "not_seen");
	kan_buf_adds(out, "<h3 id=\"not-seen\">Not collected, and why</h3>\n");
	if (!json_array_size(list)) {
		kan_buf_adds(out, "<p>Nothing that was asked for is missing.</p>\n");
		return;
	}
	kan_buf_adds(
		out,
		"<table><caption>A gap was asked for and could not be had. Scope is what the "
		"policy leaves out."
		"</caption><thead><tr><th scope=\"col\">kind</th><th scope=\"col\">collector</th>"
		"<th scope=\"col\">what</th><th scope=\"col\">why</th><th scope=\"col\">could have "
		"shown</th></tr>"
		"</thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, row) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "<tr><td data-l=\"kind\">");
		kan_html_text(out, kan_json_str(row, "kind"));
		kan_buf_adds(out, "</td><td data-l=\"collector\">");
		kan_html_name(out, kan_json_str(row, "collector"));
		kan_buf_adds(out, "</td><td data-l=\"what\">");
		kan_html_value(out, row, "what");
		kan_buf_adds(out, "</td><td data-l=\"why\" class=\"why\">");
		kan_html_text(out, kan_json_str(row, "code"));
		kan_buf_adds(out,
			     *kan_json_str(row, "code") && *kan_json_str(row, "why") ? ": " : "");
		kan_html_name(out, kan_json_str(row, "why"));
		kan_buf_adds(out, "</td><td data-l=\"could show\">");
		kan_html_text(out, kan_json_str(row, "could_show"));
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
	size_t n = json_array_size(list);
	kan_html_more(out, n > KAN_MODEL_SECTION ? n - KAN_MODEL_SECTION : 0,
		      "in gaps.ndjson of the bundle");
}

static void impact(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	if (!json_array_size(list))
		return;
	kan_buf_adds(out, "<h3>What collecting altered</h3>\n<ul>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_adds(out, "<li>");
		kan_html_name(out, json_string_value(v));
		kan_buf_adds(out, "</li>\n");
	}
	kan_buf_adds(out, "</ul>\n");
}

/* Paused from when to when, by whom; and what the self-check saw. */
static void pause_of(struct kan_buf *out, const json_t *record)
{
	const json_t *f = json_object_get(record, "freeze"),
		     *check = json_object_get(record, "self_check");
	if (strcmp(kan_json_str(record, "depth"), "offline") == 0) {
		kan_buf_adds(out, "<dt>Depth</dt><dd>offline: the files of a data root. No engine "
				  "was asked; processes, sockets and memory cannot be seen.</dd>");
		return;
	}
	if (json_is_true(json_object_get(f, "paused_by_us"))) {
		int64_t asked = kan_json_int(f, "asked_boot_ns");
		kan_buf_addf(out,
			     "<dt>Paused</dt><dd>%" PRId64 " ms, of it %" PRId64
			     " ms the engine's; frozen %" PRId64 " ms after it was asked; ",
			     kan_json_int(f, "total_ns") / NS_PER_MS,
			     kan_json_int(f, "engine_ns") / NS_PER_MS,
			     (kan_json_int(f, "frozen_boot_ns") - asked) / NS_PER_MS);
		kan_buf_adds(out, strcmp(kan_json_str(f, "by"), "cgroup") == 0
					  ? "through the cgroup's own file"
					  : "by the engine");
		kan_buf_adds(out, "; proof: ");
		kan_html_name(out, kan_json_str(f, "proof"));
		kan_buf_adds(out, "</dd>");
	}
	kan_buf_adds(out, "<dt>Right after the resume</dt><dd>");
	kan_html_text(out, kan_json_str(check, "says"));
	kan_buf_adds(out, ". A container that runs changes by itself.</dd>");
}

static void only_in(struct kan_buf *out, const json_t *list, const char *what, const char *when)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_addf(out, "<li>%s %s: ", what, when);
		if (json_object_get(v, "pid")) {
			kan_buf_addf(out, "%" PRId64, kan_json_int(v, "pid"));
		} else {
			kan_html_value(out, v, "laddr");
			kan_buf_addf(out, " %" PRId64 " &#8596; ", kan_json_int(v, "lport"));
			kan_html_value(out, v, "raddr");
			kan_buf_addf(out, " %" PRId64, kan_json_int(v, "rport"));
		}
		kan_buf_adds(out, "</li>\n");
	}
}

static void differs(struct kan_buf *out, const json_t *check)
{
	static const char *const names[] = {"processes", "connections"}, *const ones[] = {
										 "process",
										 "connection"};
	bool any = false;
	for (size_t i = 0; i < 2; i++)
		any |= kan_json_int(json_object_get(check, names[i]), "gone") ||
		       kan_json_int(json_object_get(check, names[i]), "new");
	if (!any)
		return;
	kan_buf_adds(out, "<h3>What differed right after the resume</h3>\n<ul>\n");
	for (size_t i = 0; i < 2; i++) {
		const json_t *o = json_object_get(check, names[i]);
		only_in(out, json_object_get(o, "gone_rows"), ones[i], "gone");
		only_in(out, json_object_get(o, "new_rows"), ones[i], "new");
	}
	kan_buf_adds(out, "</ul>\n");
}

/* Files of the image that are not as their packages recorded them. */
static void modified(struct kan_buf *out, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list) && i < MODIFIED_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		kan_buf_adds(out, "<br>");
		kan_html_value(out, one, "path");
		kan_buf_adds(out, " of ");
		kan_html_value(out, one, "package");
	}
	if (json_array_size(list) > MODIFIED_MAX)
		kan_buf_adds(out, "<br>more in report.json");
}

/* With which rules, so that others can do the same. */
static void yara(struct kan_buf *out, const json_t *y)
{
	size_t i = 0;
	json_t *one = NULL;
	if (!y)
		return;
	kan_buf_adds(out, "<dt>YARA</dt><dd>");
	kan_html_text(out, kan_json_str(y, "says"));
	json_array_foreach (json_object_get(y, "sources"), i, one) {
		if (i == SOURCES_MAX) {
			kan_buf_adds(out, "<br>more in report.json");
			break;
		}
		kan_buf_adds(out, "<br>");
		kan_html_value(out, one, "name");
		kan_buf_adds(out, " sha256 ");
		kan_html_value(out, one, "sha256");
	}
	kan_buf_adds(out, "</dd>");
}

void kan_html_record(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *r = json_object_get(m->doc, "record");
	const json_t *operator_ = json_object_get(r, "operator"),
		     *host = json_object_get(r, "host");
	kan_buf_adds(out, "<section id=\"record\"><h2>Collection record</h2>\n<dl "
			  "class=\"panel\"><dt>When</dt><dd>");
	if (*kan_json_str(r, "started"))
		kan_html_name(out, kan_json_str(r, "started"));
	else
		kan_buf_adds(out, "not recorded");
	kan_buf_adds(out, "</dd><dt>By</dt><dd>");
	kan_html_value(out, operator_, "name");
	kan_buf_addc(out, ' ');
	kan_html_value(out, operator_, "email");
	kan_buf_adds(out, "</dd><dt>On</dt><dd>");
	kan_html_value(out, host, "name");
	kan_buf_addc(out, ' ');
	kan_html_value(out, host, "kernel");
	kan_buf_adds(out, "</dd><dt>With</dt><dd>kanshiki ");
	kan_html_name(out, kan_json_str(json_object_get(r, "tool"), "version"));
	kan_buf_addc(out, ' ');
	kan_html_value(out, json_object_get(r, "tool"), "commit");
	kan_buf_addf(out, "</dd><dt>Status</dt><dd>%s, %" PRId64 " gaps</dd>",
		     json_is_true(json_object_get(r, "partial")) ? "partial" : "complete",
		     kan_json_int(r, "gaps"));
	pause_of(out, r);
	if (json_object_get(m->doc, "image_integrity")) {
		kan_buf_adds(out, "<dt>The image</dt><dd>");
		kan_html_text(out,
			      kan_json_str(json_object_get(m->doc, "image_integrity"), "says"));
		modified(out,
			 json_object_get(json_object_get(m->doc, "image_integrity"), "modified"));
		kan_buf_adds(out, "</dd>");
	}
	yara(out, json_object_get(m->doc, "yara"));
	kan_buf_adds(out, "</dl>\n");
	differs(out, json_object_get(r, "self_check"));
	not_seen(out, m);
	impact(out, json_object_get(r, "impact"));
	kan_buf_adds(out, "<h3>Collectors</h3>\n");
	collectors(out, r);
	kan_buf_adds(out, "<p class=\"note\">A hostile kernel, or root on the host before this "
			  "capture, lies to any tool that "
			  "runs above it. This one is no exception.</p>\n</section>\n");
}

static void not_assessed(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<h3>Not assessed</h3>\n");
	if (!m->not_assessed) {
		kan_buf_adds(out, "<p>Every rule could be decided.</p>\n");
		return;
	}
	kan_buf_adds(out, "<table><caption>These rules are neither true nor false: what they look "
			  "at is missing.</caption>"
			  "<thead><tr><th scope=\"col\">rule</th><th scope=\"col\">column</th><th "
			  "scope=\"col\">rows</th>"
			  "<th scope=\"col\">missing</th></tr></thead><tbody>\n");
	json_array_foreach (json_object_get(m->doc, "not_assessed"), i, row) {
		const json_t *gap = json_object_get(row, "gap");
		kan_buf_adds(out, "<tr><td data-l=\"rule\"><code>");
		kan_html_name(out, kan_json_str(row, "rule"));
		kan_buf_adds(out, "</code></td><td data-l=\"column\">");
		kan_html_name(out, kan_json_str(row, "column"));
		kan_buf_addf(out,
			     "</td><td data-l=\"rows\">%" PRId64 "</td><td data-l=\"missing\">",
			     kan_json_int(row, "rows"));
		kan_html_name(out, kan_json_str(gap, "collector"));
		kan_buf_adds(out, ": ");
		kan_html_value(out, gap, "what");
		kan_buf_addc(out, ' ');
		kan_html_text(out, kan_json_str(gap, "code"));
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
}

static void rule_ids(struct kan_buf *out, const char *what, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	if (!json_array_size(list))
		return;
	kan_buf_addf(out, "<dt>%s</dt>", what);
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_adds(out, "<dd><code>");
		kan_html_text(out,
			      json_is_string(v) ? json_string_value(v) : kan_json_str(v, "id"));
		kan_buf_adds(out, "</code>");
		if (json_object_get(v, "version"))
			kan_buf_addf(out, " version %" PRId64, kan_json_int(v, "version"));
		kan_buf_adds(out, json_object_get(v, "reason") ? ": " : "");
		kan_html_value(out, v, "reason");
		kan_buf_adds(out, "</dd>");
	}
}

/* What differs from the shipped ones. */
static void changed_rules(struct kan_buf *out, const json_t *changed)
{
	if (!changed)
		return;
	kan_buf_adds(out, "<h3>Rules that are not the shipped ones</h3>\n<dl>");
	rule_ids(out, "Added", json_object_get(changed, "added"));
	rule_ids(out, "Replaced", json_object_get(changed, "replaced"));
	rule_ids(out, "Turned off, with the reason given", json_object_get(changed, "disabled"));
	kan_buf_adds(out, "</dl>\n");
}

void kan_html_rules(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<section id=\"rules\"><h2>Rules</h2>\n");
	not_assessed(out, m);
	kan_html_accepted(out, json_object_get(m->doc, "suppressed"));
	changed_rules(out, json_object_get(m->doc, "rules_changed"));
	kan_buf_adds(out, "<details><summary>All rules that were "
			  "run</summary><table><thead><tr><th scope=\"col\">rule</th>"
			  "<th scope=\"col\" class=\"num\">version</th><th scope=\"col\" "
			  "class=\"num\">findings</th>"
			  "<th scope=\"col\">sha256</th></tr></thead><tbody>\n");
	json_array_foreach (json_object_get(m->doc, "rules"), i, row) {
		kan_buf_adds(out, "<tr><td data-l=\"rule\">");
		kan_html_name(out, kan_json_str(row, "id"));
		kan_buf_addf(out,
			     "</td><td data-l=\"version\" class=\"num\">%" PRId64
			     "</td><td data-l=\"findings\" class=\"num\">%" PRId64,
			     kan_json_int(row, "version"), kan_json_int(row, "findings"));
		if (json_object_get(row, "left_out"))
			kan_buf_addf(out, " (+%" PRId64 " rows not listed)",
				     kan_json_int(row, "left_out"));
		kan_buf_adds(out, "</td><td data-l=\"sha256\">");
		kan_html_value(out, row, "sha256");
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table></details>\n</section>\n");
}
