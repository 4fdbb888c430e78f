/* The acts of a quarantine, on a container that is held or not, an event of the chain each. */
#include <stdlib.h>
#include <string.h>

#include <kanshiki/bundle.h>

#include "base/row.h"
#include "cli/quarantine.h"
#include "custody/act.h"
#include "custody/move.h"

#define INSPECT "data/engine/inspect.json"

int kan_quarantine_commit(struct kan_quarantine *q, json_t *impact)
{
	struct kan_err err = {0};
	if (kan_job_preserve(&q->receipt, &q->job, q->path, impact, &err) == 0)
		return 0;
	q->status = kan_job_after_seal(q->status, &err);
	(void)snprintf(q->evidence, sizeof q->evidence, "in no chain: %.400s", err.text);
	return -1;
}

/* What is sealed is read back before anything is done for it. */
static int verify(struct kan_quarantine *q, struct kan_err *err)
{
	struct kan_checked n = {0};
	struct kan_act act = kan_job_act_of(&q->job);
	struct kan_receipt r = {0};
	struct kan_err why = {0};
	if (kan_check_bag(&n, q->path, err) < 0)
		return -1;
	q->verified = kan_checked_word(&n);
	const struct kan_verified v = {.result = q->verified,
				       .why = n.first,
				       .ok = n.ok,
				       .failed = n.failed,
				       .not_done = n.not_done};
	if (q->receipt.commit[0] &&
	    kan_custody_verified(&r, q->job.custody, &q->receipt, &v, &act, &why) < 0)
		q->status = kan_job_after_seal(q->status, &why);
	if (!n.failed)
		return 0;
	q->status = kan_status_worst(q->status, KAN_EXIT_TAMPERED);
	(void)snprintf(q->evidence, sizeof q->evidence, "does not verify: %.400s", n.first);
	return kan_fail(err, KAN_ETAMPER, "the sealed bundle does not verify: %.300s", n.first);
}

static void set_result(struct kan_quarantine *q, json_t *act, const char *failed,
		       const struct kan_receipt *event)
{
	json_object_set_new(act, "ok", json_boolean(!failed));
	if (failed)
		kan_json_set_bytes(act, "why", kan_bytes_of(failed));
	if (event->commit[0]) {
		json_object_set_new(act, "event", json_integer(event->event));
		json_object_set_new(act, "commit", json_string(event->commit));
	}
	json_array_append_new(q->acts, act);
}

void kan_quarantine_record(struct kan_quarantine *q, json_t *act, const char *failed)
{
	json_auto_t *done = json_copy(act);
	struct kan_act who = kan_job_act_of(&q->job);
	struct kan_receipt event = {0};
	struct kan_err err = {0};
	who.impact = json_object_get(act, "impact");
	who.request_id = q->request;
	json_object_del(done, "impact");
	if (q->receipt.commit[0] &&
	    kan_custody_act(&event, q->job.custody, &q->receipt, done, failed, &who, &err) < 0)
		q->status = kan_job_after_seal(q->status, &err);
	if (failed) {
		q->not_done++;
		q->status = kan_status_worst(q->status, KAN_EXIT_FAILED);
	}
	set_result(q, act, failed, &event);
}

static bool ends(enum kan_respond_do what)
{
	return what == KAN_RESPOND_KILL || what == KAN_RESPOND_STOP;
}

static int let_run(void *arg, struct kan_err *err)
{
	return kan_capture_let_run(arg, err);
}

/* h NULL: nothing is held. */
static void one(struct kan_quarantine *q, struct kan_engine *e, enum kan_respond_do what,
		struct kan_capture_hold *h)
{
	struct kan_respond r = {.engine = e,
				.id = q->id,
				.what = what,
				.held = h && h->held && !q->contained,
				.sealed = q->sealed,
				.arg = h};
	struct kan_err err = {0};
	json_t *act = NULL;
	/* What stays on is let run by the last of them, and not in between. */
	if (what == KAN_RESPOND_PAUSE || ends(what))
		r.let_run = h ? let_run : NULL;
	int rc = kan_respond(&act, &r, &err);
	/* Its event must not be there before the pause outlives us. */
	if (rc == 0 && what == KAN_RESPOND_PAUSE && h)
		rc = kan_capture_keep(h, &err);
	if (rc == 0 && (what == KAN_RESPOND_PAUSE || ends(what)))
		q->contained = true;
	kan_quarantine_record(q, act, rc < 0 ? err.text : NULL);
}

