/* The repository to a remote: objects first, then main, then read back. Nothing here is deleted. */
#ifndef KAN_CUSTODY_PUSH_H
#define KAN_CUSTODY_PUSH_H

#include "custody/remote.h"

#include <kanshiki/custody.h>

struct kan_push_done {
	char tip[KAN_GIT_ID];    /* ours, and main of the remote as it was read back */
	char before[KAN_GIT_ID]; /* main of the remote before, "" for none */
	size_t sent, there;      /* LFS objects sent now, and those it had */
	size_t disposed;         /* objects that are here no more, by signed tombstones */
	uint64_t octets;         /* sent as LFS objects */
};
/*
 * tamper: the repository here is damaged, or main of the remote is not one of our commits (it is
 * ahead, or has another history): nothing was moved. refused: what the remote said,
 * or a remote that only git can reach. After any error the same call goes on where it stopped.
 */
int kan_custody_push(struct kan_push_done *out, struct kan_custody *c, const struct kan_remote *r,
		     struct kan_err *err);

#endif
