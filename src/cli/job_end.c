/* After the seal: commit, reports, what is printed, and the status. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/job.h"

#include "cli/capture_doc.h"
#include "cli/require.h"
#include "custody/act.h"

static int stopped_status(const struct kan_capture_result *c)
{
	return c->stopped_by == SIGALRM ? KAN_EXIT_TIME : KAN_EXIT_INTERRUPTED;
}

int kan_job_status_of(const struct kan_capture_result *c)
{
	int status = c->gaps || c->partial ? KAN_EXIT_MISSING : KAN_EXIT_OK;
	return c->stopped_by ? kan_status_worst(status, stopped_status(c)) : status;
}

/* The evidence stands, and the job is not done. An interrupt says so by itself. */
static int with_act(const struct kan_job *j, const struct kan_capture_result *c)
{
	int status = kan_job_status_of(c);
	return !c->stopped_by && j->then.asked && !c->acted ? KAN_EXIT_FAILED : status;
}

/* What of --require does not hold now that the evidence is where it is, or NULL. */
static const char *unmet(const struct kan_job *j, const struct kan_receipt *r)
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

int kan_job_required(int status, const struct kan_job *j, const struct kan_receipt *r)
{
	const char *word = unmet(j, r);
	if (!word)
		return status;
	kan_say("--require %s does not hold; the evidence is kept all the same", word);
	return kan_status_worst(status, KAN_EXIT_MISSING);
}

int kan_job_preserve(struct kan_receipt *receipt, struct kan_job *j, const char *path,
		     json_t *impact, struct kan_err *err)
{
	struct kan_act act = kan_job_act_of(j);
	j->stamp = KAN_STAMP_NONE;
	act.impact = impact;
	if (kan_custody_sign(j->custody, path, err) < 0)
		return kan_wrap(err, "sealed as %s, not signed", path);
	j->stamp = kan_tsa_seal(&j->tsa, j->custody, path);
	if (kan_custody_commit(receipt, j->custody, path, "collect", &act, err) < 0)
		return kan_wrap(err, "sealed as %s, not committed", path);
	return 0;
}

static int preserve(struct kan_receipt *receipt, struct kan_job *j,
		    const struct kan_capture_result *c, struct kan_err *err)
{
	struct kan_act act = kan_job_act_of(j); /* no impact of the collecting */
	if (kan_job_preserve(receipt, j, c->path, json_object_get(c->capture, "impact"), err) < 0)
		return -1;
	return kan_then_commit(&j->then, j->custody, receipt, &act, err);
}

static char *report_dir(const struct kan_job *j, const char *bundle)
{
	struct kan_buf b = KAN_BUF(8192);
	if (kan_arg(j->a, "out"))
		kan_buf_addf(&b, "%s/%s-report", j->parent, bundle);
	else
		kan_buf_addf(&b, "%s/reports/%s", j->home, bundle);
	return (char *)b.data;
}

/* The authority that gave no stamp for the seal is not waited for again. */
static int derive(struct kan_receipt *derived, struct kan_job *j, const struct kan_receipt *receipt,
		  const char *dir, struct kan_err *err)
{
	kan_auto_buf struct kan_buf stamp = KAN_BUF(KAN_TSP_REPLY_MAX);
	struct kan_act act = kan_job_act_of(j);
	if (j->stamp >= KAN_STAMP_UNCHECKED)
		kan_tsa_commit(&stamp, &j->tsa, j->custody, receipt);
	return kan_custody_derive_with(derived, j->custody, receipt,
				       &(struct kan_derived){dir, kan_buf_bytes(&stamp)}, &act,
				       err);
}

int kan_job_analyse(struct kan_read *read, struct kan_receipt *derived, struct kan_job *j,
		    const struct kan_job_bundle *b, struct kan_err *err)
{
	kan_auto_free char *dir = report_dir(j, b->name);
	kan_auto_free char *html = kan_path(dir, "report.html");
	json_t *known = b->receipt ? kan_receipt_json(b->receipt) : NULL;
	struct kan_reading r = {
		.bundle = b->path,
		.out_dir = dir,
		.rules = kan_arg(j->a, "rules"),
		.accepted = kan_arg(j->a, "accepted"),
		.lang = kan_arg(j->a, "lang"),
		.receipt = known,
		.colour = kan_colour(j->a),
		.status = b->status,
		.below = b->below,
		.fail_on = kan_arg(j->a, "fail-on"),
		.report_path = html,
	};
	int rc = kan_own_dir(dir, err);
	if (rc == 0)
		rc = kan_read_bundle(read, &r, err);
	json_decref(known);
	if (rc < 0)
		return kan_wrap(err, "sealed as %s, no report", b->path);
	if (b->receipt && derive(derived, j, b->receipt, dir, err) < 0)
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
int kan_job_after_seal(int status, const struct kan_err *err)
{
	int said = kan_say_err(err);
	return kan_status_worst(status, said == KAN_EXIT_TAMPERED ? said : KAN_EXIT_FAILED);
}

int kan_job_finish(struct kan_job *j, struct kan_capture_result *c)
{
	struct kan_capture_doc doc = {.capture = c, .status = with_act(j, c)};
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
		doc.status = kan_job_after_seal(doc.status, &err);
	doc.status = kan_job_required(doc.status, j, &receipt);
	doc.receipt = committed ? &receipt : NULL;
	doc.timestamp = kan_stamp_word(j->stamp);
	const struct kan_job_bundle of = {c->bundle, c->path, doc.receipt, doc.status, 0};
	if (j->report && kan_job_analyse(&read, &derived, j, &of, &err) < 0)
		doc.status = kan_job_after_seal(doc.status, &err);
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

int kan_job_say_failed(struct kan_job *j, const struct kan_capture_result *c, struct kan_err *err)
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
