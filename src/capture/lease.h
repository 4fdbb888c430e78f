/* The pause lease: a process of its own that owns the pause, so that the container resumes whatever
 * dies. */
#ifndef KAN_CAPTURE_LEASE_H
#define KAN_CAPTURE_LEASE_H

#include <kanshiki/err.h>
#include <stdbool.h>
#include <stdint.h>

struct kan_engine;
struct kan_cgroup;
struct kan_lease;

struct kan_lease_setup {
	struct kan_engine *engine;
	struct kan_cgroup *cgroup; /* the freezer's state is the proof of a pause */
	const char *id;
	int bundle_fd; /* where lease.json goes when the conductor is gone */
};

enum kan_lease_what {
	KAN_LEASE_PAUSED = 1, /* frozen, and ours */
	KAN_LEASE_FOUND,      /* somebody else had it paused: not ours to resume */
	KAN_LEASE_NOT_FROZEN, /* could not be frozen; resumed again */
	KAN_LEASE_RESUMED,
	KAN_LEASE_RETRIED, /* an unpause failed; text says why; it goes on */
	KAN_LEASE_FAILED,  /* could not resume: text says what to do by hand */
};
/* What the lease reports. Times are CLOCK_BOOTTIME. */
struct kan_lease_report {
	uint32_t what;
	int64_t asked_ns, done_ns; /* of the pause or the resume */
	int64_t engine_ns;         /* time spent in the engine's call */
	char text[256];
};

/* Fork it. Before any thread. Nothing is paused yet. */
int kan_lease_start(struct kan_lease **out, const struct kan_lease_setup *s, struct kan_err *err);
/* Tell it to pause; it resumes by itself deadline_ms later. The answer comes as a report. */
int kan_lease_pause(struct kan_lease *l, unsigned deadline_ms, struct kan_err *err);
int kan_lease_resume(struct kan_lease *l, struct kan_err *err);
int kan_lease_fd(const struct kan_lease *l); /* for poll */
/* One report: 1 read, 0 the lease is gone, -1 error. */
int kan_lease_read(struct kan_lease_report *r, struct kan_lease *l, struct kan_err *err);
/* End it (it resumes first, if it still holds a pause), wait for it, free. NULL allowed. */
void kan_lease_free(struct kan_lease *l);
void kan_lease_drop(
	struct kan_lease *l); /* in another child after fork: closes, frees, touches nothing */

/*
 * The resume itself, with its retries: unpause, retry after 0.1 to 3.2 s, thaw by the cgroup's
 * file, retry the API for 60 s. An engine that gives no answer is not waited for: the file comes
 * next. The freezer's state decides; no call is repeated without reading it. Used by the lease, and
 * by the conductor when the lease has died.
 */
struct kan_lease_thawed {
	int64_t at_ns,
		engine_ns; /* when it ran again; time spent in the engine's calls until then */
};
typedef void kan_lease_note_fn(const char *text, void *arg);
int kan_lease_thaw(struct kan_lease_thawed *out, const struct kan_lease_setup *s,
		   kan_lease_note_fn *fn, void *arg, struct kan_err *err);

#endif
