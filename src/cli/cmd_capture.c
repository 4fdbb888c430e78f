/* capture: collect, seal, sign, commit, analyse, report. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/capture_args.h"
#include "cli/capture_doc.h"
#include "cli/job.h"
#include "cli/plan.h"
#include "cli/seen.h"

enum { CONTAINERS_MAX = 64 };

static int allowed(const struct kan_target *t, void *arg, struct kan_err *err)
{
	struct kan_job *j = arg;
	return kan_then_allowed(&j->then, t, err);
}

static int act(struct kan_capture_hold *h, void *arg, struct kan_err *err)
{
	struct kan_job *j = arg;
	return kan_then_do(&j->then, h, err);
}

static int seen_before(struct kan_job *j)
{
	struct kan_receipt receipt = {0};
	struct kan_err err = {0};
	if (!j->request.request_id || !j->commit)
		return -1;
	int found = kan_seen_request(&receipt, j->home, j->request.request_id, &err);
	if (found < 0)
		return kan_say_err(&err);
	if (found == 0)
		return -1;
	int acted = kan_then_was_done(&j->then, j->home, j->request.request_id, &err);
	if (acted < 0)
		return kan_say_err(&err);
	int status = acted ? KAN_EXIT_OK : KAN_EXIT_FAILED;
	if (j->json)
		(void)kan_print_seen(&receipt, status);
	else
		(void)printf("request %s was done before\nseal %s\ncommit %s\n",
			     j->request.request_id, receipt.seal, receipt.commit);
	return status;
}

static int capture_one(struct kan_job *j, const char *container)
{
	struct kan_capture_result c = {0};
	struct kan_err err = {0};
	int rc = kan_job_run(&c, j, container, &err);
	int status = rc < 0 && j->seen ? seen_before(j)
		     : rc < 0          ? kan_job_say_failed(j, &c, &err)
				       : kan_job_finish(j, &c);
	kan_then_reset(&j->then);
	kan_capture_result_free(&c);
	return status;
}

/* --dry-run, of each container. */
static int plan_all(struct kan_job *j)
{
	int status = KAN_EXIT_OK;
	kan_job_name_places(j);
	for (const char *const *w = j->a->words; *w; w++) {
		struct kan_err err = {0};
		json_auto_t *plan = NULL;
		bool left_behind = false;
		j->request.container = *w;
		int rc = kan_capture_plan(&plan, &left_behind, &j->request, &err);
		j->left_behind |= left_behind;
		const enum kan_respond_do then = (enum kan_respond_do)j->then.what;
		const struct kan_plan_acts acts = {&then, j->then.asked};
		int one = rc < 0 ? kan_say_err(&err) : kan_plan_print(plan, &acts, j->json);
		status = kan_status_worst(status, one);
	}
	return status;
}

static int capture_all(struct kan_job *j)
{
	kan_job_name_places(j);
	int before = seen_before(j);
	if (before >= 0)
		return before;
	int status = KAN_EXIT_OK;
	for (const char *const *w = j->a->words; *w; w++) {
		int one = capture_one(j, *w);
		status = kan_status_worst(status, one);
		if (one != KAN_EXIT_INTERRUPTED)
			continue;
		if (w[1])
			kan_say("interrupted: not captured, nor acted upon: %s%s", w[1],
				w[2] ? " and what follows it" : "");
		break;
	}
	return status;
}

static int run(const struct kan_args *a)
{
	struct kan_job j;
	int status = KAN_EXIT_USAGE;
	if (kan_job_read_request(&j, a) == 0 && kan_then_read(&j.then, a) == 0) {
		j.by_turns = true;
		if (j.then.asked)
			j.request.then =
				(struct kan_capture_then){j.then.stay_paused, allowed, act};
		status = kan_flag(a, "dry-run") ? plan_all(&j) : capture_all(&j);
	}
	return kan_job_end(&j, status);
}

extern const struct kan_command kan_cmd_capture;
const struct kan_command kan_cmd_capture = {
	.name = "capture",
	.args = "[OPTIONS] CONTAINER...",
	.summary = "collect, seal, commit, compare with the image, report",
	.options = kan_capture_options,
	.min_words = 1,
	.max_words = CONTAINERS_MAX,
	.run = run,
};
