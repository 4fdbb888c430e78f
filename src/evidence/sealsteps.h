/* The steps of a seal, for kan_seal and for what finishes a crashed one. bundle.md section 5. */
#ifndef KAN_EVIDENCE_SEALSTEPS_H
#define KAN_EVIDENCE_SEALSTEPS_H

#include "evidence/baginfo.h"
#include "evidence/payload.h"
#include "evidence/seal.h"

struct kan_sealing {
	int parent_fd, dir_fd;
	const char *bundle; /* final name */
	struct kan_journal *journal;
	json_t *capture;
	bool rehash;
	struct kan_baginfo
		info; /* the caller fills case, host, container, date, partial and reason */
	struct kan_payload payload;
};
/* date, agent and bundle of the labels, and the values of the request, cleaned. */
void kan_seal_labels(struct kan_baginfo *out, const struct kan_seal_request *r);
/* Steps 2 and 3: payload, gaps.ndjson, capture.json, manifest, the journal's seal line. */
int kan_seal_contents(struct kan_sealing *s, struct kan_err *err);
/* What step 3 left, written anew for a seal line that is there already. */
int kan_seal_again(struct kan_sealing *s, struct kan_err *err);
/* Steps 4 to 6: labels, readme, tag manifest; directories synced; bagit.txt last. */
int kan_seal_tags(char seal[65], struct kan_sealing *s, struct kan_err *err);
/* Step 7. */
int kan_seal_rename(const struct kan_sealing *s, struct kan_err *err);
/* lease.json of an orphaned lease becomes a record and goes away; nothing when there is none. */
int kan_seal_fold_lease(bool *folded, int dir_fd, struct kan_journal *j, struct kan_err *err);

#endif
