/* The payload at the time of sealing: what lies below data/, what the journal says of it, and what
 * follows. */
#ifndef KAN_EVIDENCE_PAYLOAD_H
#define KAN_EVIDENCE_PAYLOAD_H

#include "evidence/journal.h"
#include "evidence/manifest.h"

struct kan_payload {
	struct kan_manifest files; /* sorted; digests "" after list, true after settle */
	struct kan_manifest dirs;  /* "data" and below, each after its parent */
	uint64_t octets;
};
void kan_payload_free(struct kan_payload *p);
/* Files and directories below data/. refused: a link, a special file, a bad name. Touches nothing.
 */
int kan_payload_list(struct kan_payload *out, int dir_fd, struct kan_err *err);
/* With no file at all one is written that says so: tools cannot check an empty manifest. */
int kan_payload_never_empty(struct kan_payload *p, int dir_fd, struct kan_journal *j,
			    struct kan_err *err);
/* The digest of each file as it is now; octets likewise. */
int kan_payload_hash(struct kan_payload *p, int dir_fd, struct kan_err *err);
/*
 * Digests from the journal's records; a file without one is hashed and recorded as not whole.
 * rehash (after a crash): every file is hashed, one that is unlike its record is recorded anew with
 * a gap, one that is gone is a gap. Each file is synced. Empty directories are removed.
 */
int kan_payload_settle(struct kan_payload *p, int dir_fd, struct kan_journal *j, bool rehash,
		       struct kan_err *err);

#endif
