/* The chain from its end, for who looks for one event of it. */
#ifndef KAN_CUSTODY_NEWEST_H
#define KAN_CUSTODY_NEWEST_H

#include "custody/chain.h"

/*
 * main at one tip. Each event is read where main has it, and has to fit what its own commit says;
 * that nothing on the way there was taken out or changed since is for verify to say.
 */
struct kan_newest;
/* tip "": an empty chain. */
int kan_newest_open(struct kan_newest **out, struct kan_git *g, const char *tip,
		    struct kan_err *err);
void kan_newest_free(struct kan_newest *v);
void kan_newest_auto(struct kan_newest **v);
#define kan_auto_newest __attribute__((cleanup(kan_newest_auto)))

struct kan_newest_ask {
	const char *case_id, *type; /* NULL: any */
	const char *needle;         /* the file of the event has this text in it; NULL: whatever */
	kan_chain_fn *fn;           /* as of kan_chain_each */
	void *arg;
};
/* Each such event, newest first. tamper: a commit that does not carry what it says. */
int kan_newest_each(struct kan_newest *v, const struct kan_newest_ask *ask, struct kan_err *err);
/* The same of the event of one commit, of which is not asked how one gets there from main. */
int kan_newest_one(struct kan_newest *v, const char *commit, const struct kan_newest_ask *ask,
		   struct kan_err *err);

/* Bytes of the events of a case from a number on, as main has them, oldest first. 0 go on, 1 stop
 * (and it is returned), -1 error. */
typedef int kan_newest_fn(struct kan_bytes event, void *arg, struct kan_err *err);
int kan_newest_case(struct kan_newest *v, const char *case_id, unsigned from, kan_newest_fn *fn,
		    void *arg, struct kan_err *err);

#endif
