/* Requests that a home has seen, looked up without opening it for writing: no key, no lock, and not
 * more read than the answer takes. */
#ifndef KAN_CUSTODY_SEEN_H
#define KAN_CUSTODY_SEEN_H

#include <kanshiki/custody.h>

#include <limits.h>

/* What is looked at before the reading begins. kan_seen_close it. */
struct kan_seen {
	char repo[PATH_MAX]; /* of the home, resolved */
	struct kan_buf hints;
	const char *request_id; /* borrowed */
};
/* 1: the home has a repository; 0: there is none, or no home; -1 refused: it is not ours alone. */
int kan_seen_open(struct kan_seen *out, const char *home, const char *request_id,
		  struct kan_err *err);
void kan_seen_close(struct kan_seen *s);
#define kan_auto_seen __attribute__((cleanup(kan_seen_close)))

/*
 * The collect event of the request; all: and behind it, oldest first, the others of the request in
 * its case. 1 found, 0 not, -1 error or what fn returned below 0. Reads what may be damaged:
 * whoever calls it bounds its time and memory.
 */
int kan_seen_each(const struct kan_seen *s, bool all, kan_event_fn *fn, void *arg,
		  struct kan_err *err);

/*
 * After the event of a request is in the chain: where it is, for the next who asks. Only a hint:
 * one that is lost costs a walk of the chain, one that does not fit the chain is no answer.
 */
void kan_seen_note(int home_fd, const char *request_id, const char *commit);

#endif
