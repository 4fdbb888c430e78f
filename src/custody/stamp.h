/* Time stamps over a seal and over a commit: asked by HTTP, verified before they are kept, queued
 * when the authority does not answer. custody.md section 7. */
#ifndef KAN_CUSTODY_STAMP_H
#define KAN_CUSTODY_STAMP_H

#include "custody/tsp.h"

#include <kanshiki/custody.h>

/* The authority. Borrowed. */
struct kan_stamp_ask {
	const char *url;             /* NULL: nobody is asked */
	const struct kan_tsp_ca *ca; /* whose stamps count; NULL: they are kept unchecked */
	bool queue;                  /* a request that gets no stamp stays in seal/ */
};

enum kan_stamp {
	KAN_STAMP_NONE,
	KAN_STAMP_QUEUED,    /* a request waits in seal/ */
	KAN_STAMP_UNCHECKED, /* over these bytes, not checked against an authority */
	KAN_STAMP_VERIFIED,
};

/* http or https and a host. -1: usage. */
int kan_stamp_url(const char *url, struct kan_err *err);

/* How far the local clock is from the authority's, in milliseconds (its time less ours): a stamp
 * over random bytes is asked for and thrown away. Errors as of kan_stamp_get. */
int kan_stamp_clock(int64_t *offset_ms, const struct kan_stamp_ask *ask, struct kan_err *err);

/* One call, at most 10 s. reply gets the raw bytes, verified. engine: no answer, so that a second
 * call would fail as well; else what kan_tsp_verify says of the answer. */
int kan_stamp_get(struct kan_buf *reply, struct kan_custody *c, const struct kan_stamp_ask *ask,
		  struct kan_bytes message, struct kan_bytes request, struct kan_err *err);
/*
 * The seal's stamp. One that is there is enough; a request that waits there is sent as it is. Not
 * answered is no failure: *why says it, and *out what is there. -1: our own storage.
 */
int kan_stamp_seal(enum kan_stamp *out, struct kan_custody *c, int bag,
		   const struct kan_stamp_ask *ask, struct kan_err *why, struct kan_err *err);
int kan_stamp_bundle(enum kan_stamp *out, struct kan_custody *c, const char *bundle_dir,
		     const struct kan_stamp_ask *ask, struct kan_err *why, struct kan_err *err);
/* Replies that a crash cut short are taken away; their requests wait again. Of a bundle that is
 * ours. */
void kan_stamp_mend(int bag);
/* Of a commit's own bytes, as `git cat-file commit` gives them. Nothing is stored. */
int kan_stamp_commit(struct kan_buf *reply, struct kan_custody *c, const char *commit,
		     const struct kan_stamp_ask *ask, struct kan_err *err);

#endif
