/* Inside the capture room: the conductor's state, its children, and what it records. */
#ifndef KAN_CAPTURE_CONDUCTOR_H
#define KAN_CAPTURE_CONDUCTOR_H

#include <signal.h>

#include <kanshiki/collector.h>
#include <kanshiki/engine.h>

#include "capture/capture.h"
#include "capture/guard.h"
#include "capture/lease.h"
#include "evidence/channel.h"
#include "evidence/journal.h"
#include "evidence/seal.h"

enum { KAN_CHILDREN = 32, KAN_EARLY_CALLS = 64 };

enum kan_child_state {
	KAN_CHILD_IDLE,      /* not started */
	KAN_CHILD_PREPARING, /* started; tiers 1 and 2 get ready for the window */
	KAN_CHILD_READY,     /* waits for go */
	KAN_CHILD_READING,   /* told to go */
	KAN_CHILD_LEFT,      /* needs the pause no more */
	KAN_CHILD_ENDED,
};

struct kan_child {
	const struct kan_collector *collector;
	enum kan_child_state state;
	pid_t pid;
	int channel, pidfd;
	int64_t began_ns, end_ns, ended_ns, killed_ns; /* CLOCK_BOOTTIME; end_ns: its last word */
	uint64_t est_entries, est_bytes, items, bytes;
	unsigned artefacts, gaps;
	bool said_end, gave_up, timed_out, in_window, dead;
	bool not_applicable, left_out; /* it said so of something: a reason to have no artefact */
	const char *status; /* ok partial failed skipped not-applicable; NULL while it runs */
};

struct kan_freeze_record {
	bool paused_by_us, found_paused, not_frozen, by_kernel;
	char why[KAN_ERR_TEXT]; /* not frozen, or not by the engine: why */
	int64_t asked_ns, frozen_ns, resumed_ns, engine_ns;
};

struct kan_conductor {
	const struct kan_capture_request *req;
	struct kan_engine *engine;
	struct kan_target *target;
	struct kan_journal *journal;
	struct kan_lease *lease;
	struct kan_guard *guard;
	struct kan_lease_setup lease_setup;
	struct kan_window *window;
	int parent_fd, bundle_fd, signal_fd;
	char bundle[64];
	struct kan_child children[KAN_CHILDREN];
	size_t n_children;
	json_t *gaps, *scope, *impact;
	struct kan_freeze_record freeze;
	bool begun; /* the journal has its first line */
	bool window_open, window_break, fatal;
	bool pause_out;   /* the lease was told to pause, and has not said that it holds none */
	bool lease_quits; /* it was told to end: its end is no loss */
	bool hold;        /* --then: the pause lasts until the act */
	bool kept;        /* handed over: it stays paused */
	bool closed;      /* the journal is: nothing may be recorded any more */
	bool left_behind; /* the thread that looks for the target */
	int stopped_by;
	int64_t started_ns, started_boot, deadline_boot, told_ns;
	struct kan_err fatal_err;
};

/* record.c */
void kan_record_gap(struct kan_conductor *c, const char *collector, const char *what,
		    const char *code, const char *why);
void kan_record_limit(struct kan_conductor *c, const char *collector, const struct kan_msg *m);
void kan_record_scope(struct kan_conductor *c, const char *collector, const char *what,
		      const char *why);
void kan_record_impact(struct kan_conductor *c, const char *text);
void kan_record_word(struct kan_conductor *c, const char *type, const char *key,
		     const char *word); /* one-key record */
void kan_record_lease(struct kan_conductor *c, const char *what, const struct kan_lease_report *r);
void kan_record_collector(struct kan_conductor *c, const struct kan_child *child, bool begin);
void kan_record_artefact(struct kan_conductor *c, struct kan_child *child, const struct kan_msg *m);
void kan_record_request(struct kan_conductor *c, const char *method, const char *path, int status,
			uint64_t octets, const char *sha256);
int kan_record_start(struct kan_conductor *c, struct kan_err *err);
void kan_record_sync(struct kan_conductor *c);
/* The document capture.json. Yours. */
int kan_record_document(json_t **out, struct kan_conductor *c, struct kan_err *err);

/* choose.c */
int kan_known_collectors(const struct kan_capture_request *r, struct kan_err *err);
bool kan_asks_for_memory(const struct kan_policy *p);
/* The option that leaves it out, or NULL. */
const char *kan_left_out(const struct kan_capture_request *r, const struct kan_collector *k);
/* The gap code of what it cannot do without here, and why; NULL: there is all it needs. */
const char *kan_not_applicable(const char **why, const struct kan_target *t, unsigned needs);

/* capture.c, for a run that only plans */
void kan_capture_defaults(struct kan_capture_request *r);
int kan_listen_to_signals(struct kan_conductor *c, sigset_t *before, struct kan_err *err);
void kan_conductor_release(struct kan_conductor *c);

/* child.c */
void kan_child_start(struct kan_conductor *c, struct kan_child *child);
void kan_child_go(struct kan_conductor *c, struct kan_child *child, bool inside);
/* Read what it says; sees its end. */
void kan_child_attend(struct kan_conductor *c, struct kan_child *child);
void kan_child_kill(struct kan_child *child);
/* Time limits: kills what is late, leaves behind what does not die. */
void kan_child_check_time(struct kan_conductor *c, struct kan_child *child, int64_t now);
bool kan_child_running(const struct kan_child *child);
void kan_child_progress(struct kan_conductor *c, const struct kan_child *child,
			enum kan_capture_event event);
/* To whom watches, now and then: what each that runs is at. */
void kan_child_tell_running(struct kan_conductor *c, int64_t now);

/* window.c: tiers 1 and 2 with the pause; and the loop all tiers share. */
void kan_window_run(struct kan_conductor *c);
/* Wait for events once, at most until_ns; false when the capture must stop (signal, time limit,
 * fatal). */
bool kan_loop_step(struct kan_conductor *c, int64_t until_ns);
void kan_window_resume(struct kan_conductor *c);
/* The lease ends, whatever state it is in; what it still says is recorded. */
void kan_window_end(struct kan_conductor *c);
void kan_fatal(struct kan_conductor *c, const struct kan_err *err);

/* handover.c: with --then, the act after a good seal; else what --on-fail says. The lease ends. */
void kan_hand_over(struct kan_capture_result *out, struct kan_conductor *c, bool sealed);

/* source.c: finds the target; calls that are made before there is a journal are remembered. */
struct kan_early {
	size_t n, lost;
	struct {
		char method[8], path[512], sha256[65];
		int status;
		uint64_t octets;
	} calls[KAN_EARLY_CALLS];
};

int kan_source_open(struct kan_conductor *c, struct kan_early *early, struct kan_err *err);
void kan_source_warn(struct kan_conductor *c); /* what this depth cannot see */

/* place.c: where evidence may lie. */
int kan_place_reach(const struct kan_conductor *c,
		    struct kan_err *err); /* before anything is made */
int kan_place_check(struct kan_conductor *c, struct kan_err *err);
int kan_place_make(struct kan_conductor *c, struct kan_err *err);

#endif
