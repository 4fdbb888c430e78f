/* posture.sarif: how the container is exposed, SARIF 2.1.0. Never what an intruder did. */
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

static const char *level_of(const json_t *finding)
{
	const char *s = kan_json_str(finding, "severity");
	return strcmp(s, "low") == 0 ? "note" : strcmp(s, "medium") == 0 ? "warning" : "error";
}

static json_t *rule_of(const json_t *finding)
{
	return json_pack("{s:O,s:{s:O},s:{s:O},s:{s:s}}", "id", json_object_get(finding, "rule"),
			 "shortDescription", "text", json_object_get(finding, "title"),
			 "fullDescription", "text", json_object_get(finding, "why"),
			 "defaultConfiguration", "level", level_of(finding));
}

/* Where in the bundle it was read: artefact and line. */
static json_t *location_of(const json_t *finding)
{
	const json_t *e = json_array_get(json_object_get(finding, "evidence"), 0);
	json_t *place =
		json_pack("{s:{s:s}}", "artifactLocation", "uri", kan_json_str(e, "artefact"));
	if (json_object_get(e, "row")) /* a document has no lines */
		json_object_set_new(place, "region",
				    json_pack("{s:I}", "startLine", kan_json_int(e, "row")));
	return json_pack("{s:o}", "physicalLocation", place);
}

static json_t *result_of(const json_t *finding, size_t rule)
{
	return json_pack("{s:O,s:I,s:s,s:{s:O},s:[o],s:{s:O}}", "ruleId",
			 json_object_get(finding, "rule"), "ruleIndex", (json_int_t)rule, "level",
			 level_of(finding), "message", "text", json_object_get(finding, "says"),
			 "locations", location_of(finding), "partialFingerprints",
			 "kanshiki.finding/1", json_object_get(finding, "id"));
}

static size_t rule_index(json_t *rules, const json_t *finding)
{
	size_t i = 0;
	json_t *r = NULL;
	json_array_foreach (rules, i, r)
		if (json_equal(json_object_get(r, "id"), json_object_get(finding, "rule")))
			return i;
	json_array_append_new(rules, rule_of(finding));
	return json_array_size(rules) - 1;
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	json_t *rules = json_array(), *results = json_array(), *f = NULL;
	const json_t *generator = json_object_get(m->doc, "generator");
	size_t i = 0;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "class"), "posture") == 0)
			json_array_append_new(results, result_of(f, rule_index(rules, f)));
	json_t *doc = json_pack(
		"{s:s,s:s,s:[{s:{s:{s:O,s:O,s:o}},s:{s:s},s:o}]}", "$schema",
		"https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
		"driver", "name", json_object_get(generator, "tool"), "version",
		json_object_get(generator, "version"), "rules", rules, "automationDetails", "id",
		kan_json_str(m->doc, "bundle"), "results", results);
	json_t *said = json_object();
	if (json_object_get(m->doc, "tlp"))
		json_object_set(said, "tlp", json_object_get(m->doc, "tlp"));
	if (json_object_get(m->doc, "redacted"))
		json_object_set_new(said, "redacted", json_true());
	if (json_object_size(said))
		json_object_set(json_array_get(json_object_get(doc, "runs"), 0), "properties",
				said);
	json_decref(said);
	int rc = kan_json_dump(out, doc, err);
	json_decref(doc);
	return rc;
}

extern const struct kan_report kan_report_sarif;
const struct kan_report kan_report_sarif = {
	.name = "sarif",
	.file = "posture.sarif",
	.summary = "exposure for code scanning, SARIF 2.1.0",
	.render = render,
};
