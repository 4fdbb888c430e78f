/* quarantine --undo: each act that is in force is taken back, the last one first. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "cli/quarantine.h"

/* The receipt that an undo's event belongs to. */
static void of_entry(struct kan_quarantine *q, const json_t *entry)
{
	struct kan_receipt *r = &q->receipt;
	*r = (struct kan_receipt){0};
	(void)snprintf(r->case_id, sizeof r->case_id, "%s", kan_json_str(entry, "case"));
	(void)snprintf(r->bundle, sizeof r->bundle, "%s", kan_json_str(entry, "bundle"));
	(void)snprintf(r->seal, sizeof r->seal, "%s", kan_json_str(entry, "seal"));
	(void)snprintf(r->commit, sizeof r->commit, "%s", kan_json_str(entry, "commit"));
	free(q->request);
	const char *request = kan_json_str(entry, "request");
	q->request = *request ? kan_xstrdup(request) : NULL;
	q->job.request.case_id = r->case_id;
}

static void one(struct kan_quarantine *q, struct kan_engine *e, const json_t *entry)
{
	struct kan_err err = {0};
	json_t *act = NULL;
	of_entry(q, entry);
	int rc = kan_respond_back(&act, e, json_object_get(entry, "act"), &err);
	if (!act)
		return;
	json_object_set(act, "of", json_object_get(entry, "seq"));
	kan_quarantine_record(q, act, rc < 0 ? err.text : NULL);
}

static int find(struct kan_quarantine *q, struct kan_engine *e, struct kan_err *err)
{
	json_auto_t *doc = NULL;
	if (kan_quarantine_marked_name(q, err) < 0 ||
	    kan_respond_inspect(&doc, e, q->asked, err) < 0)
		return -1;
	if (!doc)
		return kan_fail(
			err, KAN_ENOTFOUND,
			"%.200s: no such container, see docker ps -a: what is gone cannot be "
			"brought back; its evidence stays",
			q->asked);
	const char *name = kan_json_str(doc, "Name");
	(void)snprintf(q->id, sizeof q->id, "%s", kan_json_str(doc, "Id"));
	q->name = kan_xstrdup(name[0] == '/' ? name + 1 : name);
	return 0;
}

static int back_all(struct kan_quarantine *q, struct kan_engine *e, struct kan_err *err)
{
	json_auto_t *open = NULL;
	bool any = false;
	if (kan_quarantine_open_acts(&open, &any, q, kan_arg(q->job.a, "request-id"), err) < 0)
		return -1;
	if (!any)
		return kan_fail(
			err, KAN_ENOTFOUND,
			"no act on %.200s is recorded in this home: is it the right --home?",
			q->asked);
	for (size_t i = json_array_size(open); i-- > 0;)
		one(q, e, json_array_get(open, i));
	q->repeated = json_array_size(open) == 0;
	return 0;
}

int kan_quarantine_undo(struct kan_quarantine *q)
{
	struct kan_err err = {0};
	struct kan_engine *e = NULL;
	int rc = kan_engine_open(&e, q->job.request.host, &err);
	if (rc == 0)
		rc = find(q, e, &err);
	if (rc == 0 && !kan_quarantine_confirmed(q)) {
		kan_engine_free(e);
		return q->status;
	}
	if (rc == 0)
		rc = kan_take_turn_of(q, &err);
	if (rc == 0)
		rc = back_all(q, e, &err);
	kan_engine_free(e);
	if (rc < 0)
		(void)kan_quarantine_fault(q, &err);
	kan_quarantine_say(q, NULL, NULL);
	return q->status;
}
