/* report.html: one file, no script, no request, a policy that allows nothing but its own style. */
#include "reports/html.h"
#include "reports/exposure.h"
#include "reports/pictures.h"

#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"

enum { TITLE_MAX = 1 << 16, STYLE_MAX = 64 << 10 };

static const char *const sections[][2] = {
	{"summary", "Summary"},    {"scope", "Impact and scope"},
	{"cause", "How it began"}, {"attack", "Techniques"},
	{"findings", "Findings"},  {"indicators", "Indicators"},
	{"timeline", "Timeline"},  {"changes", "Changes"},
	{"packages", "Packages"},  {"views", "Views"},
	{"running", "Processes"},  {"image", "Image"},
	{"posture", "Posture"},    {"record", "Collection"},
	{"custody", "Custody"},    {"people", "For people"},
	{"rules", "Rules"},
};

/* The policy stands before any content, so that nothing is loaded ahead of it. */
void kan_html_head(struct kan_buf *out, const json_t *doc, const json_t *named)
{
	uint8_t digest[KAN_SHA256_SIZE];
	kan_auto_buf struct kan_buf hash = KAN_BUF(128), style = KAN_BUF(STYLE_MAX);
	kan_buf_adds(&style, kan_html_style);
	kan_html_label_style(&style, doc);
	kan_sha256(digest, kan_buf_bytes(&style));
	kan_base64(&hash, (struct kan_bytes){digest, sizeof digest});
	kan_buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
			  "'none'; style-src 'sha256-");
	kan_buf_addb(out, kan_buf_bytes(&hash));
	kan_buf_adds(out,
		     "'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		     "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" "
		     "href=\"data:,\">\n<title>");
	kan_auto_buf struct kan_buf name = KAN_BUF(TITLE_MAX);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&name, named, "name", &ignored) == 0)
		kan_html_bytes(out, kan_buf_bytes(&name));
	kan_buf_adds(out, " – kanshiki report</title>\n<style>");
	kan_buf_addb(out, kan_buf_bytes(&style));
	kan_buf_adds(out, "</style>\n</head>\n");
}

/* Two sections are there only when they have something. */
static bool is_there(const struct kan_model *m, const char *section)
{
	if (strcmp(section, "attack") == 0)
		return json_array_size(json_object_get(m->doc, "techniques")) > 0;
	return strcmp(section, "indicators") != 0 || json_array_size(m->indicators) > 0;
}

static void top(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_adds(out, "<body>\n<a class=\"skip\" href=\"#summary\">Skip to the "
			  "summary</a>\n<header>\n");
	kan_html_label(out, m->doc);
	kan_buf_adds(out, "<h1>Container ");
	kan_html_value(out, json_object_get(m->doc, "container"), "name");
	kan_buf_adds(out, "</h1>\n<p class=\"meta\">");
	kan_html_parts(out, m->about);
	kan_buf_adds(out, "</p>\n<nav aria-label=\"Sections\"><ul>");
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (is_there(m, sections[i][0]))
			kan_buf_addf(out, "<li><a href=\"#%s\">%s</a></li>", sections[i][0],
				     sections[i][1]);
	kan_buf_adds(out, "</ul></nav>\n</header>\n<main>\n");
}

static const char *gravest(const struct kan_model *m)
{
	for (size_t i = 4; i-- > 0;)
		if (m->counts[i])
			return kan_model_severities[i];
	return "none";
}

static void counts(struct kan_buf *out, const struct kan_model *m)
{
	bool any = false;
	for (size_t i = 4; i-- > 0;)
		if (m->counts[i]) {
			kan_buf_addf(out, "%s%" PRIu64 " %s", any ? ", " : "", m->counts[i],
				     kan_model_severities[i]);
			any = true;
		}
}

static void first(struct kan_buf *out, const struct kan_model *m)
{
	kan_buf_addf(out, "<div class=\"verdict %s\">\n<p>", gravest(m));
	kan_html_parts(out, m->headline);
	kan_buf_adds(out, "</p>\n<p class=\"note\">");
	counts(out, m);
	kan_buf_adds(out, m->total ? ". " : "");
	kan_buf_adds(out, m->alarm ? "Strength of support by independent witnesses, not a "
				     "probability. "
				   : "");
	kan_buf_adds(out, "What could not be seen is listed below.</p>\n<ol>");
	for (size_t i = 0; i < m->first.n; i++) {
		const json_t *f = json_array_get(json_object_get(m->doc, "findings"), i);
		const char *severity = json_string_value(json_object_get(f, "severity"));
		kan_buf_addf(out, "<li><span class=\"sev %s\">%s</span><span>", severity, severity);
		kan_html_text(out, json_string_value(json_object_get(f, "title")));
		kan_html_mark(out, m->first.at[i].n);
		kan_buf_adds(out, "</span></li>\n");
	}
	kan_buf_adds(out, "</ol>\n</div>\n");
}

