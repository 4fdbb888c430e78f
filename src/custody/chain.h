/* The chain of events as the repository has it: where it ends, and what happened in it. */
#ifndef KAN_CUSTODY_CHAIN_H
#define KAN_CUSTODY_CHAIN_H

#include "custody/event.h"
#include "custody/form.h"
#include "custody/gitobj.h"

enum { KAN_CHAIN_COMMITS_MAX = 1000000 };

/* What the next event of a case has to continue. tip "" is the empty repository. */
struct kan_chain_end {
	unsigned seq;              /* of the last event, 0 without one */
	char prev[KAN_SHA256_HEX]; /* its digest, 64 zeros without one */
};
int kan_chain_end(struct kan_chain_end *out, struct kan_git *g, const char *tip,
		  const char *case_id, struct kan_err *err);

/* Commit ids from tip to root. free(ids). limit: more than KAN_CHAIN_COMMITS_MAX. */
struct kan_chain_ids {
	char (*id)[KAN_GIT_ID];
	size_t n;
};
int kan_chain_ids(struct kan_chain_ids *out, struct kan_git *g, const char *tip,
		  struct kan_err *err);

/* Does the commit's message say just what the event's bytes are? */
bool kan_chain_fits(const struct kan_gitobj_commit *c, const struct kan_event *e,
		    struct kan_bytes text);

/* One event with its commit. Everything is borrowed for the call. */
struct kan_chain_item {
	const struct kan_event *event;
	const char *commit;
	struct kan_bytes sig; /* armour of the commit's signature */
};
/* 0 go on, 1 stop (the walk returns 1), -1 error. */
typedef int kan_chain_fn(const struct kan_chain_item *item, void *arg, struct kan_err *err);
/* Each event of a case (NULL: all), oldest first. tamper: a commit that does not carry what it
 * says. */
int kan_chain_each(struct kan_git *g, const char *tip, const char *case_id, kan_chain_fn *fn,
		   void *arg, struct kan_err *err);

#endif
