/* How a pause of ours ends, and what the kernel says of it: for lease, conductor and guard. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "capture/pause.h"
#include "engine/client.h"
#include "engine/control.h"
#include "evidence/channel.h"
#include "kernel/cgroup.h"

enum {
	RETRY_FIRST_MS = 100,
	RETRY_LAST_MS = 3200,
	SETTLE_MS = 300,    /* a pause that the engine still had in hand takes effect in it */
	LOOK_FIRST_US = 20, /* a freezer is shut within a millisecond, as a rule */
	LOOK_LAST_US = 500,
	REWRITE_NS = 10000000, /* a v1 freezer may stay on its way when a task was just forking */
	REFREEZE_NS = 200000000,
	NO_SUCH_CONTAINER = 404,
};
/* The engine had its chance: then the kernel is told. */
static const int64_t THAW_AFTER_NS = INT64_C(2000000000);
/* Without a cgroup there is only the engine; with both calls it is below the longest way of a
 * lease. */
static const int64_t BLIND_NS = INT64_C(8000000000);

void kan_pause_nap(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	(void)nanosleep(&t, NULL);
}

int kan_pause_frozen(const struct kan_lease_setup *s)
{
	return s->cgroup ? kan_cgroup_frozen(s->cgroup, NULL) : -1;
}

int kan_pause_thawed(const struct kan_lease_setup *s)
{
	return s->cgroup ? kan_cgroup_thawed(s->cgroup, NULL) : -1;
}

bool kan_pause_gone(const struct kan_lease_setup *s)
{
	return s->cgroup && kan_cgroup_gone(s->cgroup);
}

bool kan_pause_by_kernel(const struct kan_lease_setup *s)
{
	return s->share && atomic_load(&s->share->by_kernel) != 0;
}

void kan_pause_held(const struct kan_lease_setup *s, bool held)
{
	if (s->share)
		atomic_store(&s->share->held, held);
}

bool kan_pause_wait(const struct kan_lease_setup *s, bool again, int64_t until_ns)
{
	int64_t rewrite = kan_boot_ns() + REWRITE_NS;
	for (long us = LOOK_FIRST_US; kan_pause_frozen(s) == 0; us += us < LOOK_LAST_US ? us : 0) {
		int64_t now = kan_boot_ns();
		if (now > until_ns)
			return false;
		if (again && now > rewrite) {
			(void)kan_cgroup_freeze(s->cgroup, NULL);
			rewrite = now + REWRITE_NS;
		}
		kan_pause_nap(us);
	}
	return kan_pause_frozen(s) > 0;
}

bool kan_pause_freeze(const struct kan_lease_setup *s, int64_t until_ns)
{
	return s->cgroup && kan_cgroup_freeze(s->cgroup, NULL) == 0 &&
	       kan_pause_wait(s, true, until_ns);
}

bool kan_pause_of_another(const struct kan_lease_setup *s)
{
	if (kan_pause_gone(s) || kan_control_paused(s->engine, s->id) <= 0)
		return false;
	(void)kan_pause_freeze(s, kan_boot_ns() + REFREEZE_NS);
	return true;
}

static bool unpause_once(int64_t *engine_ns, const struct kan_lease_setup *s, struct kan_err *err)
{
	int status = 0;
	int64_t before = kan_boot_ns();
	int rc = kan_control_unpause(&status, s->engine, s->id, err);
	*engine_ns += kan_boot_ns() - before;
	int state = kan_pause_thawed(s);
	/* The freezer decides: a lost reply after success is a success, and a 204 that thawed
	 * nothing is none. */
	if (state >= 0 && !kan_pause_gone(s))
		return state > 0;
	if (rc == 0 || status == NO_SUCH_CONTAINER)
		return true;
	/* A pause of ours may have met the new life: it must not stay paused either. */
	return kan_pause_gone(s) && kan_control_paused(s->engine, s->id) == 0;
}

static int thaw_by_kernel(const struct kan_lease_setup *s, kan_lease_note_fn *fn, void *arg,
			  struct kan_err *err)
{
	struct kan_err why = {0};
	int64_t until = kan_boot_ns() + BLIND_NS;
	for (;;) {
		(void)kan_cgroup_thaw(s->cgroup, &why);
		if (kan_pause_thawed(s) > 0 || kan_pause_gone(s))
			return 0;
		fn(why.code != KAN_OK ? why.text : "the cgroup is not thawed yet", arg);
		if (kan_boot_ns() > until)
			break;
		kan_pause_nap((long)RETRY_FIRST_MS * 1000);
	}
	char by_hand[KAN_PAUSE_BY_HAND];
	kan_pause_by_hand(by_hand, s);
	return kan_fail(err, KAN_EIO, "still frozen; resume it by hand: %s", by_hand);
}

