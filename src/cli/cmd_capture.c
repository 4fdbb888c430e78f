/* capture: collect, seal, sign, commit, analyse, report. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/custody.h>

#include "base/clock.h"
#include "base/row.h"
#include "capture/capture.h"
#include "cli/capture_args.h"
#include "cli/capture_check.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/indicators.h"
#include "cli/progress.h"
#include "cli/require.h"
#include "cli/seen.h"
#include "cli/then.h"
#include "cli/tsa.h"
#include "custody/act.h"

enum { CONTAINERS_MAX = 64 };

/* One run of the command: what all its containers share. */
struct job {
	struct kan_indicators *indicators;
	const struct kan_args *a;
	struct kan_capture_request request;
	char *home, *parent, *name, *email, *case_id;
	struct kan_custody *custody;
	struct kan_then then;
	struct kan_tsa tsa;
	enum kan_stamp stamp; /* of this container's seal */
	bool json, quiet, commit, report, opened;
	bool left_behind; /* a thread of a capture */
	struct kan_progress *progress;
	pid_t first_screen;
};

static void progress(const struct kan_capture_progress *p, void *arg);
static int allowed(const struct kan_target *t, void *arg, struct kan_err *err);
static int act(struct kan_capture_hold *h, void *arg, struct kan_err *err);

static int read_request(struct job *j)
{
	const struct kan_args *a = j->a;
	j->json = kan_flag(a, "json");
	j->quiet = kan_flag(a, "quiet") || j->json;
	j->commit = !kan_flag(a, "no-commit");
	j->report = !kan_flag(a, "no-report");
	if (kan_capture_policy(&j->request, a) < 0 ||
	    kan_read_indicators(&j->indicators, kan_arg(a, "indicators")) < 0 ||
	    kan_capture_operator(&j->name, &j->email, a) < 0 || kan_then_read(&j->then, a) < 0 ||
	    kan_capture_check(a) < 0 || kan_tsa_of(&j->tsa, a) < 0)
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
	j->request.progress = progress;
	j->request.arg = j;
	if (j->then.asked)
		j->request.then = (struct kan_capture_then){j->then.stay_paused, allowed, act};
	return 0;
}

/* The key is tried before anything is paused; one that cannot be used costs a warning: an incident
 * does not wait. */
static int open_custody(struct job *j, struct kan_err *err)
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
static int open_places(void *arg, struct kan_err *err)
{
	struct job *j = arg;
	if (j->opened)
		return 0;
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

static void name_places(struct job *j)
{
	const char *out = kan_arg(j->a, "out");
	j->home = kan_home(j->a);
	j->parent = out ? kan_absolute(out) : kan_path(j->home, "bundles");
	j->request.ready = open_places;
	j->request.parent_dir = j->parent;
	j->request.home_dir = j->commit || !out ? j->home : NULL;
}

/* The first screen comes from a process of its own: the capture does not wait for it. */
static void first_screen(struct job *j, const char *partial)
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
	struct job *j = arg;
	if (p->event == KAN_CAPTURE_FIRST_SCREEN)
		first_screen(j, p->path);
	else
		kan_progress_event(j->progress, p);
}

static int allowed(const struct kan_target *t, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	return kan_then_allowed(&j->then, t, err);
}

static int act(struct kan_capture_hold *h, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	return kan_then_do(&j->then, h, err);
}

static struct kan_act act_of(const struct job *j)
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

static int stopped_status(const struct kan_capture_result *c)
{
	return c->stopped_by == SIGALRM ? KAN_EXIT_TIME : KAN_EXIT_INTERRUPTED;
}

static int status_of(const struct job *j, const struct kan_capture_result *c)
{
	int status = c->gaps || c->partial ? KAN_EXIT_MISSING : KAN_EXIT_OK;
	if (c->stopped_by)
		status = kan_status_worst(status, stopped_status(c));
	/* The evidence stands, and the job is not done. An interrupt says so by itself. */
	else if (j->then.asked && !c->acted)
		status = KAN_EXIT_FAILED;
	return status;
}

