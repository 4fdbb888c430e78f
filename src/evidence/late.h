/* An artefact that is written in the pause: raw bytes then, its digest after it. */
#ifndef KAN_EVIDENCE_LATE_H
#define KAN_EVIDENCE_LATE_H

#include <kanshiki/sink.h>

/*
 * Of an artefact that is open and empty: what is written goes to the file as it comes, without
 * buffer and digest. Closing reads it back for the digest, when kan_artefact_pieces has not.
 */
void kan_artefact_late(struct kan_artefact *a);
/* Other bytes in the place of some that were written. */
int kan_artefact_patch(struct kan_artefact *a, uint64_t offset, struct kan_bytes v,
		       struct kan_err *err);
/* All of it, in order, once, while the digest is made; nothing may be written after it. -1 of fn
 * (err set): as a failure to write. */
typedef int kan_artefact_piece_fn(struct kan_bytes piece, void *arg, struct kan_err *err);
int kan_artefact_pieces(struct kan_artefact *a, kan_artefact_piece_fn *fn, void *arg,
			struct kan_err *err);

#endif
