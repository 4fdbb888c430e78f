/* After the seal: the act on the container that is still held, or what --on-fail says. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "capture/conductor.h"
#include "capture/pause.h"
#include "engine/control.h"

enum { KEEP_ANSWER_MS = 15000 };

/* Read what the lease and the user have said meanwhile. */
static void catch_up(struct kan_conductor *c)
{
	(void)kan_loop_step(c, kan_boot_ns());
}

int kan_capture_let_run(struct kan_capture_hold *h, struct kan_err *err)
{
	struct kan_conductor *c = h->conductor;
	c->hold = false;
	h->held = false;
	kan_window_resume(c);
	bool runs = !c->target->cgroup ? kan_control_paused(c->engine, c->target->id) == 0
				       : c->freeze.resumed_ns != 0;
	if (runs || !c->freeze.paused_by_us)
		return 0;
	char by_hand[KAN_PAUSE_BY_HAND];
	kan_pause_by_hand(by_hand, &c->lease_setup);
	return kan_fail(err, KAN_EENGINE, "it could not be resumed: %s", by_hand);
}

/* Why nothing may be done: NULL when it may. */
static const char *hindrance(const struct kan_conductor *c, bool sealed, bool was_held)
{
	if (!sealed)
		return "no act: the evidence could not be sealed";
	if (c->stopped_by)
		return c->stopped_by == SIGALRM ? "no act: the time limit was reached before"
						: "no act: the capture was interrupted";
	if (was_held && !c->window_open)
		return "no act: the pause had ended before the evidence was sealed";
	return NULL;
}

static void keep(struct kan_conductor *c)
{
	(void)kan_lease_keep(c->lease, NULL); /* gone: the loop sees it */
	int64_t until = kan_boot_ns() + (int64_t)KEEP_ANSWER_MS * 1000000;
	while (c->lease && c->window_open && kan_boot_ns() < until)
		(void)kan_loop_step(c, until);
}

int kan_capture_keep(struct kan_capture_hold *h, struct kan_err *err)
{
	struct kan_conductor *c = h->conductor;
	if (!h->held || c->kept)
		return 0;
	if (c->lease && c->window_open)
		keep(c);
	return c->kept ? 0 : kan_fail(err, KAN_EENGINE, "the pause was lost during the act");
}

/* The act had let it run, or nothing was held: it is paused by the engine alone. */
static bool pause_again(const struct kan_conductor *c)
{
	int status = 0;
	if (kan_control_paused(c->engine, c->target->id) > 0)
		return true;
	(void)kan_control_pause(&status, c->engine, c->target->id, NULL);
	return kan_control_paused(c->engine, c->target->id) > 0;
}

/* Found paused stays paused without us; one that has ended cannot be. */
static void on_fail(struct kan_capture_result *out, struct kan_conductor *c)
{
	bool ran = c->freeze.paused_by_us || c->target->state == KAN_STATE_RUNNING;
	if (!c->req->then.stay_paused || c->freeze.found_paused)
		return;
	if (c->lease && c->window_open)
		keep(c);
	out->left_paused = c->kept || (ran && pause_again(c));
	if (c->kept && c->freeze.by_kernel) {
		char by_hand[KAN_PAUSE_BY_HAND];
		kan_pause_by_hand(by_hand, &c->lease_setup);
		out->by_hand = kan_xstrdup(by_hand);
	}
}

static bool act(const struct kan_capture_result *of, struct kan_conductor *c, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(8192);
	kan_buf_addf(&path, "%s/%s", c->req->parent_dir, c->bundle);
	struct kan_capture_hold h = {.engine = c->engine,
				     .path = kan_buf_str(&path),
				     .capture = of->capture,
				     .target = c->target,
				     .held = c->hold && c->window_open,
				     .conductor = c};
	if (c->req->then.act(&h, c->req->arg, err) < 0)
		return false;
	/* What the act did not let run stays as it is: paused, or ended. */
	if (c->lease && c->window_open)
		keep(c);
	if (h.held && !c->kept && kan_target_alive(c->target)) {
		(void)kan_fail(err, KAN_EENGINE, "the pause was lost during the act");
		return false;
	}
	return true;
}

static void note_held(struct kan_capture_result *out, const struct kan_conductor *c)
{
	const struct kan_freeze_record *f = &c->freeze;
	out->resumed = f->resumed_ns != 0;
	if (f->paused_by_us)
		out->held_ns = (f->resumed_ns ? f->resumed_ns : kan_boot_ns()) - f->asked_ns;
}

void kan_hand_over(struct kan_capture_result *out, struct kan_conductor *c, bool sealed)
{
	bool was_held = c->hold && c->freeze.paused_by_us;
	if (!c->req->then.act)
		return;
	catch_up(c);
	if (c->stopped_by && !out->stopped_by)
		out->stopped_by = c->stopped_by;
	const char *why = hindrance(c, sealed, was_held);
	if (why)
		kan_err_set(&out->no_act, KAN_EREFUSED, 0, "%s", why);
	else
		out->acted = act(out, c, &out->no_act);
	if (!out->acted)
		on_fail(out, c);
	c->hold = false;
	kan_window_resume(c);
	kan_window_end(c);
	note_held(out, c);
}
