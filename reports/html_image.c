/* Section Image of report.html: the rung reached, how it was built, and what lies in its layers. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/exposure.h"
#include "reports/html.h"

enum { WORDS_MAX = 100 };

static void cell(struct kan_buf *out, const char *title, const json_t *row, const char *key)
{
	kan_buf_addf(out, "<td data-l=\"%s\">", title);
	kan_html_value(out, row, key);
	kan_buf_adds(out, "</td>");
}

static void term(struct kan_buf *out, const char *title, const json_t *o, const char *key)
{
	if (!json_object_get(o, key))
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd>", title);
	kan_html_value(out, o, key);
	kan_buf_adds(out, "</dd>\n");
}

static void words(struct kan_buf *out, const char *title, const json_t *list)
{
	size_t i = 0, n = json_array_size(list);
	if (!n)
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd>", title);
	for (; i < n && i < WORDS_MAX; i++) {
		kan_buf_adds(out, i ? " " : "");
		kan_html_value(out, json_array_get(list, i), "value");
	}
	kan_html_more(out, n - i, "in report.json");
	kan_buf_adds(out, "</dd>\n");
}

static void linked(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0, n = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		if (!kan_model_of_image(f))
			continue;
		kan_buf_adds(out, n++ ? "<li>" : "<dt>Findings</dt><dd><ul><li>");
		kan_html_text(out, kan_json_str(f, "title"));
		kan_html_mark(out, kan_json_int(f, "n"));
		kan_buf_adds(out, "</li>");
	}
	kan_buf_adds(out, n ? "</ul></dd>\n" : "<dt>Findings</dt><dd>none about the image</dd>\n");
}

static void identity(struct kan_buf *out, const struct kan_model *m, const json_t *image)
{
	const json_t *integrity = json_object_get(m->doc, "image_integrity");
	kan_buf_adds(out, "<dl class=\"panel\">\n");
	term(out, "Name", image, "name");
	term(out, "Id", image, "id");
	words(out, "Digests", json_object_get(image, "digests"));
	words(out, "Tags", json_object_get(image, "tags"));
	term(out, "Created", image, "created");
	term(out, "Architecture", image, "architecture");
	term(out, "User", image, "user");
	words(out, "Entrypoint", json_object_get(image, "entrypoint"));
	words(out, "Command", json_object_get(image, "cmd"));
	words(out, "Variables", json_object_get(image, "env"));
	kan_buf_adds(out, "<dt>Rung reached</dt><dd>");
	if (integrity) {
		kan_buf_addf(out, "%" PRId64 " of 5: %s. ", kan_json_int(integrity, "reached"),
			     kan_model_rung(m));
		kan_html_text(out, kan_json_str(integrity, "says"));
	} else {
		kan_buf_adds(out, "not assessed: the image was not checked");
	}
	kan_buf_adds(out, "</dd>\n");
	linked(out, m);
	kan_buf_adds(out, "</dl>\n");
}

static void head(struct kan_buf *out, const char *caption, const char *const *columns)
{
	kan_buf_addf(out, "<table><caption>%s</caption><thead><tr>", caption);
	for (; *columns; columns++)
		kan_buf_addf(out, "<th scope=\"col\">%s</th>", *columns);
	kan_buf_adds(out, "</tr></thead><tbody>\n");
}

static void foot(struct kan_buf *out, const json_t *section, size_t shown)
{
	kan_buf_adds(out, "</tbody></table>\n");
	uint64_t count = (uint64_t)kan_json_int(section, "count");
	kan_auto_buf struct kan_buf where = KAN_BUF(256);
	kan_buf_adds(&where, "in <code>");
	kan_html_name(&where, kan_json_str(section, "artefact"));
	kan_buf_adds(&where, "</code> of the bundle");
	kan_html_more(out, count > shown ? count - shown : 0, kan_buf_str(&where));
}

static void rungs(struct kan_buf *out, const struct kan_model *m)
{
	static const char *const columns[] = {"rung", "what", "result", "why", NULL};
	size_t i = 0;
	json_t *row = NULL;
	const json_t *list = json_object_get(json_object_get(m->doc, "image_integrity"), "rungs");
	if (!json_array_size(list))
		return;
	head(out,
	     "The ladder: each rung counts when all below it hold. The first needs a "
	     "reference from elsewhere.",
	     columns);
	json_array_foreach ((json_t *)(uintptr_t)list, i, row) {
		kan_buf_adds(out, "<tr>");
		cell(out, "rung", row, "rung");
		cell(out, "what", row, "what");
		cell(out, "result", row, "result");
		cell(out, "why", row, "why");
		kan_buf_adds(out, "</tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
}

static void step(struct kan_buf *out, const json_t *row)
{
	kan_buf_adds(out, "<tr>");
	cell(out, "layer", row, "layer");
	kan_buf_adds(out, "<td data-l=\"created\">");
	if (json_object_get(row, "created_ns"))
		kan_html_time(out, kan_json_int(row, "created_ns"));
	kan_buf_adds(out, "</td>");
	cell(out, "step", row, json_object_get(row, "created_by") ? "created_by" : "comment");
	kan_buf_adds(out, "<td data-l=\"size\" class=\"num\">");
	if (json_object_get(row, "size"))
		kan_buf_addf(out, "%" PRId64, kan_json_int(row, "size"));
	kan_buf_adds(out, "</td>");
	cell(out, "diffID", row, "diff_id");
	kan_buf_adds(out, "</tr>\n");
}

static void steps(struct kan_buf *out, const json_t *section)
{
	static const char *const columns[] = {"layer", "created", "step", "size", "diffID", NULL};
	size_t i = 0;
	json_t *row = NULL;
	const json_t *rows = json_object_get(section, "rows");
	kan_buf_adds(out, "<h3>Layers and history</h3>\n");
	head(out,
	     "First step first. The history is the builder's own word; secrets in it are "
	     "masked.",
	     columns);
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		if (i < KAN_MODEL_SECTION)
			step(out, row);
	foot(out, section, i < KAN_MODEL_SECTION ? i : KAN_MODEL_SECTION);
}

/* What a list of the image is called, and which of its columns are shown. */
struct part {
	const char *key, *title, *caption, *none, *unseen;
	const char *columns[6], *keys[6];
};

