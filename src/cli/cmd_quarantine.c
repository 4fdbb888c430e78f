/* quarantine: capture, verify, then act; what was done is known from the chain. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"
#include "cli/capture_args.h"
#include "cli/capture_doc.h"
#include "cli/plan.h"
#include "cli/quarantine.h"
#include "cli/turn.h"
#include "engine/client.h"

enum { NS_PER_US = 1000, US_PER_S = 1000000, BELOW = 5 };

int kan_take_turn_of(struct kan_quarantine *q, struct kan_err *err)
{
	return q->turn >= 0 ? 0
			    : kan_take_turn(&q->turn, q->job.home, q->id,
					    kan_job_timeout_s(&q->job), err);
}

/* Asked again by the capture itself: it must be the one that was looked at, and each act allowed.
 */
static int allowed(const struct kan_target *t, void *arg, struct kan_err *err)
{
	struct kan_quarantine *q = arg;
	if (q->id[0] && strcmp(q->id, t->id) != 0)
		return kan_fail(err, KAN_EREFUSED,
				"%.200s is another container than a moment ago: run it again",
				q->asked);
	for (size_t i = 0; i < q->n; i++)
		if (kan_respond_allowed(t, q->what[i], q->loses, err) < 0)
			return -1;
	return 0;
}

/* What the engine has of it now. Sets id, name and plan. */
static int look(struct kan_quarantine *q, struct kan_err *err)
{
	bool left_behind = false;
	if (kan_quarantine_marked_name(q, err) < 0)
		return -1;
	q->job.request.container = q->asked;
	q->job.request.then.allowed = allowed;
	q->job.request.then.act = kan_quarantine_held;
	int rc = kan_capture_plan(&q->plan, &left_behind, &q->job.request, err);
	q->job.left_behind |= left_behind;
	if (rc < 0)
		return -1;
	const json_t *c = json_object_get(q->plan, "container");
	(void)snprintf(q->id, sizeof q->id, "%s", kan_json_str(c, "id"));
	q->name = kan_xstrdup(kan_json_str(c, "name"));
	return 0;
}

static bool holds_it(const char *what)
{
	return strcmp(what, "pause") == 0 || strcmp(what, "kill") == 0 || strcmp(what, "stop") == 0;
}

/* Do all open acts of the last request hold, and one of them keeps it from running? */
static bool stands_as_left(struct kan_engine *e, const json_t *open, const char *request)
{
	size_t i = 0;
	json_t *o = NULL;
	bool stands = false;
	json_array_foreach (open, i, o) {
		const json_t *act = json_object_get(o, "act");
		if (strcmp(kan_json_str(o, "request"), request) != 0)
			continue;
		if (kan_respond_holds(e, act, NULL) != 1)
			return false;
		stands |= holds_it(kan_json_str(act, "do"));
	}
	return stands;
}

/* A clock may be put back, and a second has room for a quarantine, its undo, and another one. */
static char *new_request(const struct kan_quarantine *q)
{
	char stamp[KAN_COMPACT];
	kan_auto_buf struct kan_buf b = KAN_BUF(128);
	int64_t now = kan_now_ns();
	kan_compact_utc(stamp, now);
	kan_buf_addf(&b, "quarantine-%.12s-%s-%06u", q->id, stamp,
		     (unsigned)(now / NS_PER_US % US_PER_S));
	return kan_xstrdup(kan_buf_str(&b));
}

/* Named by the user, else made here; the same container gets the same one while it is contained. */
static int name_request(struct kan_quarantine *q, struct kan_err *err)
{
	const char *given = kan_arg(q->job.a, "request-id");
	json_auto_t *open = NULL;
	struct kan_engine *e = NULL;
	bool any = false;
	if (given) {
		q->request = kan_xstrdup(given);
		return 0;
	}
	if (kan_quarantine_open_acts(&open, &any, q, NULL, err) < 0 ||
	    kan_engine_open(&e, q->job.request.host, err) < 0)
		return -1;
	size_t n = json_array_size(open);
	const char *last = kan_json_str(n ? json_array_get(open, n - 1) : NULL, "request");
	q->request = *last && stands_as_left(e, open, last) ? kan_xstrdup(last) : new_request(q);
	kan_engine_free(e);
	return 0;
}

static json_t *capture_doc(struct kan_quarantine *q, const struct kan_capture_result *c,
			   const struct kan_receipt *derived, const struct kan_read *read)
{
	const struct kan_capture_doc doc = {
		.capture = c,
		.receipt = q->receipt.commit[0] ? &q->receipt : NULL,
		.derived = derived->commit[0] ? derived : NULL,
		.read = read,
		.timestamp = kan_stamp_word(q->job.stamp),
		.status = q->status,
	};
	return kan_capture_json(&doc);
}

