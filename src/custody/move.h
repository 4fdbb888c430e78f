/* What happens to evidence after it was committed: handed over, taken over, its keeping ended. */
#ifndef KAN_CUSTODY_MOVE_H
#define KAN_CUSTODY_MOVE_H

#include "custody/check.h"

#include "base/digest.h"

#define KAN_NS_CUSTODY "kanshiki-custody"
enum { KAN_ACK_LINES_MAX = 4 << 20 };

struct kan_transfer_ask {
	const char *to, *method, *reference; /* all required */
	const char *bundle;                  /* one of the case, or NULL: all of it */
};
/*
 * A transfer event of a case. lines: what the receiver signs, "kanshiki-ack/1 <SHA-256 of the
 * event> <seal>" and LF for each seal, sorted.
 */
int kan_custody_transfer(struct kan_receipt *out, struct kan_buf *lines, struct kan_custody *c,
			 const struct kan_transfer_ask *ask, const struct kan_act *act,
			 struct kan_err *err);
/* Are these lines of that form, sorted, of one event? Calls fn with each seal; -1 stops. */
typedef int kan_ack_fn(const char *seal, void *arg, struct kan_err *err);
int kan_ack_lines(char event[KAN_SHA256_HEX], struct kan_bytes lines, kan_ack_fn *fn, void *arg,
		  struct kan_err *err);
/* The lines of a transfer event with that digest. */
void kan_transfer_lines(struct kan_buf *out, const char *event_sha256, const json_t *event);
/* The receiver's side: an armoured SSHSIG over the lines, namespace kanshiki-custody. */
int kan_custody_ack_sign(struct kan_buf *armour, struct kan_custody *c, struct kan_bytes lines,
			 struct kan_err *err);
/*
 * The giver's side: an ack event of the transfer whose lines this signature is over. tamper: it is
 * over no transfer of this case. refused: allowed_signers does not vouch for its key. done: the
 * key's fingerprint, and whom allowed_signers names for it, "" without such a file.
 */
struct kan_ack_done {
	char fpr[64], principal[256];
};
struct kan_ack_ask {
	const char *by;              /* the receiver, in the giver's words */
	struct kan_bytes armour;     /* what he signed */
	const char *allowed_signers; /* a file, or NULL */
};
int kan_custody_ack(struct kan_receipt *out, struct kan_ack_done *done, struct kan_custody *c,
		    const struct kan_ack_ask *ask, const struct kan_act *act, struct kan_err *err);

struct kan_dispose_ask {
	const char *bundle_dir;   /* the bag in the home, or NULL: it is not here any more */
	const char *const *paths; /* data/..., NULL-terminated */
};
struct kan_dispose_done {
	size_t files, objects; /* removed now: from the bag, from the store */
	size_t shared;         /* objects that stay, because another artefact is the same */
	bool again;            /* the event was there: what a crash left is finished */
};
/*
 * The keeping of these artefacts ends: event, tombstone in the bag's seal/, then the files. act
 * needs purpose and authority. Called again after a crash it finishes.
 */
int kan_custody_dispose(struct kan_receipt *out, struct kan_dispose_done *done,
			struct kan_custody *c, const struct kan_receipt *of,
			const struct kan_dispose_ask *ask, const struct kan_act *act,
			struct kan_err *err);
/* The receipt of the event that brought a bundle of this name: 1 found, 0 not, -1 error. */
int kan_custody_find_bundle(struct kan_receipt *out, struct kan_custody *c, const char *bundle,
			    struct kan_err *err);
/* That verify was run, and what it said: result of kanshiki.verify/1, and counts. */
struct kan_verified {
	const char *result, *why;
	unsigned ok, failed, not_done;
};
int kan_custody_verified(struct kan_receipt *out, struct kan_custody *c,
			 const struct kan_receipt *of, const struct kan_verified *v,
			 const struct kan_act *act, struct kan_err *err);

/* A lock on main that a killed git left: 1 removed, 0 there was none. Only when no git runs there.
 */
int kan_custody_break_lock(struct kan_custody *c, struct kan_err *err);

#endif
