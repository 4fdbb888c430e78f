/* capture --then: where the capture, the act and its custody event meet. */
#include "cli/then.h"

#include <string.h>

#include "base/row.h"
#include "cli/seen.h"
#include "custody/act.h"
#include "respond/respond.h"

/* As in enum kan_respond_do; what else there is belongs to quarantine. */
const char *const kan_then_words[] = {"pause", "disconnect", "kill", "stop", NULL};
const char *const kan_on_fail_words[] = {"resume", "stay-paused", NULL};

int kan_then_read(struct kan_then *t, const struct kan_args *a)
{
	int what = kan_arg_word(a, "then", kan_then_words, 0),
	    fail = kan_arg_word(a, "on-fail", kan_on_fail_words, 0);
	if (what < 0 || fail < 0)
		return -1;
	t->asked = kan_arg(a, "then") != NULL;
	t->what = what;
	t->stay_paused = fail == 1;
	t->loses = kan_flag(a, "yes-loses-original");
	if (!t->asked && (kan_arg(a, "on-fail") || t->loses)) {
		kan_say("--%s belongs to --then: name the act, --then pause for example",
			t->loses ? "yes-loses-original" : "on-fail");
		return -1;
	}
	return 0;
}

int kan_then_allowed(const struct kan_then *t, const struct kan_target *target, struct kan_err *err)
{
	return kan_respond_allowed(target, (enum kan_respond_do)t->what, t->loses, err);
}

static int let_run(void *arg, struct kan_err *err)
{
	return kan_capture_let_run(arg, err);
}

int kan_then_do(struct kan_then *t, struct kan_capture_hold *h, struct kan_err *err)
{
	struct kan_respond r = {
		.engine = h->engine,
		.id = h->target->id,
		.what = (enum kan_respond_do)t->what,
		.held = h->held,
		.let_run = let_run,
		.arg = h,
	};
	return kan_respond(&t->act, &r, err);
}

void kan_then_settle(struct kan_then *t, const struct kan_capture_result *c)
{
	if (!t->asked)
		return;
	t->tried = t->act != NULL;
	t->failed = c->acted                   ? NULL
		    : c->no_act.code != KAN_OK ? c->no_act.text
					       : "nothing was sealed";
	if (c->left_paused)
		kan_respond_left_paused(&t->act, c->engine, c->id, c->by_hand);
}

int kan_then_commit(struct kan_then *t, struct kan_custody *custody, const struct kan_receipt *of,
		    const struct kan_act *who, struct kan_err *err)
{
	if (!t->act)
		return 0;
	json_auto_t *done = json_copy(t->act);
	struct kan_act act = *who;
	act.impact = json_object_get(t->act, "impact");
	json_object_del(done, "impact");
	if (kan_custody_act(&t->event, custody, of, done, t->tried ? t->failed : NULL, &act, err) <
	    0)
		return kan_wrap(err, "the act has no custody event");
	return 0;
}

/* The act of a request that was seen before. */
struct seen_act {
	const char *what;
	bool done;
};

static int is_the_act(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct seen_act *s = arg;
	(void)commit;
	(void)err;
	s->done |= strcmp(kan_json_str(event, "type"), "act") == 0 &&
		   strcmp(kan_json_str(json_object_get(event, "act"), "do"), s->what) == 0 &&
		   json_is_true(json_object_get(json_object_get(event, "result"), "ok"));
	return 0;
}

int kan_then_was_done(const struct kan_then *t, const char *home, const char *request_id,
		      struct kan_err *err)
{
	struct seen_act s = {.what = kan_respond_words[t->what]};
	if (!t->asked)
		return 1;
	if (kan_seen_events(home, request_id, is_the_act, &s, err) < 0)
		return -1;
	if (!s.done)
		kan_say("--then %s was not done with that request, and is not done now: another "
			"--request-id captures again and does it",
			s.what);
	return s.done;
}

static void sentence(struct kan_buf *out, const struct kan_then *t,
		     const struct kan_capture_result *c)
{
	const char *name = c->name && *c->name ? c->name : c->id;
	const char *undo = json_string_value(json_object_get(t->act, "undo"));
	if (!t->failed) {
		kan_respond_sentence(out, t->act, name);
		return;
	}
	kan_buf_addf(out, "--then %s was not done: %s", kan_respond_words[t->what], t->failed);
	if (c->left_paused)
		kan_buf_addf(out, "; container %s stays paused", name);
	else if (c->held_ns)
		kan_buf_addf(out, "; container %s %s", name,
			     c->resumed ? "was let run again" : "may still be paused");
	if (undo && *undo)
		kan_buf_addf(out, "; undo: %s", undo);
}

void kan_then_say(FILE *out, const struct kan_then *t, const struct kan_capture_result *c)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(128 << 10);
	if (!t->asked)
		return;
	sentence(&line, t, c);
	if (!t->event.commit[0] && t->act)
		kan_buf_adds(&line, "; it is in no custody event, only here");
	if (out == stderr)
		(void)fputs("kanshiki: ", out);
	kan_print(out, kan_buf_bytes(&line));
	(void)fputc('\n', out);
}

json_t *kan_then_json(const struct kan_then *t, const struct kan_capture_result *c)
{
	if (!t->asked)
		return NULL;
	json_t *o = t->act ? json_copy(t->act) : json_object();
	json_object_set_new(o, "asked", json_string(kan_respond_words[t->what]));
	json_object_set_new(o, "ok", json_boolean(!t->failed));
	if (t->failed)
		kan_json_set_bytes(o, "why", kan_bytes_of(t->failed));
	if (c->left_paused)
		json_object_set_new(o, "left_paused", json_true());
	if (t->event.commit[0]) {
		json_object_set_new(o, "event", json_integer(t->event.event));
		kan_json_set_bytes(o, "commit", kan_bytes_of(t->event.commit));
	}
	return o;
}

void kan_then_reset(struct kan_then *t)
{
	json_decref(t->act);
	t->act = NULL;
	t->tried = false;
	t->failed = NULL;
	t->event = (struct kan_receipt){0};
}
