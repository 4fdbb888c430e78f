/* navigator.json: a layer of the ATT&CK Navigator, with the techniques that were found and no
 * others. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

enum { COMMENT_MAX = 4096, STEP = 25 };

static int rank_of(const json_t *finding)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(kan_json_str(finding, "severity"), kan_model_severities[i]) == 0)
			return i;
	return 0;
}

static bool names(const json_t *finding, const json_t *technique)
{
	size_t i = 0;
	json_t *id = NULL;
	json_array_foreach (json_object_get(finding, "attack"), i, id)
		if (json_equal(id, json_object_get(technique, "id")))
			return true;
	return false;
}

/* Score by the gravest finding, comment with the ids of all. */
static json_t *technique(const struct kan_model *m, const json_t *t)
{
	kan_auto_buf struct kan_buf comment = KAN_BUF(COMMENT_MAX);
	int worst = 0;
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		if (!names(f, t) || strcmp(kan_json_str(f, "class"), "posture") == 0)
			continue;
		worst = rank_of(f) + 1 > worst ? rank_of(f) + 1 : worst;
		kan_buf_addf(&comment, "%s%s", comment.len ? " " : "", kan_json_str(f, "id"));
	}
	if (!worst)
		return NULL;
	return json_pack("{s:O,s:i,s:s,s:b,s:b}", "techniqueID", json_object_get(t, "id"), "score",
			 worst * STEP, "comment", kan_buf_str(&comment), "enabled", 1,
			 "showSubtechniques", 1);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	json_t *list = json_array(), *t = NULL;
	char name[256];
	size_t i = 0;
	json_array_foreach (json_object_get(m->doc, "techniques"), i, t) {
		json_t *one = technique(m, t);
		if (one)
			json_array_append_new(list, one);
	}
	(void)snprintf(name, sizeof name, "kanshiki %.200s", kan_json_str(m->doc, "bundle"));
	json_t *doc = json_pack(
		"{s:s,s:{s:s,s:s},s:s,s:s,s:o,s:{s:[s,s],s:i,s:i}}", "name", name, "versions",
		"navigator", "4.9.1", "layer", "4.5", "domain", "enterprise-attack", "description",
		"score: 25 low, 50 medium, 75 high, 100 critical; a technique that is not here was "
		"not found, which does not say that it was not used",
		"techniques", list, "gradient", "colors", "#ffe766", "#ff6666", "minValue", 0,
		"maxValue", 4 * STEP);
	json_t *said = json_array();
	if (json_object_get(m->doc, "tlp"))
		json_array_append_new(said, json_pack("{s:s,s:O}", "name", "TLP", "value",
						      json_object_get(m->doc, "tlp")));
	if (json_object_get(m->doc, "redacted"))
		json_array_append_new(said,
				      json_pack("{s:s,s:s}", "name", "redacted", "value", "yes"));
	if (json_array_size(said))
		json_object_set(doc, "metadata", said);
	json_decref(said);
	int rc = kan_json_dump(out, doc, err);
	json_decref(doc);
	return rc;
}

extern const struct kan_report kan_report_navigator;
const struct kan_report kan_report_navigator = {
	.name = "navigator",
	.file = "navigator.json",
	.summary = "a layer of the ATT&CK Navigator",
	.render = render,
};