/* What of --require does not hold now that the evidence is where it is, or NULL. */
static const char *unmet(const struct job *j, const struct kan_receipt *r)
{
	const char *list = kan_arg(j->a, "require");
	bool committed = r->commit[0];
	if (kan_require_has(list, "signed") && !committed)
		return "signed";
	if (kan_require_has(list, "known-signer") && (!committed || r->host_key))
		return "known-signer";
	if (kan_require_has(list, "stamped") && j->stamp != KAN_STAMP_VERIFIED)
		return "stamped";
	if (kan_require_has(list, "anchored") && j->stamp != KAN_STAMP_VERIFIED)
		return "anchored";
	return NULL;
}

static int required(int status, const struct job *j, const struct kan_receipt *r)
{
	const char *word = unmet(j, r);
	if (!word)
		return status;
	kan_say("--require %s does not hold; the evidence is kept all the same", word);
	return kan_status_worst(status, KAN_EXIT_MISSING);
}

static int preserve(struct kan_receipt *receipt, struct job *j, const struct kan_capture_result *c,
		    struct kan_err *err)
{
	struct kan_act act = act_of(j);
	j->stamp = KAN_STAMP_NONE;
	act.impact = json_object_get(c->capture, "impact");
	if (kan_custody_sign(j->custody, c->path, err) < 0)
		return kan_wrap(err, "sealed as %s, not signed", c->path);
	j->stamp = kan_tsa_seal(&j->tsa, j->custody, c->path);
	if (kan_custody_commit(receipt, j->custody, c->path, "collect", &act, err) < 0)
		return kan_wrap(err, "sealed as %s, not committed", c->path);
	act = act_of(j); /* no impact of the collecting */
	return kan_then_commit(&j->then, j->custody, receipt, &act, err);
}

static char *report_dir(const struct job *j, const struct kan_capture_result *c)
{
	struct kan_buf b = KAN_BUF(8192);
	if (kan_arg(j->a, "out"))
		kan_buf_addf(&b, "%s/%s-report", j->parent, c->bundle);
	else
		kan_buf_addf(&b, "%s/reports/%s", j->home, c->bundle);
	return (char *)b.data;
}

/* The authority that gave no stamp for the seal is not waited for again. */
static int derive(struct kan_receipt *derived, struct job *j, const struct kan_receipt *receipt,
		  const char *dir, struct kan_err *err)
{
	kan_auto_buf struct kan_buf stamp = KAN_BUF(KAN_TSP_REPLY_MAX);
	struct kan_act act = act_of(j);
	if (j->stamp >= KAN_STAMP_UNCHECKED)
		kan_tsa_commit(&stamp, &j->tsa, j->custody, receipt);
	return kan_custody_derive_with(derived, j->custody, receipt,
				       &(struct kan_derived){dir, kan_buf_bytes(&stamp)}, &act,
				       err);
}

static int analyse(struct kan_read *read, struct kan_receipt *derived, struct job *j,
		   const struct kan_capture_result *c, const struct kan_receipt *receipt,
		   int status, struct kan_err *err)
{
	kan_auto_free char *dir = report_dir(j, c);
	kan_auto_free char *html = kan_path(dir, "report.html");
	json_t *known = receipt ? kan_receipt_json(receipt) : NULL;
	struct kan_reading r = {
		.bundle = c->path,
		.out_dir = dir,
		.rules = kan_arg(j->a, "rules"),
		.accepted = kan_arg(j->a, "accepted"),
		.lang = kan_arg(j->a, "lang"),
		.receipt = known,
		.colour = kan_colour(j->a),
		.status = status,
		.fail_on = kan_arg(j->a, "fail-on"),
		.report_path = html,
	};
	int rc = kan_own_dir(dir, err);
	if (rc == 0)
		rc = kan_read_bundle(read, &r, err);
	json_decref(known);
	if (rc < 0)
		return kan_wrap(err, "sealed as %s, no report", c->path);
	if (receipt && derive(derived, j, receipt, dir, err) < 0)
		return kan_wrap(err, "sealed and committed, the reports are not");
	return 0;
}

static void plain_ending(const struct kan_capture_result *c, int status)
{
	(void)printf("seal %s\nbundle ", c->seal);
	kan_print(stdout, kan_bytes_of(c->path));
	(void)printf("\nexit %d: %s\n", status, kan_done_words(status));
}

