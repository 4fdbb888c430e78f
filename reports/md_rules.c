/* What somebody has accepted, and whose rules they are, in report.md. */
#include "base/row.h"
#include "reports/exposure.h"

static void accepted(struct kan_buf *out, const json_t *suppressed)
{
	size_t i = 0;
	json_t *row = NULL;
	if (json_array_size(suppressed))
		kan_buf_adds(out, "\nAccepted by somebody, and counted for nothing above:\n\n");
	json_array_foreach ((json_t *)(uintptr_t)suppressed, i, row) {
		const json_t *f = json_object_get(row, "finding");
		if (i == KAN_MODEL_SECTION) {
			kan_buf_adds(out, "- more in report.json\n");
			break;
		}
		kan_buf_adds(out, "- ");
		kan_md_value(out, row, "rule");
		kan_buf_adds(out, f ? " " : " (");
		kan_buf_adds(out, f ? "" : kan_json_str(row, "state"));
		kan_buf_adds(out, f ? "" : ")");
		kan_md_value(out, f, "id");
		kan_buf_adds(out, ": ");
		kan_md_value(out, row, "reason");
		kan_buf_adds(out, ", by ");
		kan_md_value(out, row, "by");
		kan_buf_adds(out, " until ");
		kan_md_value(out, row, "expires");
		kan_buf_adds(out, "\n");
	}
}

static void rule_ids(struct kan_buf *out, const char *what, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_addf(out, "- %s: `%s`", what,
			     json_is_string(v) ? json_string_value(v) : kan_json_str(v, "id"));
		if (json_object_get(v, "reason")) {
			kan_buf_adds(out, ", ");
			kan_md_value(out, v, "reason");
		}
		kan_buf_adds(out, "\n");
	}
}

static void changed_rules(struct kan_buf *out, const json_t *changed)
{
	if (!changed)
		return;
	kan_buf_adds(out, "\nRules that are not the shipped ones:\n\n");
	rule_ids(out, "added", json_object_get(changed, "added"));
	rule_ids(out, "replaced", json_object_get(changed, "replaced"));
	rule_ids(out, "turned off", json_object_get(changed, "disabled"));
}

void kan_md_rules(struct kan_buf *out, const struct kan_model *m)
{
	accepted(out, json_object_get(m->doc, "suppressed"));
	changed_rules(out, json_object_get(m->doc, "rules_changed"));
}
