/* custody anchor: proofs that come after a bundle's commit, an event each. */
#ifndef KAN_CUSTODY_ANCHOR_H
#define KAN_CUSTODY_ANCHOR_H

#include "custody/stamp.h"

/* One thing that was done, or could not be. Borrowed. */
struct kan_anchor_told {
	const char *path;                  /* in the repository, or a bundle's name */
	const struct kan_receipt *receipt; /* of its event; NULL: why */
	const struct kan_err *why;
};
typedef void kan_anchor_fn(const struct kan_anchor_told *told, void *arg);

struct kan_anchor_ask {
	struct kan_stamp_ask tsa;
	const char *case_id; /* the directory's name; NULL: all */
	kan_anchor_fn *fn;
	void *arg;
};
struct kan_anchor_sum {
	unsigned bundles; /* looked at */
	unsigned events;
	unsigned failed;  /* told by fn */
	unsigned waiting; /* seals and commits that have no stamp */
	unsigned absent;  /* of these, seals whose bundle is not in the home: nobody is asked */
};
/*
 * Of each bundle of the chain: its seal's stamp, the proofs that seal/ of the home's copy has and
 * the repository not, the stamp of the commit that brought it. -1: the first authority that does
 * not answer (engine), or our own storage; what was committed until then stays.
 */
int kan_custody_anchor(struct kan_anchor_sum *out, struct kan_custody *c,
		       const struct kan_anchor_ask *ask, const struct kan_act *act,
		       struct kan_err *err);
/* The anchor event of a stamp over the commit that `of` names. */
int kan_anchor_commit(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		      struct kan_bytes stamp, const struct kan_act *act, struct kan_err *err);

#endif
