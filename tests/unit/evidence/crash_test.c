/* The seal dies or fails at every step that touches the disk, and so does what finishes it. */
#include <sys/wait.h>

#include "evidence/journalread.h"
#include "fault.h"
#include "world.h"

enum { STEPS_MAX = 400 };

static void nothing_fails(const char *dir, int step)
{
	struct said s = SAID;
	struct kan_err err = {0};
	cr_assert_eq(kan_bundle_verify(dir, NULL, said_fn, &s, &err), 0, "step %d: %s", step,
		     err.text);
	cr_assert_eq(s.failed, 0, "step %d:\n%s", step, kan_buf_str(&s.text));
	kan_buf_free(&s.text);
}

/* In a process of its own. true: it died at the step. */
static bool dies(struct world *w, enum fault_kind kind, int step,
		 int (*what)(struct world *w, struct kan_err *err))
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct kan_err err = {0};
		fault_set(kind, step);
		_exit(what(w, &err) < 0 ? 1 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "step %d", step);
	cr_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_DIED, "step %d: %d",
		  step, WEXITSTATUS(status));
	return WEXITSTATUS(status) == FAULT_DIED;
}

static int seal(struct world *w, struct kan_err *err)
{
	char seal[65];
	return world_seal(w, seal, NULL, err);
}

static int seal_partial(struct world *w, struct kan_err *err)
{
	char seal[65];
	kan_auto_free char *path = NULL;
	return kan_seal_partial(seal, &path, w->partial, "power cut", err);
}

static bool has_seal_line(const struct world *w)
{
	struct kan_journal_end end;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, "journal.ndjson");
	cr_assert_eq(kan_journal_read(&end, kan_buf_bytes(&text), NULL, NULL, NULL), 0);
	return !end.torn.n && strcmp(end.last_type, "seal") == 0;
}

static bool says_complete(const struct world *w)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, "journal.ndjson");
	return has_seal_line(w) && strstr(kan_buf_str(&text), "\"status\":\"complete\"");
}

static bool is_partial(const struct world *w)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_read(&text, w->dir, "bag-info.txt");
	return strstr(kan_buf_str(&text), "Kanshiki-Status: partial") != NULL;
}

/* What is there is either sealed and good, or is said to be unsealed and can be finished. */
static void is_finished(struct world *w, int step)
{
	struct kan_err err = {0};
	char name[] = WORLD_BUNDLE;
	world_crash(w);
	if (!world_there(w->place.fd, name)) {
		bool complete = says_complete(w);
		nothing_fails(w->partial, step);
		cr_assert_eq(seal_partial(w, &err), 0, "step %d: %s", step, err.text);
		cr_assert_eq(is_partial(w), !complete, "step %d", step);
	}
	cr_assert(!world_there(w->place.fd, WORLD_BUNDLE ".partial"), "step %d", step);
	nothing_fails(w->final, step);
}

static int every_step(enum fault_kind kind, void (*prepare)(struct world *w),
		      int (*what)(struct world *w, struct kan_err *err))
{
	int step = 1;
	for (bool died = true; died && step < STEPS_MAX; step++) {
		auto_world struct world w;
		fault_set(FAULT_NONE, 0);
		prepare(&w);
		died = dies(&w, kind, step, what);
		fault_set(FAULT_NONE, 0);
		is_finished(&w, step);
	}
	cr_assert_lt(step, STEPS_MAX);
	return step;
}

static void filled(struct world *w)
{
	world_begin(w);
	world_fill(w);
}

/* As it is when the conductor was killed while a collector wrote. */
static void stopped(struct world *w)
{
	filled(w);
	world_collector(w, "logs", "begin", NULL);
	test_put(w->dir, "data/engine/torn.json", "{");
	test_put(w->dir, "lease.json",
		 "{\"what\":\"resumed\",\"why\":\"the conductor is gone\"}\n");
	world_crash(w);
	int fd = openat(w->dir, "journal.ndjson", O_WRONLY | O_APPEND | O_CLOEXEC);
	cr_assert_eq(write(fd, "{\"seq\":", 7), 7);
	(void)close(fd);
}

/* As it is when it was killed just behind the seal line. */
static void recorded(struct world *w)
{
	static int first; /* the step, once it is known */
	for (int step = first ? first : 1; step < STEPS_MAX; step++) {
		filled(w);
		cr_assert(dies(w, FAULT_DIE_BEFORE, step, seal));
		world_crash(w);
		first = step;
		if (has_seal_line(w))
			return;
		world_free(w);
	}
	cr_assert(false, "no step is behind the seal line");
}

Test(crash, a_seal_that_dies_before_any_step_can_be_finished, .timeout = 100)
{
	cr_assert_gt(every_step(FAULT_DIE_BEFORE, filled, seal), 40);
}

Test(crash, a_seal_that_dies_in_the_middle_of_any_write_can_be_finished, .timeout = 100)
{
	cr_assert_gt(every_step(FAULT_DIE_TORN, filled, seal), 40);
}

Test(crash, what_finishes_it_may_die_at_any_step_too, .timeout = 100)
{
	cr_assert_gt(every_step(FAULT_DIE_BEFORE, stopped, seal_partial), 40);
}

Test(crash, what_finishes_it_may_die_in_any_write_too, .timeout = 100)
{
	cr_assert_gt(every_step(FAULT_DIE_TORN, stopped, seal_partial), 40);
}

Test(crash, behind_the_seal_line_it_is_finished_as_recorded_whatever_step_dies, .timeout = 100)
{
	cr_assert_gt(every_step(FAULT_DIE_TORN, recorded, seal_partial), 20);
}

static void every_fault(enum fault_kind kind)
{
	int step = 1;
	for (bool hit = true; hit && step < STEPS_MAX; step++) {
		auto_world struct world w;
		struct kan_err err = {0};
		char sum[65] = "untouched";
		fault_set(FAULT_NONE, 0);
		filled(&w);
		fault_set(kind, step);
		int rc = world_seal(&w, sum, NULL, &err);
		hit = fault_hit();
		fault_set(FAULT_NONE, 0);
		if (!hit) {
			cr_assert_eq(rc, 0, "%s", err.text);
			continue;
		}
		cr_assert_eq(rc, -1, "step %d", step);
		cr_assert_neq(err.code, KAN_OK, "step %d", step);
		cr_assert_str_eq(sum, "untouched", "step %d", step);
		cr_assert(!world_there(w.place.fd, WORLD_BUNDLE), "step %d", step);
		cr_assert(world_there(w.place.fd, WORLD_BUNDLE ".partial"), "step %d", step);
		world_crash(&w);
	}
	cr_assert_gt(step, 40);
	cr_assert_lt(step, STEPS_MAX);
}

Test(crash, a_full_disk_at_any_step_is_fatal_and_seals_nothing, .timeout = 100)
{
	every_fault(FAULT_ENOSPC);
}

Test(crash, a_broken_disk_at_any_step_is_fatal_and_seals_nothing, .timeout = 100)
{
	every_fault(FAULT_EIO);
}
