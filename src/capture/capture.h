/* The conductor: from a container's name to a sealed bundle, in the order of volatility. */
#ifndef KAN_CAPTURE_CAPTURE_H
#define KAN_CAPTURE_CAPTURE_H

#include <jansson.h>
#include <kanshiki/err.h>
#include <kanshiki/target.h>

/* Octets that must be free where a bundle is written. */
enum { KAN_CAPTURE_SPACE_MIN = 64 << 20 };

enum kan_capture_event {
	KAN_CAPTURE_TARGET,       /* found and proven; path is the .partial */
	KAN_CAPTURE_BEGIN,        /* a collector starts */
	KAN_CAPTURE_END,          /* a collector ended: status, items, bytes, ms, gaps */
	KAN_CAPTURE_RESUMED,      /* ms is the length of the pause */
	KAN_CAPTURE_FIRST_SCREEN, /* tiers 0 to 2 are closed; path is the .partial; do not block
				     here */
	KAN_CAPTURE_WARNING,      /* why: one line */
	KAN_CAPTURE_SEALING,
	KAN_CAPTURE_RUNNING, /* a collector goes on: status, bytes so far, total, ms; when watched
			      */
	KAN_CAPTURE_TICK,    /* all that run were told */
};
struct kan_capture_progress {
	enum kan_capture_event event;
	const char *collector, *status, *path, *why;
	uint64_t items, bytes, total; /* total: octets it means to read, 0 when not known */
	double ms;
	unsigned gaps;
	const struct kan_target *target;
};
typedef void kan_capture_progress_fn(const struct kan_capture_progress *p, void *arg);

/*
 * --then: an act on the container once its evidence is sealed, done while it is still paused. The
 * capture knows nothing of acts: it asks whether this one may be, and calls it.
 */
struct kan_capture_hold {
	struct kan_engine *engine;
	const struct kan_target *target;
	const char *path;      /* the sealed bundle */
	const json_t *capture; /* its capture.json */
	bool held;             /* paused by the capture, which still holds it */
	struct kan_conductor *conductor;
};
struct kan_capture_then {
	bool stay_paused; /* --on-fail: no good seal, a failed act, the deadline, our own death */
	/* Right after inspect, before anything is paused. -1: no capture. */
	int (*allowed)(const struct kan_target *t, void *arg, struct kan_err *err);
	/* 0: done, and a pause that is still held stays. NULL: nothing is to be done. */
	int (*act)(struct kan_capture_hold *h, void *arg, struct kan_err *err);
};
/* Let it run before the act, or after it. */
int kan_capture_let_run(struct kan_capture_hold *h, struct kan_err *err);
/* From now on it stays paused whatever becomes of us. Without a hold: nothing to do. */
int kan_capture_keep(struct kan_capture_hold *h, struct kan_err *err);

/* Open data; strings are borrowed, NULL where not given. */
struct kan_capture_request {
	const char *host, *container; /* engine (NULL: the default), name or id */
	const char *root;             /* a data root instead of an engine: depth offline; or NULL */
	struct kan_policy policy;
	const char *parent_dir; /* the bundle becomes a directory in it; must exist when ready has
				   returned */
	const char *home_dir;   /* where it is committed afterwards; NULL: nowhere */
	/* The container is found, and neither place is within its reach: make them. NULL: they are
	 * there. */
	int (*ready)(void *arg, struct kan_err *err);
	const char *case_id, *request_id, *operator_name, *operator_email, *note;
	const char *only, *skip; /* comma lists of collector names */
	bool api_only;           /* --depth api: the missing host is asked for, no gap */
	const char *const *argv;
	const json_t *settings; /* what a file said beside argv: [{key, value, from}], or NULL */
	kan_capture_progress_fn *progress;
	bool watch; /* somebody looks: progress is told of what runs, some times a second */
	struct kan_capture_then then;
	void *arg;
};

struct kan_capture_result {
	char bundle[64], seal[65];
	char *path; /* the sealed bundle, or the .partial when it could not be sealed; NULL: nothing
		       written */
	char id[65], *name, *image, *image_id;
	char *engine;     /* its address */
	bool partial;     /* sealed as partial: interrupted or out of time */
	int stopped_by;   /* SIGINT, SIGTERM, SIGALRM (time limit), or 0 */
	bool left_behind; /* a thread still looks for the target: leave by _exit, which takes
			     nothing from under it */
	unsigned gaps;    /* that count: not-applicable left out */
	json_t *capture;  /* the document capture.json */
	json_t *gap_list; /* array of {collector, what, code, why} */
	double seconds;
	int64_t held_ns;       /* the pause of a capture with --then, up to its end or to now */
	bool resumed;          /* that pause has ended */
	bool acted;            /* --then: it was done, or found done */
	bool left_paused;      /* by --on-fail stay-paused */
	char *by_hand;         /* what resumes it when the engine cannot; NULL: it can */
	struct kan_err no_act; /* why it was not done */
};
void kan_capture_result_free(struct kan_capture_result *r);

/*
 * What kan_capture_run would do, with nothing paused, written or made: {engine, container{id, name,
 * image, state}, depth, pause{mode, max_ms} or its why, collect[{name, summary}], leave_out[{name,
 * why}], space{place, free, needed, upper, log}, inspect}. needed is an estimate in octets; upper
 * and log are null where nobody tells. *out is yours. -1: it would be refused or would fail, as err
 * says. left_behind: as of a result.
 */
int kan_capture_plan(json_t **out, bool *left_behind, const struct kan_capture_request *r,
		     struct kan_err *err);

/*
 * Take it and seal it. -1: nothing is sealed, err says why; out->path is set when a .partial stays.
 * Interrupts (SIGINT, SIGTERM) and the time limit are no error: partial and stopped_by tell. The
 * container is left paused only when then says so. Block nothing and start no thread before.
 */
int kan_capture_run(struct kan_capture_result *out, const struct kan_capture_request *r,
		    struct kan_err *err);

#endif
