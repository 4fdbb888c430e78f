/* capture and quarantine: the request, its places, its progress. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/job.h"

#include "cli/capture_args.h"
#include "cli/capture_check.h"
#include "cli/capture_doc.h"
#include "cli/cmd_custody.h"
#include "cli/config.h"
#include "cli/indicators.h"
#include "cli/progress.h"
#include "cli/seen.h"
#include "cli/turn.h"

enum { HOUR_S = 3600 };

static void progress(const struct kan_capture_progress *p, void *arg);

int kan_job_read_request(struct kan_job *j, const struct kan_args *a)
{
	*j = (struct kan_job){.a = a, .turn = -1};
	j->json = kan_flag(a, "json");
	j->quiet = kan_flag(a, "quiet") || j->json;
	j->commit = !kan_flag(a, "no-commit");
	j->report = !kan_flag(a, "no-report");
	if (kan_capture_policy(&j->request, a) < 0 ||
	    kan_read_indicators(&j->indicators, kan_arg(a, "indicators")) < 0 ||
	    kan_capture_operator(&j->name, &j->email, a) < 0 || kan_capture_check(a) < 0 ||
	    kan_tsa_of(&j->tsa, a) < 0)
		return -1;
	j->request.policy.indicators = j->indicators;
	j->request.host = kan_arg(a, "host");
	j->request.root = kan_arg(a, "root");
	j->request.case_id = kan_arg(a, "case");
	j->request.request_id = kan_arg(a, "request-id");
	j->request.operator_name = j->name;
	j->request.operator_email = j->email;
	j->request.note = kan_arg(a, "note");
	j->request.only = kan_arg(a, "only");
	j->request.skip = kan_arg(a, "skip");
	j->request.argv = a->argv;
	j->request.settings = j->settings = kan_settings_json(a);
	j->request.progress = progress;
	j->request.arg = j;
	return 0;
}

/* The key is tried before anything is paused; one that cannot be used costs a warning: an incident
 * does not wait. */
static int open_custody(struct kan_job *j, struct kan_err *err)
{
	const char *key = kan_arg(j->a, "key");
	if (key && kan_custody_with_key(&j->custody, j->home, j->a, err) == 0)
		return 0;
	if (key && err->code != KAN_EREFUSED && err->code != KAN_EIO) {
		kan_say("warning: %s: signing with this host's own key instead", err->text);
		*err = (struct kan_err){0};
	} else if (key) {
		return -1;
	}
	return kan_custody_open(&j->custody, j->home, NULL, err);
}

/* Not before the container is found: a place within its reach is left as it was. */
/* Two runbooks with one request: the second waits, and finds that it was done. */
static int take_turn(struct kan_job *j, struct kan_err *err)
{
	struct kan_receipt receipt = {0};
	if (!j->by_turns || !j->commit || !j->request.request_id || j->turn >= 0)
		return 0;
	if (kan_take_turn(&j->turn, j->home, j->request.request_id, kan_job_timeout_s(j), err) < 0)
		return -1;
	int found = kan_seen_request(&receipt, j->home, j->request.request_id, err);
	j->seen = found > 0;
	return found == 0  ? 0
	       : found < 0 ? -1
			   : kan_fail(err, KAN_EREFUSED, "the request was done meanwhile");
}

int kan_job_open_places(void *arg, struct kan_err *err)
{
	struct kan_job *j = arg;
	if (j->opened)
		return 0;
	if (take_turn(j, err) < 0)
		return -1;
	if (j->commit && open_custody(j, err) < 0)
		return -1;
	if (!kan_arg(j->a, "out") && !j->commit && kan_own_dir(j->home, err) < 0)
		return -1;
	if (kan_own_dir(j->parent, err) < 0)
		return -1;
	kan_name_leftovers(j->parent);
	j->opened = true;
	return 0;
}

void kan_job_name_places(struct kan_job *j)
{
	const char *out = kan_arg(j->a, "out");
	j->home = kan_home(j->a);
	j->parent = out ? kan_absolute(out) : kan_path(j->home, "bundles");
	j->request.ready = kan_job_open_places;
	j->request.parent_dir = j->parent;
	j->request.home_dir = j->commit || !out ? j->home : NULL;
}

/* The first screen comes from a process of its own: the capture does not wait for it. */
static void first_screen(struct kan_job *j, const char *partial)
{
	if (j->quiet || !j->report || !isatty(STDOUT_FILENO))
		return;
	(void)fflush(NULL);
	/* Where lines fill in it is shown between them. */
	int aside = kan_progress_live(j->progress) ? memfd_create("screen", MFD_CLOEXEC) : -1;
	pid_t pid = fork();
	if (pid > 0 && aside >= 0)
		kan_progress_aside(j->progress, pid, aside);
	else if (pid != 0)
		j->first_screen = pid;
	if (pid != 0)
		return;
	struct kan_reading r = {.bundle = partial,
				.unsealed = true,
				.rules = kan_arg(j->a, "rules"),
				.accepted = kan_arg(j->a, "accepted"),
				.colour = kan_colour(j->a)};
	struct kan_read read = {0};
	if (kan_read_bundle(&read, &r, NULL) == 0) {
		if (aside >= 0)
			(void)dup2(aside, STDOUT_FILENO);
		(void)fputs(read.screen, stdout);
		(void)fflush(stdout);
	}
	_exit(0);
}

static void progress(const struct kan_capture_progress *p, void *arg)
{
	struct kan_job *j = arg;
	if (p->event == KAN_CAPTURE_FIRST_SCREEN)
		first_screen(j, p->path);
	else
		kan_progress_event(j->progress, p);
}

struct kan_act kan_job_act_of(const struct kan_job *j)
{
	return (struct kan_act){
		.case_id = j->request.case_id,
		.name = j->request.operator_name,
		.email = j->request.operator_email,
		.purpose = j->request.note,
		.request_id = j->request.request_id,
		.argv = j->a->argv,
	};
}

unsigned kan_job_timeout_s(const struct kan_job *j)
{
	return j->request.policy.timeout_s ? j->request.policy.timeout_s : HOUR_S;
}

int kan_job_run(struct kan_capture_result *c, struct kan_job *j, const char *container,
		struct kan_err *err)
{
	j->request.container = container;
	j->first_screen = 0;
	j->progress = kan_progress_open(j->a, j->quiet);
	j->request.watch = kan_progress_live(j->progress);
	int rc = kan_capture_run(c, &j->request, err);
	kan_progress_close(j->progress);
	if (j->first_screen > 0)
		(void)waitpid(j->first_screen, NULL, 0);
	j->left_behind |= c->left_behind;
	return rc;
}

int kan_job_end(struct kan_job *j, int status)
{
	kan_custody_free(j->custody);
	if (j->turn >= 0)
		(void)close(j->turn);
	/* A thread that was left behind may be within a library that exit takes apart. */
	if (j->left_behind)
		_exit(kan_status_written(status));
	json_decref(j->settings);
	free(j->home);
	free(j->parent);
	free(j->name);
	free(j->email);
	free(j->case_id);
	kan_indicators_free(j->indicators);
	kan_tsa_free(&j->tsa);
	return status;
}