static int thaw_by_engine(bool *owes, int64_t *engine_ns, const struct kan_lease_setup *s,
			  kan_lease_note_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_err why = {0};
	int64_t until = kan_boot_ns() + (s->cgroup ? THAW_AFTER_NS : BLIND_NS);
	for (long ms = RETRY_FIRST_MS; ms <= RETRY_LAST_MS; ms *= 2) {
		if (unpause_once(engine_ns, s, &why))
			return 0;
		fn(why.text, arg);
		if (kan_boot_ns() + ms * 1000000 > until)
			break;
		kan_pause_nap(ms * 1000);
	}
	*owes = true;
	bool open = s->cgroup && kan_cgroup_thaw(s->cgroup, &why) == 0 && kan_pause_thawed(s) > 0;
	fn(open ? "thawed through the cgroup's own file" : why.text, arg);
	if (open)
		return 0;
	char by_hand[KAN_PAUSE_BY_HAND];
	kan_pause_by_hand(by_hand, s);
	return kan_fail(err, KAN_EENGINE, "still paused; resume it by hand: %s", by_hand);
}

int kan_lease_thaw(bool *owes, int64_t *engine_ns, const struct kan_lease_setup *s,
		   kan_lease_note_fn *fn, void *arg, struct kan_err *err)
{
	*engine_ns = 0;
	if (s->window) /* before anything runs: no later row may say "frozen" */
		atomic_store(&s->window->frozen, 0);
	int rc = kan_pause_by_kernel(s) ? thaw_by_kernel(s, fn, arg, err)
					: thaw_by_engine(owes, engine_ns, s, fn, arg, err);
	if (rc == 0)
		kan_pause_held(s, false);
	return rc;
}

/*
 * The kernel has ended the pause and the engine still believes in it: runc refuses to resume what
 * is not paused, so that the engine would believe it for ever and refuse exec and stop. So the
 * freezer is shut once more, for the time of one unpause, by an engine that does answer.
 */
static bool unpause_refrozen(const struct kan_lease_setup *s)
{
	int64_t engine = 0;
	if (!s->cgroup)
		return false;
	(void)kan_pause_freeze(s, kan_boot_ns() + REFREEZE_NS);
	bool done = unpause_once(&engine, s, NULL);
	if (!done)
		(void)kan_cgroup_thaw(s->cgroup, NULL);
	return done;
}

bool kan_lease_settle(const struct kan_lease_setup *s)
{
	int status = 0, rc = kan_control_unpause(&status, s->engine, s->id, NULL);
	if (rc < 0 &&
	    (!status || (kan_control_paused(s->engine, s->id) > 0 && !unpause_refrozen(s))))
		return false;
	kan_pause_nap((long)SETTLE_MS * 1000);
	return kan_pause_thawed(s) != 0;
}

void kan_pause_by_hand(char out[KAN_PAUSE_BY_HAND], const struct kan_lease_setup *s)
{
	char file[KAN_PAUSE_BY_HAND - 512];
	kan_auto_buf struct kan_buf b = KAN_BUF(KAN_PAUSE_BY_HAND - 1);
	if (!kan_pause_by_kernel(s) || kan_cgroup_freezer_path(file, sizeof(file), s->cgroup) < 0) {
		kan_client_says(&b, kan_engine_host(s->engine), "unpause", s->id);
	} else {
		kan_buf_addf(&b, "echo %s > ", kan_cgroup_v2(s->cgroup) ? "0" : "THAWED");
		kan_shell_word(&b, file);
	}
	(void)snprintf(out, KAN_PAUSE_BY_HAND, "%s", kan_buf_str(&b));
}

static bool sealed(int bundle_fd)
{
	return faccessat(bundle_fd, "bagit.txt", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void kan_pause_write(int bundle_fd, const struct kan_pause_end *end)
{
	if (sealed(bundle_fd))
		return;
	struct kan_row row;
	struct kan_bytes line = {0};
	kan_row_init(&row);
	kan_row_begin(&row);
	kan_row_str(&row, "what", end->kept ? "kept" : end->resumed_ns ? "resumed" : "ended");
	kan_row_str(&row, "by", end->by);
	kan_row_int(&row, "t_ns", kan_now_ns());
	kan_row_int(&row, "boot_ns", kan_boot_ns());
	if (end->paused_ns)
		kan_row_int(&row, "paused_boot_ns", end->paused_ns);
	if (end->resumed_ns)
		kan_row_int(&row, "resumed_boot_ns", end->resumed_ns);
	kan_row_str(&row, "why", end->why[0] ? end->why : "the conductor is gone");
	if (kan_row_end(&line, &row, NULL) == 0)
		(void)kan_put_file(bundle_fd, "lease.json", 0400, line, NULL);
	kan_row_free(&row);
}