/* The report, where there is none yet; then what is said of it all. c NULL: of an earlier run. */
static int conclude(struct kan_quarantine *q, const struct kan_capture_result *c)
{
	struct kan_receipt derived = {0};
	struct kan_read read = {0};
	struct kan_err err = {0};
	json_auto_t *capture = NULL;
	q->status = kan_job_required(q->status, &q->job, &q->receipt);
	if (q->job.report && q->path && !q->derived) {
		const char *slash = strrchr(q->path, '/');
		const struct kan_job_bundle b = {slash ? slash + 1 : q->path, q->path,
						 q->receipt.commit[0] ? &q->receipt : NULL,
						 q->status, BELOW + q->not_done};
		if (kan_job_open_places(&q->job, &err) < 0 ||
		    kan_job_analyse(&read, &derived, &q->job, &b, &err) < 0)
			q->status = kan_job_after_seal(q->status, &err);
		else
			q->status = read.status;
	}
	if (c && c->path)
		capture = capture_doc(q, c, &derived, &read);
	kan_quarantine_say(q, read.screen, capture);
	kan_read_free(&read);
	return q->status;
}

static void no_act(struct kan_quarantine *q, const struct kan_capture_result *c)
{
	if (c->acted || q->not_done || q->verified)
		return;
	/* Nothing was tried: each act that was asked for is told as not done. */
	for (size_t i = 0; i < q->n; i++) {
		json_t *act = json_object();
		json_object_set_new(act, "do", json_string(kan_respond_words[q->what[i]]));
		json_object_set_new(act, "ok", json_false());
		kan_json_set_bytes(act, "why",
				   kan_bytes_of(c->no_act.code != KAN_OK ? c->no_act.text
									 : "nothing was sealed"));
		json_array_append_new(q->acts, act);
		q->not_done++;
	}
	if (!c->stopped_by)
		q->status = kan_status_worst(q->status, KAN_EXIT_FAILED);
}

static void say_left_paused(const struct kan_capture_result *c)
{
	kan_auto_buf struct kan_buf undo = KAN_BUF(8192);
	if (c->by_hand)
		kan_buf_adds(&undo, c->by_hand);
	else
		kan_client_says(&undo, c->engine, "unpause", c->id);
	kan_say("it stays paused: --on-fail stay-paused; undo: %s", kan_buf_str(&undo));
}

static int fresh(struct kan_quarantine *q)
{
	struct kan_capture_result c = {0};
	struct kan_err err = {0};
	q->job.request.request_id = q->request;
	/* By its id: a name may mean another one by now. */
	int rc = kan_job_run(&c, &q->job, q->id, &err);
	q->status = kan_status_worst(q->status, kan_job_status_of(&c));
	if (rc < 0) {
		int before = q->status, said = kan_quarantine_fault(q, &err);
		if (c.stopped_by && !c.path) /* it was told to end: no fault of its own */
			said = kan_status_worst(before, kan_job_status_of(&c));
		q->status = said;
		q->unsealed = c.path ? kan_xstrdup(c.path) : NULL;
	} else if (!q->path) {
		/* Sealed, and no act may be done: it is kept all the same. */
		q->path = kan_xstrdup(c.path);
		(void)kan_quarantine_commit(q, json_object_get(c.capture, "impact"));
	}
	no_act(q, &c);
	if (!c.acted && q->verified && c.no_act.code != KAN_OK)
		kan_say("%s", c.no_act.text);
	if (c.left_paused)
		say_left_paused(&c);
	int status = conclude(q, rc < 0 ? NULL : &c);
	kan_capture_result_free(&c);
	return status;
}

/* The bundle of the receipt, and what it says of itself: what is missing in it is missing still. */
static void find_evidence(struct kan_quarantine *q)
{
	bool whole = false;
	struct kan_err err = {0};
	if (!q->path && q->receipt.bundle[0]) {
		kan_auto_free char *path = kan_path(q->job.parent, q->receipt.bundle);
		q->path = access(path, F_OK) == 0 ? kan_xstrdup(path) : NULL;
	}
	if (!q->path)
		(void)snprintf(q->evidence, sizeof q->evidence, "not found in %.400s",
			       q->job.parent);
	else if (kan_quarantine_whole(&whole, q->path, &err) < 0)
		q->status = kan_status_worst(q->status, kan_say_err(&err));
	if (!whole)
		q->status = kan_status_worst(q->status, KAN_EXIT_MISSING);
}