static void entries(struct kan_buf *out, const char *title, const struct kan_entries *e, size_t max,
		    const char *where)
{
	if (!e->n)
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd>", title);
	if (e->n > 1)
		kan_buf_adds(out, "<ul>");
	for (size_t i = 0; i < e->n && i < max; i++) {
		kan_buf_adds(out, e->n > 1 ? "<li>" : "");
		kan_html_parts(out, e->at[i].parts);
		kan_html_mark(out, e->at[i].n);
		kan_buf_adds(out, e->n > 1 ? "</li>" : "");
	}
	if (e->n > 1)
		kan_buf_adds(out, "</ul>");
	kan_html_more(out, e->n > max ? e->n - max : 0, where);
	kan_buf_adds(out, "</dd>\n");
}

static void summary(struct kan_buf *out, const struct kan_model *m)
{
	enum { FEW = 8 };
	kan_buf_adds(out, "<section id=\"summary\"><h2>Summary</h2>\n");
	first(out, m);
	kan_buf_adds(out, "<dl class=\"panel\">\n");
	entries(out, "Do now", &m->do_now, FEW / 2, "with the findings");
	entries(out, "Runs now", &m->now, FEW, "below");
	entries(out, "Talks to", &m->talks, FEW, "below");
	entries(out, "Changed", &m->changed, 1, "");
	entries(out, "Hidden", &m->hidden, 1, "");
	entries(out, "Views", &m->views, 1, "below");
	entries(out, "Reach", &m->reach, 1, "");
	entries(out, "Not seen", &m->not_seen, FEW, "in the collection record");
	kan_buf_adds(out, "</dl>\n</section>\n");
}

static void fact(struct kan_buf *out, const char *title, const json_t *o, const char *key)
{
	if (!json_object_get(o, key))
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd>", title);
	if (json_is_boolean(json_object_get(o, key)))
		kan_buf_adds(out, json_is_true(json_object_get(o, key)) ? "yes" : "no");
	else
		kan_html_value(out, o, key);
	kan_buf_adds(out, "</dd>\n");
}

static void scope(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *c = json_object_get(m->doc, "container"),
		     *r = json_object_get(m->doc, "reach");
	kan_buf_adds(out,
		     "<section id=\"scope\"><h2>Impact and scope</h2>\n<dl class=\"panel\">\n");
	fact(out, "Container", c, "id");
	fact(out, "Image", c, "image");
	fact(out, "Image id", c, "image_id");
	fact(out, "State", c, "state");
	fact(out, "Storage", c, "storage");
	fact(out, "Engine's socket", r, "engine_socket");
	fact(out, "Privileged", r, "privileged");
	fact(out, "Host mounts", r, "host_mounts");
	fact(out, "Host network", r, "host_network");
	fact(out, "Host processes", r, "host_pid");
	kan_buf_adds(out, "</dl>\n</section>\n");
}

static void people(struct kan_buf *out)
{
	static const char *const blanks[] = {"Who was told, and when", "What was decided, by whom",
					     "What was affected",      "Root cause",
					     "What went well",         "Actions, owner, date"};
	kan_buf_adds(out, "<section id=\"people\"><h2>For people</h2>\n<p class=\"note\">What only "
			  "people know. Print the page, "
			  "or use report.md.</p>\n<dl class=\"panel\">\n");
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
		kan_buf_addf(out, "<dt>%s</dt><dd class=\"blank\"></dd>\n", blanks[i]);
	kan_buf_adds(out, "</dl>\n</section>\n");
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	kan_html_head(out, m->doc, json_object_get(m->doc, "container"));
	top(out, m);
	summary(out, m);
	scope(out, m);
	kan_html_hypotheses(out, m);
	kan_html_attack(out, m);
	kan_html_findings(out, m);
	kan_html_indicators(out, m);
	kan_html_timeline(out, m);
	kan_html_changes(out, m);
	kan_html_packages(out, m);
	kan_html_views(out, m);
	kan_html_running(out, m);
	kan_html_image(out, m);
	kan_html_posture(out, m);
	kan_html_record(out, m);
	kan_html_custody(out, m);
	people(out);
	kan_html_rules(out, m);
	kan_buf_adds(out, "</main>\n<footer>");
	kan_html_label(out, m->doc);
	kan_buf_adds(out, "Made by kanshiki ");
	kan_html_text(out, json_string_value(json_object_get(json_object_get(m->doc, "generator"),
							     "version")));
	kan_buf_adds(out, " from the bundle alone: the same bundle, receipt, rules and "
			  "options give the same bytes.</footer>\n</body>\n</html>\n");
	kan_lang_finish(out, KAN_LANG_HTML, m->lang);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "report.html: the buffer is full") : 0;
}

extern const struct kan_report kan_report_html;
const struct kan_report kan_report_html = {
	.name = "html",
	.file = "report.html",
	.summary = "one page for people, offline",
	.render = render,
};
