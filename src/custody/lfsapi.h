/* git-lfs's batch API (docs/api/batch.md of git-lfs), the basic transfer, upload only. */
#ifndef KAN_CUSTODY_LFSAPI_H
#define KAN_CUSTODY_LFSAPI_H

#include "custody/lfs.h"
#include "custody/remote.h"

#include <stddef.h>

enum {
	KAN_LFSAPI_BATCH = 100,          /* objects asked for at once */
	KAN_LFSAPI_ANSWER_MAX = 4 << 20, /* octets of an answer */
	KAN_LFSAPI_UPLOAD_S = 6 * 3600,  /* one object */
	KAN_LFSAPI_HEADERS = 32,         /* of an action */
};

struct kan_lfsapi_done {
	size_t sent, there; /* objects sent now; those the server had */
	uint64_t octets;    /* sent now */
};
/*
 * Everything of objects that the server does not have is sent to it, each hashed before. -1 with
 * what the server says; tamper: an object here is not what its name says. What was sent stays.
 */
int kan_lfsapi_upload(struct kan_lfsapi_done *done, const struct kan_remote *r, int repo_fd,
		      const struct kan_lfs_object *objects, size_t n, struct kan_err *err);

#endif
