/* Sections of report.html over rows: timeline, changes, processes and sockets, indicators. */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "reports/html.h"
#include "reports/pictures.h"

enum { INDICATOR_MAX = 1 << 16 };

static void cell(struct kan_buf *out, const char *title, const json_t *row, const char *key)
{
	kan_buf_addf(out, "<td data-l=\"%s\">", title);
	kan_html_value(out, row, key);
	kan_buf_adds(out, "</td>");
}

static void word(struct kan_buf *out, const char *title, const char *s)
{
	kan_buf_addf(out, "<td data-l=\"%s\" class=\"word\">", title);
	kan_html_text(out, s);
	kan_buf_adds(out, "</td>");
}

void kan_html_timeline(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *e = NULL;
	const json_t *list = json_object_get(m->doc, "timeline");
	kan_buf_adds(out, "<section id=\"timeline\"><h2>Timeline</h2>\n");
	kan_html_lanes(out, m);
	kan_buf_adds(out,
		     "<table><caption>UTC. What a time "
		     "means and who could "
		     "have set it stands beside it.</caption><thead><tr><th scope=\"col\">time</th>"
		     "<th scope=\"col\">what</th><th scope=\"col\">time of</th><th "
		     "scope=\"col\">class</th></tr></thead>"
		     "<tbody>\n");
	size_t skip = json_array_size(list) > KAN_MODEL_SECTION
			      ? json_array_size(list) - KAN_MODEL_SECTION
			      : 0;
	json_array_foreach ((json_t *)(uintptr_t)list, i, e) {
		if (i < skip)
			continue;
		kan_buf_adds(out, "<tr><td data-l=\"time\">");
		kan_html_time(out, kan_json_int(e, "time_ns"));
		kan_buf_adds(out, "</td><td data-l=\"what\">");
		kan_html_value(out, e, "message");
		kan_html_mark(out, kan_json_int(e, "n"));
		kan_buf_adds(out, "</td>");
		word(out, "time of", kan_json_str(e, "desc"));
		word(out, "class", kan_json_str(e, "trust"));
		kan_buf_adds(out, "</tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
	kan_html_more(out, skip + (uint64_t)kan_json_int(m->doc, "timeline_left_out"),
		      "earlier, in report.json and the bundle");
	kan_buf_adds(out, "</section>\n");
}

static void change_row(struct kan_buf *out, const struct kan_model *m, const json_t *row)
{
	static const char *const keys[] = {"path", NULL};
	kan_buf_adds(out, "<tr>");
	word(out, "change", kan_json_str(row, "change"));
	kan_buf_adds(out, "<td data-l=\"path\">");
	kan_html_value(out, row, "path");
	if (json_object_get(row, "from")) {
		kan_buf_adds(out, " from ");
		kan_html_value(out, row, "from");
	}
	kan_html_mark(out, kan_model_object_finding(m, "change", row, keys));
	kan_buf_adds(out, "</td>");
	word(out, "how", kan_json_str(row, "how"));
	kan_html_package_cell(out, row);
	word(out, "mode", kan_json_str(row, "mode"));
	cell(out, "uid", row, "uid");
	kan_buf_adds(out, "<td data-l=\"size\" class=\"num\">");
	if (json_object_get(row, "below_size") &&
	    kan_json_int(row, "below_size") != kan_json_int(row, "size"))
		kan_buf_addf(out, "%" PRId64 " → ", kan_json_int(row, "below_size"));
	if (json_object_get(row, "size") || json_object_get(row, "below_size"))
		kan_buf_addf(out, "%" PRId64, kan_json_int(row, "size"));
	kan_buf_adds(out, "</td><td data-l=\"ctime\">");
	/* A whiteout shares its inode: its times say nothing about the deletion. */
	if (strcmp(kan_json_str(row, "change"), "deleted") != 0 && json_object_get(row, "ctime_ns"))
		kan_html_time(out, kan_json_int(row, "ctime_ns"));
	kan_buf_adds(out, "</td></tr>\n");
}

static bool engine_only(const struct kan_model *m)
{
	return strcmp(kan_json_str(json_object_get(m->doc, "record"), "depth"), "api-only") == 0;
}

void kan_html_changes(struct kan_buf *out, const struct kan_model *m)
{
	static const char *const words[] = {"added",     "changed", "deleted", "metadata",
					    "identical", "parent",  "engine"};
	const json_t *section = json_object_get(m->doc, "changes"),
		     *rows = kan_model_rows(m, "changes");
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<section id=\"changes\"><h2>Changes to the container's files</h2>\n<p>");
	for (size_t k = 0; k < sizeof words / sizeof *words; k++)
		kan_buf_addf(out, "%s%" PRId64 " %s", k ? ", " : "",
			     kan_json_int(json_object_get(section, "counts"), words[k]), words[k]);
	kan_buf_adds(out, ".</p>\n");
	kan_html_treemap(out, m);
	kan_buf_adds(out, "<table><caption>");
	kan_buf_adds(out, engine_only(m)
				  ? "As the engine lists them: its words were not judged, and "
				    "what it calls modified may be "
				    "content, owner or mode. An export has no ctime."
				  : "Compared with the layers of the image, by content. ctime "
				    "is the one time that no program can set back.");
	kan_buf_adds(out, "</caption><thead><tr><th scope=\"col\">change</th>"
			  "<th scope=\"col\">path</th><th scope=\"col\">how</th><th "
			  "scope=\"col\">package</th>"
			  "<th scope=\"col\">mode</th>"
			  "<th scope=\"col\">uid</th><th scope=\"col\" class=\"num\">size</th><th "
			  "scope=\"col\">ctime</th></tr>"
			  "</thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		if (i < KAN_MODEL_SECTION)
			change_row(out, m, row);
	kan_buf_adds(out, "</tbody></table>\n");
	uint64_t shown = i < KAN_MODEL_SECTION ? i : KAN_MODEL_SECTION;
	kan_html_more(out, (uint64_t)kan_json_int(section, "count") - shown,
		      "in data/filesystem/changes.ndjson of the bundle");
	kan_buf_adds(out, "</section>\n");
}

static void process_row(struct kan_buf *out, const struct kan_model *m, const json_t *row)
{
	kan_buf_adds(out, "<tr>");
	cell(out, "pid", row, "pid");
	cell(out, "parent", row, "ppid");
	kan_buf_adds(out, "<td data-l=\"arguments\">");
	if (json_array_size(json_object_get(row, "argv")))
		kan_html_list(out, row, "argv");
	else
		kan_html_value(out, row, "comm");
	kan_html_mark(out, kan_model_pid_finding(m, kan_json_int(row, "pid")));
	kan_buf_adds(out, "</td>");
	cell(out, "executable", row, "exe_link");
	word(out, "origin", kan_json_str(row, "exe_origin"));
	word(out, "started by", kan_json_str(row, "ancestor"));
	kan_buf_adds(out, "<td data-l=\"uid\">");
	kan_buf_addf(out, "%" PRId64 "</td><td data-l=\"since\">",
		     (int64_t)json_integer_value(json_array_get(json_object_get(row, "uid"), 1)));
	if (json_object_get(row, "start_ns"))
		kan_html_time(out, kan_json_int(row, "start_ns"));
	kan_buf_adds(out, "</td></tr>\n");
}

static void processes(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *rows = kan_model_rows(m, "processes");
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(
		out,
		"<table><caption>Processes. Names and arguments are the process's own "
		"words.</caption><thead><tr>"
		"<th scope=\"col\">pid</th><th scope=\"col\">parent</th><th "
		"scope=\"col\">arguments</th>"
		"<th scope=\"col\">executable</th><th scope=\"col\">origin</th><th "
		"scope=\"col\">started by</th>"
		"<th scope=\"col\">uid</th><th scope=\"col\">since</th></tr></thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		if (i < KAN_MODEL_SECTION)
			process_row(out, m, row);
	kan_buf_adds(out, "</tbody></table>\n");
	uint64_t shown = i < KAN_MODEL_SECTION ? i : KAN_MODEL_SECTION;
	kan_html_more(out,
		      (uint64_t)kan_json_int(json_object_get(m->doc, "processes"), "count") - shown,
		      "in data/processes/processes.ndjson of the bundle");
}

static void peer_row(struct kan_buf *out, const json_t *row)
{
	bool listens = strcmp(kan_json_str(row, "state"), "LISTEN") == 0;
	kan_buf_adds(out, "<tr>");
	word(out, "scope", listens ? "listener" : kan_json_str(row, "peer_scope"));
	kan_buf_adds(out, "<td data-l=\"address\">");
	kan_html_value(out, row, listens ? "laddr" : "raddr");
	kan_buf_addf(out, " port %" PRId64, kan_json_int(row, listens ? "lport" : "rport"));
	kan_html_mark(out, kan_json_int(row, "n"));
	kan_buf_adds(out, "</td>");
	word(out, "direction", kan_json_str(row, "sock_dir"));
	kan_buf_adds(out, "<td data-l=\"pids\">");
	for (size_t i = 0; i < json_array_size(json_object_get(row, "pid")); i++)
		kan_buf_addf(out, "%s%" PRId64, i ? ", " : "",
			     (int64_t)json_integer_value(
				     json_array_get(json_object_get(row, "pid"), i)));
	kan_buf_addf(out,
		     "</td><td data-l=\"sent\" class=\"num\">%" PRId64
		     "</td><td data-l=\"received\" class=\"num\">%" PRId64
		     "</td><td data-l=\"connections\" class=\"num\">%" PRId64 "</td></tr>\n",
		     kan_json_int(row, "sock_sent"), kan_json_int(row, "sock_received"),
		     kan_json_int(row, "count"));
}

void kan_html_running(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<section id=\"running\"><h2>Processes and connections</h2>\n");
	kan_html_tree(out, m);
	processes(out, m);
	kan_buf_adds(out, "<h3>Peers and odd listeners</h3>\n");
	kan_html_graph(out, m);
	kan_buf_adds(
		out,
		"<table><caption>One line a peer. A published port shows the gateway, not the "
		"client behind it."
		"</caption><thead><tr><th scope=\"col\">scope</th><th scope=\"col\">address</th>"
		"<th scope=\"col\">direction</th><th scope=\"col\">pids</th><th scope=\"col\" "
		"class=\"num\">sent</th>"
		"<th scope=\"col\" class=\"num\">received</th><th scope=\"col\" "
		"class=\"num\">connections</th></tr>"
		"</thead><tbody>\n");
	json_array_foreach (m->peers, i, row)
		if (i < KAN_MODEL_SECTION)
			peer_row(out, row);
	kan_buf_adds(out, "</tbody></table>\n");
	const json_t *sockets = json_object_get(m->doc, "sockets");
	kan_buf_addf(out,
		     "<p class=\"note\">%" PRId64 " internet sockets and %" PRId64
		     " others in all; every one is in "
		     "data/network/sockets.ndjson of the bundle.</p>\n</section>\n",
		     kan_json_int(sockets, "count"), kan_json_int(sockets, "unix"));
}

/* 198[.]51[.]100[.]7: nobody's mail client makes a link of it. */
static void defang(struct kan_buf *out, const char *s)
{
	for (; *s; s++)
		if (*s == '.' || *s == ':')
			kan_buf_addf(out, "[%c]", *s);
		else
			kan_buf_addc(out, *s);
}

void kan_html_indicators(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	if (!json_array_size(m->indicators))
		return;
	kan_buf_adds(out, "<section id=\"indicators\"><h2>Indicators</h2>\n<table><caption>What to "
			  "search for on other hosts; "
			  "addresses are defanged.</caption><thead><tr><th scope=\"col\">kind</th>"
			  "<th scope=\"col\">value</th></tr></thead><tbody>\n");
	json_array_foreach (m->indicators, i, row) {
		kan_buf_adds(out, "<tr>");
		word(out, "kind", kan_json_str(row, "kind"));
		kan_buf_adds(out, "<td data-l=\"value\">");
		if (strcmp(kan_json_str(row, "kind"), "address") == 0) {
			kan_auto_buf struct kan_buf safe = KAN_BUF(INDICATOR_MAX);
			defang(&safe, kan_json_str(row, "value"));
			kan_buf_adds(out, "<code>");
			kan_html_bytes(out, kan_buf_bytes(&safe));
			kan_buf_adds(out, "</code>");
		} else {
			kan_html_value(out, row, "value");
		}
		kan_html_mark(out, kan_json_int(row, "n"));
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table></section>\n");
}