/* What was sealed stays as it is; what was not done is done. */
static int again(struct kan_quarantine *q)
{
	struct kan_err err = {0};
	q->repeated = true;
	find_evidence(q);
	if (kan_quarantine_rest(q, &err) < 0)
		(void)kan_quarantine_fault(q, &err);
	if (q->not_held)
		q->status = kan_status_worst(q->status, KAN_EXIT_MISSING);
	return conclude(q, NULL);
}

/* Sealed by a run that was cut off before its commit. */
static int take_up(struct kan_quarantine *q)
{
	q->job.request.request_id = q->request;
	struct kan_err err = {0};
	kan_say("going on with %s, which was sealed for this request and not committed", q->path);
	if (kan_job_open_places(&q->job, &err) < 0)
		q->status = kan_status_worst(q->status, kan_say_err(&err));
	else
		(void)kan_quarantine_commit(q, NULL);
	return again(q);
}

/* Before anything is asked of the container: a repeated request costs little. */
static int seen(struct kan_quarantine *q, struct kan_err *err)
{
	const char *given = kan_arg(q->job.a, "request-id");
	if (!given || kan_flag(q->job.a, "dry-run"))
		return 0;
	q->request = kan_xstrdup(given);
	int found = kan_quarantine_past(q, given, err);
	if (found <= 0) {
		free(q->request);
		q->request = NULL;
		return found;
	}
	return kan_quarantine_same(q, err) < 0 ? -1 : 1;
}

static int failed(struct kan_quarantine *q, const struct kan_err *err)
{
	(void)kan_quarantine_fault(q, err);
	kan_quarantine_say(q, NULL, NULL);
	return q->status;
}

/* With the turn: whoever had it before may have done it. */
static int first_in_turn(struct kan_quarantine *q)
{
	struct kan_err err = {0};
	if (name_request(q, &err) < 0)
		return failed(q, &err);
	int found = kan_quarantine_past(q, q->request, &err);
	if (found > 0)
		return again(q);
	if (found == 0)
		found = kan_quarantine_left_over(q, &err);
	return found < 0 ? failed(q, &err) : found > 0 ? take_up(q) : fresh(q);
}

static int first_time(struct kan_quarantine *q)
{
	struct kan_err err = {0};
	if (look(q, &err) < 0)
		return failed(q, &err);
	if (kan_flag(q->job.a, "dry-run"))
		return kan_plan_print(q->plan, &(struct kan_plan_acts){q->what, q->n}, q->job.json);
	if (!kan_quarantine_confirmed(q))
		return q->status;
	return kan_take_turn_of(q, &err) < 0 ? failed(q, &err) : first_in_turn(q);
}

static int perform(struct kan_quarantine *q)
{
	struct kan_err err = {0};
	kan_job_name_places(&q->job);
	if (q->undo)
		return kan_quarantine_undo(q);
	int found = seen(q, &err);
	if (found < 0)
		return failed(q, &err);
	if (found == 0)
		return first_time(q);
	/* Acts that are missing change something: then it is asked for, and one at a time. */
	if (!kan_quarantine_confirmed(q))
		return q->status;
	if (kan_take_turn_of(q, &err) < 0 || kan_quarantine_past(q, q->request, &err) < 0)
		return failed(q, &err);
	return again(q);
}

static void let_go(struct kan_quarantine *q)
{
	free(q->name);
	free(q->asked);
	free(q->request);
	free(q->path);
	free(q->unsealed);
	json_decref(q->plan);
	json_decref(q->sealed);
	json_decref(q->acts);
	json_decref(q->past);
	if (q->turn >= 0)
		(void)close(q->turn);
}

static int run(const struct kan_args *a)
{
	struct kan_quarantine q = {.turn = -1};
	int status = KAN_EXIT_USAGE;
	if (kan_job_read_request(&q.job, a) == 0 && kan_quarantine_words(&q, a) == 0) {
		q.asked = kan_xstrdup(a->words[0]);
		q.acts = json_array();
		status = perform(&q);
	}
	let_go(&q);
	return kan_job_end(&q.job, status);
}

extern const struct kan_command kan_cmd_quarantine;
const struct kan_command kan_cmd_quarantine = {
	.name = "quarantine",
	.args = "[OPTIONS] CONTAINER",
	.summary = "capture, verify, then contain: pause, disconnect, stop; --undo takes it back",
	.options = kan_quarantine_options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
