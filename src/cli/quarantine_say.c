/* What a quarantine says at its end: the acts, and one line each for container and evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/quarantine.h"
#include "engine/client.h"

static const char *called(const struct kan_quarantine *q)
{
	return q->undo || !q->name ? q->asked : q->name;
}

/* As the engine has it now, and not as we left it. */
static void container_words(struct kan_buf *out, const struct kan_quarantine *q)
{
	struct kan_engine *e = NULL;
	json_auto_t *doc = NULL;
	struct kan_err err = {0};
	const char *word = q->id[0] ? q->id : q->asked;
	kan_buf_addf(out, "container %.255s", called(q));
	if (q->id[0])
		kan_buf_addf(out, " (%.12s)", q->id);
	kan_buf_adds(out, ": ");
	if (kan_engine_open(&e, q->job.request.host, &err) < 0 ||
	    kan_respond_inspect(&doc, e, word, &err) < 0)
		kan_buf_addf(out, "unknown: %.300s", err.text);
	else
		kan_respond_condition(out, doc);
	kan_engine_free(e);
}

/* The event of an earlier run that found it whole; 0: there is none. */
static long long verified_before(const struct kan_quarantine *q)
{
	size_t i = 0;
	json_t *e = NULL;
	long long seq = 0;
	json_array_foreach (q->past, i, e)
		if (strcmp(kan_json_str(e, "type"), "verify") == 0 &&
		    json_is_true(json_object_get(e, "ok")))
			seq = (long long)kan_json_int(e, "seq");
	return seq;
}

static void evidence_words(struct kan_buf *out, const struct kan_quarantine *q, bool where)
{
	const struct kan_receipt *r = &q->receipt;
	kan_buf_adds(out, "evidence: ");
	if (q->undo) {
		kan_buf_adds(out, "stays as it is");
		if (r->bundle[0])
			kan_buf_addf(out, ": case %s, bundle %s", r->case_id, r->bundle);
		return;
	}
	if (!q->path && !r->seal[0]) {
		kan_buf_addf(out,
			     q->unsealed ? "unsealed, in %s: kanshiki seal --partial finishes it"
					 : "none%s",
			     q->unsealed ? q->unsealed : "");
		return;
	}
	kan_buf_adds(out, "sealed");
	if (r->commit[0])
		kan_buf_addf(out, ", signed, case %s event %u", r->case_id, r->event);
	if (q->verified)
		kan_buf_addf(out, ", %s", q->verified);
	else if (verified_before(q))
		kan_buf_addf(out, ", verified then (event %lld)", verified_before(q));
	if (q->evidence[0])
		kan_buf_addf(out, ", %s", q->evidence);
	if (where)
		kan_buf_addf(out, "; bundle %s", q->path ? q->path : r->bundle);
}

static void say_act(const struct kan_quarantine *q, const json_t *act)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(128 << 10);
	size_t i = 0;
	json_t *lost = NULL;
	if (json_is_true(json_object_get(act, "ok")))
		kan_respond_sentence(&line, act, called(q));
	else
		kan_buf_addf(&line, "%s was NOT done: %s", kan_json_str(act, "do"),
			     kan_json_str(act, "why"));
	if (json_is_true(json_object_get(act, "before_this_run")))
		kan_buf_addf(&line, " (event %lld, before this run)",
			     (long long)kan_json_int(act, "event"));
	if (json_is_true(json_object_get(act, "taken_back")))
		kan_buf_adds(&line, "; it was taken back since, and is not done again for this "
				    "request");
	if (json_is_false(json_object_get(act, "holds")))
		kan_buf_adds(&line, "; IT IS NOT SO ANY MORE: somebody changed it; another "
				    "--request-id does it again");
	kan_print(stdout, kan_buf_bytes(&line));
	(void)fputc('\n', stdout);
	json_array_foreach (json_object_get(act, "lost"), i, lost) {
		if (!q->undo)
			break;
		(void)fputs("  not restored: ", stdout);
		kan_print(stdout, kan_bytes_of(json_string_value(lost)));
		(void)fputc('\n', stdout);
	}
}

/* An option of this run that the next one needs, too: in another shell the environment is another.
 */
static void given(struct kan_buf *out, const struct kan_quarantine *q, const char *option,
		  const char *variable)
{
	const char *value = kan_arg(q->job.a, option);
	if (!value)
		value = getenv(variable);
	if (!value || !*value)
		return;
	kan_buf_addf(out, " --%s ", option);
	kan_shell_word(out, value);
}

/* Done now, by us, and with nothing more to be said of it: its undo is in the chain. */
static bool is_plain(const struct kan_quarantine *q, const json_t *act)
{
	return !q->undo && json_is_true(json_object_get(act, "ok")) &&
	       !json_object_get(act, "already") && !json_object_get(act, "since_seal") &&
	       !json_object_get(act, "before_this_run");
}