static void row_of(struct kan_buf *out, const struct kan_model *m, const struct part *p,
		   const json_t *row)
{
	kan_buf_adds(out, "<tr>");
	for (size_t i = 0; p->keys[i]; i++) {
		kan_buf_addf(out, "<td data-l=\"%s\"%s>", p->columns[i],
			     strcmp(p->keys[i], "mode") == 0 ? " class=\"word\"" : "");
		if (i == 0 && !json_object_get(row, "path")) /* of an image or a layer as such */
			kan_html_value(out, row, "about");
		else if (json_is_array(json_object_get(row, p->keys[i])))
			kan_html_list(out, row, p->keys[i]);
		else
			kan_html_value(out, row, p->keys[i]);
		if (i == 0)
			kan_html_mark(out, kan_model_image_finding(m, row));
		kan_buf_adds(out, "</td>");
	}
	kan_buf_adds(out, "</tr>\n");
}

static void listed(struct kan_buf *out, const struct kan_model *m, const struct part *p)
{
	const json_t *section = json_object_get(json_object_get(m->doc, "image"), p->key);
	const json_t *rows = json_object_get(section, "rows");
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_addf(out, "<h3>%s</h3>\n", p->title);
	if (!json_array_size(rows)) {
		kan_buf_addf(out, "<p>%s</p>\n",
			     json_is_true(json_object_get(section, "seen")) ? p->none : p->unseen);
		return;
	}
	head(out, p->caption, p->columns);
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		if (i < KAN_MODEL_SECTION)
			row_of(out, m, p, row);
	foot(out, section, i < KAN_MODEL_SECTION ? i : KAN_MODEL_SECTION);
}

static void secrets(struct kan_buf *out, const json_t *image)
{
	static const char *const columns[] = {"kind", "name", "where", "layer", "shown", NULL};
	static const char *const keys[] = {"what", "name", "where", "layer", "shown", NULL};
	const json_t *rows = json_object_get(image, "secrets");
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<h3>Secrets that come with the image</h3>\n");
	if (!json_array_size(rows)) {
		kan_buf_adds(out, json_is_true(json_object_get(image, "seen"))
					  ? "<p>None found by name or form.</p>\n"
					  : "<p>Not assessed: nothing of the image's "
					    "configuration was read.</p>\n");
		return;
	}
	head(out, "Kind and length; the value is in the sealed evidence alone. Change them.",
	     columns);
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
		kan_buf_adds(out, "<tr>");
		for (size_t k = 0; keys[k]; k++)
			cell(out, columns[k], row, keys[k]);
		kan_buf_adds(out, "</tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
}

static void missing(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *gap = NULL;
	if (!json_array_size(list))
		return;
	kan_buf_adds(out, "<h3>Not collected, and why</h3>\n<ul>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, gap) {
		kan_buf_adds(out, "<li>");
		kan_html_missing(out, gap);
		kan_buf_adds(out, "</li>\n");
	}
	kan_buf_adds(out, "</ul>\n");
}

void kan_html_image(struct kan_buf *out, const struct kan_model *m)
{
	static const char not_collected[] = "Not assessed: it was not collected.";
	static const struct part parts[] = {
		{"damaged",
		 "Not as the image has it",
		 "Paths of layers that differ from the image: changed, missing, or more than it "
		 "has.",
		 "All were compared, and nothing was named.",
		 "Not assessed: the layers' files were not compared with the image's.",
		 {"path", "layer", "differs", "mode on the host", "expected", NULL},
		 {"path", "layer", "differs", "found_mode", "expected_digest", NULL}},
		{"ghosts",
		 "Hidden by a later layer",
		 "Files that a later layer deletes or replaces. Whoever has the image can take "
		 "them "
		 "out.",
		 "None.",
		 not_collected,
		 {"path", "layer", "hidden by", "size", "sha256", NULL},
		 {"path", "layer", "hidden_by", "size", "sha256", NULL}},
		{"set_id",
		 "Set-uid and set-gid files",
		 "They run with their owner's or group's rights. Most images have some.",
		 "None.",
		 not_collected,
		 {"path", "layer", "mode", "uid", "sha256", NULL},
		 {"path", "layer", "mode", "uid", "sha256", NULL}}};
	const json_t *image = json_object_get(m->doc, "image");
	kan_buf_adds(out, "<section id=\"image\"><h2>Image</h2>\n");
	identity(out, m, image);
	rungs(out, m);
	steps(out, json_object_get(image, "steps"));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		listed(out, m, &parts[i]);
	secrets(out, image);
	missing(out, json_object_get(image, "missing"));
	kan_html_findings_at(out, m, KAN_PLACE_IMAGE);
	kan_buf_adds(out, "</section>\n");
}