int kan_quarantine_held(struct kan_capture_hold *h, void *job, struct kan_err *err)
{
	struct kan_quarantine *q = job;
	q->path = kan_xstrdup(h->path);
	q->sealed = json_incref(h->target->inspect);
	(void)kan_quarantine_commit(q, json_object_get(h->capture, "impact"));
	if (verify(q, err) < 0)
		return -1;
	for (size_t i = 0; i < q->n; i++)
		one(q, h->engine, q->what[i], h);
	if (q->contained)
		return 0;
	if (q->not_done)
		return kan_fail(err, KAN_EENGINE, "%u of %zu acts were not done", q->not_done,
				q->n);
	return h->held ? kan_capture_let_run(h, err) : 0;
}

/* As the evidence has it: checked against the seal while it is read. */
static int read_sealed(struct kan_quarantine *q, struct kan_err *err)
{
	struct kan_bundle *b = NULL;
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	int rc = kan_bundle_open(&b, q->path, false, err);
	if (rc == 0)
		rc = kan_bundle_read(&raw, b, INSPECT, err);
	kan_bundle_free(b);
	/* A container that the engine could not describe has no words of it. */
	if (rc == 0 && kan_engine_parse(&q->sealed, kan_buf_bytes(&raw), NULL) < 0)
		q->sealed = NULL;
	return rc;
}

/* Was it taken back? Then it is not done again for the same request. */
static bool taken_back(const json_t *past, const json_t *event)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (past, i, e)
		if (kan_json_int(json_object_get(e, "act"), "of") == kan_json_int(event, "seq") &&
		    json_is_true(json_object_get(e, "ok")))
			return true;
	return false;
}

/* The event of an act that was done for this request, or NULL. */
static const json_t *done_before(const struct kan_quarantine *q, const char *word)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (q->past, i, e)
		if (json_is_true(json_object_get(e, "ok")) &&
		    strcmp(kan_json_str(json_object_get(e, "act"), "do"), word) == 0)
			return e;
	return NULL;
}

static void tell_again(struct kan_quarantine *q, struct kan_engine *e, const json_t *event)
{
	json_t *act = json_copy(json_object_get(event, "act"));
	json_object_set_new(act, "ok", json_true());
	json_object_set_new(act, "before_this_run", json_true());
	json_object_set(act, "event", json_object_get(event, "seq"));
	json_object_set(act, "commit", json_object_get(event, "commit"));
	bool back = taken_back(q->past, event);
	if (back)
		json_object_set_new(act, "taken_back", json_true());
	else if (kan_respond_holds(e, act, NULL) == 0) {
		json_object_set_new(act, "holds", json_false());
		q->not_held++;
	}
	json_array_append_new(q->acts, act);
}

static bool was_done(const struct kan_quarantine *q, const char *word)
{
	return done_before(q, word) != NULL;
}

static size_t missing_acts(const struct kan_quarantine *q)
{
	size_t n = 0;
	for (size_t i = 0; i < q->n; i++)
		n += done_before(q, kan_respond_words[q->what[i]]) == NULL;
	return n;
}

/* No act without evidence that is seen to be whole, and none that was refused to begin with. */
static int ready(struct kan_quarantine *q, struct kan_engine *e, struct kan_err *err)
{
	json_auto_t *now = NULL;
	if (!q->path)
		return kan_fail(err, KAN_ENOTFOUND,
				"no act: the sealed bundle %s is not in %.300s: say where with -o, "
				"or give another --request-id",
				q->receipt.bundle, q->job.parent);
	if (kan_respond_inspect(&now, e, q->id, err) < 0 ||
	    kan_quarantine_may(q, now, was_done, err) < 0 || kan_job_open_places(&q->job, err) < 0)
		return -1;
	return verify(q, err) < 0 ? -1 : read_sealed(q, err);
}

int kan_quarantine_rest(struct kan_quarantine *q, struct kan_err *err)
{
	struct kan_engine *e = NULL;
	if (kan_engine_open(&e, q->job.request.host, err) < 0)
		return -1;
	if (missing_acts(q) && ready(q, e, err) < 0) {
		kan_engine_free(e);
		return -1;
	}
	for (size_t i = 0; i < q->n; i++) {
		const json_t *before = done_before(q, kan_respond_words[q->what[i]]);
		if (before)
			tell_again(q, e, before);
		else
			one(q, e, q->what[i], NULL);
	}
	kan_engine_free(e);
	return 0;
}