/* "done: pause (event 3), disconnect (event 4)" */
static void say_plain(const struct kan_quarantine *q)
{
	size_t i = 0, n = 0;
	json_t *act = NULL;
	json_array_foreach (q->acts, i, act) {
		if (!is_plain(q, act))
			continue;
		const char *to = kan_json_str(json_object_get(act, "renamed"), "to");
		(void)printf("%s%s", n++ ? ", " : "done: ", kan_json_str(act, "do"));
		if (*to)
			(void)fputs(" as ", stdout);
		kan_print(stdout, kan_bytes_of(to));
		if (json_object_get(act, "event"))
			(void)printf(" (event %lld)", (long long)kan_json_int(act, "event"));
	}
	if (n)
		(void)fputc('\n', stdout);
}

/* Taking back everything at once, by the id: a name may mean another container by then. */
static void undo_words(struct kan_buf *out, const struct kan_quarantine *q)
{
	size_t i = 0;
	json_t *act = NULL;
	bool any = false;
	json_array_foreach (q->acts, i, act)
		any |= *kan_json_str(act, "undo") && !json_object_get(act, "taken_back") &&
		       !json_object_get(act, "already");
	if (!any || q->undo)
		return;
	kan_buf_adds(out, "kanshiki");
	given(out, q, "host", "DOCKER_HOST");
	given(out, q, "home", "KANSHIKI_HOME");
	kan_buf_addf(out, " quarantine %.12s --undo", q->id);
}

int kan_quarantine_fault(struct kan_quarantine *q, const struct kan_err *err)
{
	(void)snprintf(q->error, sizeof q->error, "%s", err->text);
	q->status = kan_status_worst(q->status, kan_say_err(err));
	return q->status;
}

static json_t *evidence_json(const struct kan_quarantine *q, const char *words)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "words", kan_bytes_of(words));
	if (q->path)
		kan_json_set_bytes(o, "bundle", kan_bytes_of(q->path));
	if (q->unsealed)
		kan_json_set_bytes(o, "unsealed", kan_bytes_of(q->unsealed));
	if (q->verified)
		json_object_set_new(o, "verified", json_string(q->verified));
	if (q->receipt.seal[0])
		json_object_set_new(o, "seal", json_string(q->receipt.seal));
	if (q->receipt.commit[0] && !q->undo)
		json_object_set_new(o, "custody", kan_receipt_json(&q->receipt));
	return o;
}

static void print_document(const struct kan_quarantine *q, const char *container,
			   const char *evidence, json_t *capture)
{
	json_auto_t *o = json_object();
	json_t *c = json_object();
	kan_auto_buf struct kan_buf undo = KAN_BUF(16384);
	json_object_set_new(o, "schema", json_string("kanshiki.quarantine/1"));
	json_object_set_new(o, "exit", json_integer(q->status));
	if (q->error[0])
		kan_json_set_bytes(o, "error", kan_bytes_of(q->error));
	if (q->request)
		kan_json_set_bytes(o, "request_id", kan_bytes_of(q->request));
	json_object_set_new(o, "repeated", json_boolean(q->repeated));
	json_object_set_new(o, "undone", json_boolean(q->undo));
	kan_json_set_bytes(c, "id", kan_bytes_of(q->id));
	kan_json_set_bytes(c, "name", kan_bytes_of(called(q)));
	kan_json_set_bytes(c, "words", kan_bytes_of(container));
	json_object_set_new(o, "container", c);
	json_object_set_new(o, "evidence", evidence_json(q, evidence));
	json_object_set(o, "acts", q->acts);
	undo_words(&undo, q);
	if (undo.len)
		kan_json_set_bytes(o, "undo", kan_buf_bytes(&undo));
	if (capture)
		json_object_set(o, "capture", capture);
	(void)kan_print_json(o);
}

static void print_line(const struct kan_buf *line)
{
	kan_print(stdout, kan_buf_bytes(line));
	(void)fputc('\n', stdout);
}

void kan_quarantine_say(struct kan_quarantine *q, const char *screen, json_t *capture)
{
	kan_auto_buf struct kan_buf container = KAN_BUF(8192), evidence = KAN_BUF(16384),
				    undo = KAN_BUF(16384);
	size_t i = 0;
	json_t *act = NULL;
	container_words(&container, q);
	evidence_words(&evidence, q, !screen || q->job.json);
	if (q->job.json) {
		print_document(q, kan_buf_str(&container), kan_buf_str(&evidence), capture);
		return;
	}
	if (screen)
		(void)fputs(screen, stdout);
	say_plain(q);
	json_array_foreach (q->acts, i, act)
		if (!is_plain(q, act))
			say_act(q, act);
	undo_words(&undo, q);
	if (undo.len)
		(void)printf("undo: %s\n", kan_buf_str(&undo));
	if (q->undo && q->repeated)
		(void)puts("nothing is left to take back");
	print_line(&container);
	print_line(&evidence);
}
