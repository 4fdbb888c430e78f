/* report.json: the analysis document itself, with the receipt when there is one. */
#include "base/row.h"
#include "reports/model.h"

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	if (!m->receipt)
		return kan_json_dump(out, m->doc, err);
	json_t *doc = json_copy((json_t *)(uintptr_t)m->doc);
	json_object_set(doc, "receipt", (json_t *)(uintptr_t)m->receipt);
	int rc = kan_json_dump(out, doc, err);
	json_decref(doc);
	return rc;
}

extern const struct kan_report kan_report_json;
const struct kan_report kan_report_json = {
	.name = "json",
	.file = "report.json",
	.summary = "all findings and rows for scripts, schema kanshiki.report/1",
	.render = render,
};
