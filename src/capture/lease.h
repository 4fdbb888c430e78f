/* The pause lease: a process of its own that owns the pause, so that the container resumes whatever
 * dies. */
#ifndef KAN_CAPTURE_LEASE_H
#define KAN_CAPTURE_LEASE_H

#include <kanshiki/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KAN_LEASE_NAME "kanshiki-lease"

struct kan_engine;
struct kan_cgroup;
struct kan_journal;
struct kan_window;
struct kan_lease;
struct kan_lease_share;

enum kan_lease_how {
	KAN_LEASE_EITHER, /* the engine; the kernel's own freezer where the engine refuses */
	KAN_LEASE_KERNEL, /* the freezer's file, behind the engine's back */
};
struct kan_lease_setup {
	enum kan_lease_how how;
	struct kan_lease_share *share; /* pause.h; NULL: the engine alone pauses, and no guard */
	struct kan_engine *engine;
	struct kan_cgroup *cgroup; /* the freezer's state is the proof of a pause */
	const char *id;
	int bundle_fd;               /* where lease.json goes when the conductor is gone */
	struct kan_window *window;   /* "frozen" ends here before a resume is asked; or NULL */
	struct kan_journal *journal; /* whose lock it holds until lease.json is written; or NULL */
	/* --on-fail stay-paused: at the deadline, or when the conductor dies, it is left paused. */
	bool stay_paused;
};

enum kan_lease_what {
	KAN_LEASE_PAUSED = 1, /* frozen, and ours */
	KAN_LEASE_FOUND,      /* somebody else had it paused: not ours to resume */
	KAN_LEASE_NOT_FROZEN, /* could not be frozen; resumed again */
	KAN_LEASE_RESUMED,
	KAN_LEASE_RETRIED, /* an unpause failed; text says why; it goes on */
	KAN_LEASE_FAILED,  /* could not resume: text says what to do by hand */
	KAN_LEASE_KEPT,    /* handed over: it stays paused, and nobody of ours resumes it */
};
/* What the lease reports. Times are CLOCK_BOOTTIME. */
struct kan_lease_report {
	uint32_t what;
	int64_t asked_ns, done_ns; /* of the pause or the resume */
	int64_t engine_ns;         /* time spent in the engine's call */
	uint32_t by_kernel;        /* through the cgroup's own file; of a pause, text says why */
	char text[256];
};

/* Fork it. Before any thread. Nothing is paused yet. */
int kan_lease_start(struct kan_lease **out, const struct kan_lease_setup *s, struct kan_err *err);
/* Tell it to pause; it resumes by itself deadline_ms later. The answer comes as a report. */
int kan_lease_pause(struct kan_lease *l, unsigned deadline_ms, struct kan_err *err);
int kan_lease_resume(struct kan_lease *l, struct kan_err *err);
/* Hand over: it holds the pause no more and does not end it. Answered by KAN_LEASE_KEPT, or by what
 * was reported before when it holds none. */
int kan_lease_keep(struct kan_lease *l, struct kan_err *err);
pid_t kan_lease_pid(const struct kan_lease *l);
int kan_lease_fd(const struct kan_lease *l); /* for poll */
/* One report: 1 read, 0 the lease is gone, -1 error. */
int kan_lease_read(struct kan_lease_report *r, struct kan_lease *l, struct kan_err *err);
/* Has somebody stopped it (SIGSTOP)? Then it keeps no deadline. */
bool kan_lease_stopped(const struct kan_lease *l);
/* Tell it to end: it resumes first, if it still holds a pause; reports come until it is gone. */
void kan_lease_quit(struct kan_lease *l);
/* The memory that lease, conductor and guard share; freed when all of them are done with it. */
int kan_lease_share_new(struct kan_lease_share **out, struct kan_err *err);
void kan_lease_share_free(struct kan_lease_share *s);
/* Quit, wait for it in bounded time, kill it if it is stopped or late, free. NULL allowed. */
void kan_lease_free(struct kan_lease *l);
void kan_lease_drop(
	struct kan_lease *l); /* in another child after fork: closes, frees, touches nothing */

/*
 * The resume itself, with its retries: unpause, retry after 0.1, 0.2, 0.4 ... s; when the engine
 * has not done it in 2 s, thaw by the cgroup's file. The freezer's state decides; no call is
 * repeated without reading it. *owes is set when the engine must still be told (kan_lease_settle).
 * Used by the lease, and by the conductor when the lease has died.
 */
typedef void kan_lease_note_fn(const char *text, void *arg);
int kan_lease_thaw(bool *owes, int64_t *engine_ns, const struct kan_lease_setup *s,
		   kan_lease_note_fn *fn, void *arg, struct kan_err *err);
/* One call: true when the engine has answered that it holds no pause, and the freezer is open. */
bool kan_lease_settle(const struct kan_lease_setup *s);

#endif
