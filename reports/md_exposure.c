/* Image and posture in report.md. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/row.h"
#include "reports/exposure.h"

static void one(struct kan_buf *out, const char *title, const json_t *o, const char *key)
{
	if (!json_object_get(o, key))
		return;
	kan_buf_addf(out, "- %s: ", title);
	kan_md_value(out, o, key);
	kan_buf_addc(out, '\n');
}

static void words(struct kan_buf *out, const char *title, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		if (i == 0)
			kan_buf_addf(out, "- %s:", title);
		kan_buf_addc(out, ' ');
		kan_md_value(out, v, "value");
	}
	if (i)
		kan_buf_addc(out, '\n');
}

static void more(struct kan_buf *out, const json_t *section)
{
	int64_t n = kan_json_int(section, "count") - KAN_MODEL_SECTION;
	if (n > 0)
		kan_buf_addf(out, "- +%" PRId64 " more, in report.json and the bundle\n", n);
}

static void steps(struct kan_buf *out, const json_t *section)
{
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "\n### Layers and history, the builder's word\n");
	json_array_foreach (json_object_get(section, "rows"), i, row) {
		char when[KAN_RFC3339] = "";
		if (i >= KAN_MODEL_SECTION)
			break;
		if (json_object_get(row, "created_ns"))
			kan_rfc3339_s(when, kan_json_int(row, "created_ns"));
		kan_buf_addf(out, "- %s ", *when ? when : "no time");
		kan_md_value(out, row,
			     json_object_get(row, "created_by") ? "created_by" : "comment");
		if (json_object_get(row, "layer")) {
			kan_buf_adds(out, ", layer ");
			kan_md_value(out, row, "layer");
			kan_buf_addc(out, ' ');
			kan_md_value(out, row, "diff_id");
		}
		if (json_object_get(row, "size"))
			kan_buf_addf(out, ", %" PRId64 " octets", kan_json_int(row, "size"));
		kan_buf_addc(out, '\n');
	}
	more(out, section);
}

static void rows(struct kan_buf *out, const struct kan_model *m, const char *key, const char *title)
{
	size_t i = 0;
	json_t *row = NULL;
	const json_t *section = json_object_get(json_object_get(m->doc, "image"), key);
	kan_buf_addf(out, "\n### %s\n", title);
	if (!json_array_size(json_object_get(section, "rows")))
		kan_buf_adds(out,
			     json_is_true(json_object_get(section, "seen"))
				     ? "None.\n"
				     : "Not assessed: it was not collected, or not compared.\n");
	json_array_foreach (json_object_get(section, "rows"), i, row) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "- ");
		kan_md_value(out, row, json_object_get(row, "path") ? "path" : "about");
		if (json_object_get(row, "layer")) {
			kan_buf_adds(out, ", layer ");
			kan_md_value(out, row, "layer");
		}
		if (json_object_get(row, "hidden_by")) {
			kan_buf_adds(out, ", hidden by ");
			kan_md_value(out, row, "hidden_by");
		}
		if (json_object_get(row, "mode")) {
			kan_buf_adds(out, ", mode ");
			kan_md_value(out, row, "mode");
		}
		for (size_t k = 0; k < json_array_size(json_object_get(row, "differs")); k++) {
			json_t *word = json_pack(
				"{s:O}", "w", json_array_get(json_object_get(row, "differs"), k));
			kan_buf_adds(out, ", ");
			kan_md_word(out, word, "w");
			json_decref(word);
		}
		kan_md_mark(out, kan_model_image_finding(m, row));
		kan_buf_addc(out, '\n');
	}
	more(out, section);
}

static void missing(struct kan_buf *out, const json_t *gap)
{
	kan_buf_adds(out, "not assessed: ");
	kan_md_value(out, gap, "what");
	kan_buf_adds(out, " of ");
	kan_md_word(out, gap, "collector");
	kan_buf_adds(out, ", ");
	kan_md_word(out, gap, "code");
	kan_buf_adds(out, ": ");
	kan_md_value(out, gap, "why");
}

static void all_missing(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *gap = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, gap) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "- ");
		missing(out, gap);
		kan_buf_addc(out, '\n');
	}
	if (json_array_size(list) > i)
		kan_buf_addf(out, "- +%zu more, in report.json\n", json_array_size(list) - i);
}

static void secrets(struct kan_buf *out, const json_t *image)
{
	const json_t *list = json_object_get(image, "secrets");
	size_t i = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "\n### Secrets that come with the image: change them\n");
	if (!json_array_size(list))
		kan_buf_adds(out,
			     json_is_true(json_object_get(image, "seen"))
				     ? "None found by name or form.\n"
				     : "Not assessed: nothing of its configuration was read.\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, row) {
		kan_buf_adds(out, "- ");
		kan_md_value(out, row, "name");
		kan_buf_adds(out, ", ");
		kan_md_word(out, row, "where");
		kan_buf_adds(out, ": ");
		kan_md_value(out, row, "shown");
		kan_buf_addc(out, '\n');
	}
}

void kan_md_image(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *image = json_object_get(m->doc, "image");
	const json_t *integrity = json_object_get(m->doc, "image_integrity");
	kan_buf_adds(out, "\n## Image\n");
	one(out, "Name", image, "name");
	one(out, "Id", image, "id");
	words(out, "Digests", json_object_get(image, "digests"));
	words(out, "Entrypoint", json_object_get(image, "entrypoint"));
	words(out, "Command", json_object_get(image, "cmd"));
	one(out, "User", image, "user");
	if (integrity)
		kan_buf_addf(out, "- Rung reached: %" PRId64 " of 5: %s\n",
			     kan_json_int(integrity, "reached"), kan_model_rung(m));
	else
		kan_buf_adds(out, "- Rung reached: not assessed, the image was not checked\n");
	steps(out, json_object_get(image, "steps"));
	rows(out, m, "damaged", "Not as the image has it");
	rows(out, m, "ghosts", "Hidden by a later layer");
	rows(out, m, "set_id", "Set-uid and set-gid files");
	secrets(out, image);
	all_missing(out, json_object_get(image, "missing"));
}

static void benchmark(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		json_t *word = json_pack("{s:O}", "w", v);
		kan_buf_adds(out, "; ");
		kan_md_word(out, word, "w");
		json_decref(word);
	}
}

void kan_md_posture(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	const json_t *section = json_object_get(m->doc, "posture");
	kan_buf_adds(out, "\n## Posture: exposure, which is no intrusion\n");
	json_array_foreach (json_object_get(section, "rows"), i, row) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "- ");
		kan_md_word(out, row, "subject");
		kan_buf_adds(out, ", ");
		kan_md_word(out, row, "what");
		kan_buf_adds(out, ": ");
		if (json_object_get(row, "missing"))
			missing(out, json_object_get(row, "missing"));
		else
			kan_md_value(out, row, "value");
		kan_md_mark(out, kan_json_int(row, "n"));
		kan_buf_adds(out, " – ");
		kan_md_value(out, row, "artefact");
		if (json_object_get(row, "row"))
			kan_buf_addf(out, " line %" PRId64, kan_json_int(row, "row"));
		benchmark(out, json_object_get(row, "cis"));
		kan_buf_addc(out, '\n');
	}
	more(out, section);
	all_missing(out, json_object_get(section, "missing"));
}