/* What fails behind the seal is ours, whatever its code: the evidence stands, the job is not done.
 */
static int after_seal(int status, const struct kan_err *err)
{
	int said = kan_say_err(err);
	return kan_status_worst(status, said == KAN_EXIT_TAMPERED ? said : KAN_EXIT_FAILED);
}

static int finish(struct job *j, struct kan_capture_result *c)
{
	struct kan_capture_doc doc = {.capture = c, .status = status_of(j, c)};
	struct kan_receipt receipt = {0}, derived = {0};
	struct kan_read read = {0};
	struct kan_err err = {0};
	int rc = 0;
	kan_then_settle(&j->then, c);
	if (j->commit)
		rc = preserve(&receipt, j, c, &err);
	bool committed = receipt.commit[0];
	/* The next container of this command belongs to the same case. */
	if (committed && !j->request.case_id)
		j->request.case_id = j->case_id = kan_xstrdup(receipt.case_id);
	if (rc < 0)
		doc.status = after_seal(doc.status, &err);
	doc.status = required(doc.status, j, &receipt);
	doc.receipt = committed ? &receipt : NULL;
	doc.timestamp = kan_stamp_word(j->stamp);
	if (j->report && analyse(&read, &derived, j, c, doc.receipt, doc.status, &err) < 0)
		doc.status = after_seal(doc.status, &err);
	else if (j->report)
		doc.status = read.status;
	doc.derived = derived.commit[0] ? &derived : NULL;
	doc.read = &read;
	if (committed && receipt.host_key && !j->quiet)
		(void)fputs("signed by this host's own key; it vouches for nothing before now\n",
			    stderr);
	json_auto_t *act = kan_then_json(&j->then, c);
	doc.act = act;
	if (j->json)
		(void)kan_print_capture(&doc);
	else if (read.screen)
		(void)fputs(read.screen, stdout);
	else
		plain_ending(c, doc.status);
	if (!j->json || j->then.failed)
		kan_then_say(j->json ? stderr : stdout, &j->then, c);
	kan_read_free(&read);
	return doc.status;
}

static int say_failed(struct job *j, const struct kan_capture_result *c, struct kan_err *err)
{
	int status = kan_say_err(err);
	if (c->stopped_by && !c->path)
		status = stopped_status(c);
	kan_then_settle(&j->then, c);
	if (c->path)
		kan_then_say(stderr, &j->then, c);
	if (c->path)
		kan_say("what was collected stays, unsealed, in %s: kanshiki seal --partial "
			"finishes it",
			c->path);
	json_auto_t *act = c->path ? kan_then_json(&j->then, c) : NULL;
	if (j->json)
		(void)kan_print_failure(err, status, c->path, act);
	return status;
}

static int seen_before(struct job *j)
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

static int capture_one(struct job *j, const char *container)
{
	struct kan_capture_result c = {0};
	struct kan_err err = {0};
	j->request.container = container;
	j->first_screen = 0;
	j->progress = kan_progress_open(j->a, j->quiet);
	j->request.watch = kan_progress_live(j->progress);
	int rc = kan_capture_run(&c, &j->request, &err);
	kan_progress_close(j->progress);
	if (j->first_screen > 0)
		(void)waitpid(j->first_screen, NULL, 0);
	j->left_behind |= c.left_behind;
	int status = rc < 0 ? say_failed(j, &c, &err) : finish(j, &c);
	kan_then_reset(&j->then);
	kan_capture_result_free(&c);
	return status;
}

static int capture_all(struct job *j)
{
	name_places(j);
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
	struct job j = {.a = a};
	int status = read_request(&j) < 0 ? KAN_EXIT_USAGE : capture_all(&j);
	kan_custody_free(j.custody);
	/* A thread that was left behind may be within a library that exit takes apart. */
	if (j.left_behind)
		_exit(kan_status_written(status));
	free(j.home);
	free(j.parent);
	free(j.name);
	free(j.email);
	free(j.case_id);
	kan_indicators_free(j.indicators);
	kan_tsa_free(&j.tsa);
	return status;
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
