/* What the journal of a capture that stopped says: enough for seal --partial to go on from there.
 */
#ifndef KAN_EVIDENCE_PAST_H
#define KAN_EVIDENCE_PAST_H

#include "evidence/journal.h"
#include "evidence/journalread.h"

struct kan_past {
	struct kan_journal_end end;
	json_t *start, *target; /* their records; NULL */
	json_t *seal;           /* the record, when it is the last one and whole */
	json_t *collectors;     /* name: {status, bytes, gaps}; status "" without an end */
	json_t *told;           /* names of collectors whose stop is a gap already */
	json_t *scope, *impact; /* as in capture.json */
	int64_t started_ns;
	bool paused;
};
/* tamper: as kan_journal_read. The views of end die with the text. */
int kan_past_read(struct kan_past *out, struct kan_bytes journal, struct kan_err *err);
void kan_past_free(struct kan_past *p);
/* A gap for each collector without an end. */
int kan_past_tell(const struct kan_past *p, struct kan_journal *j, struct kan_err *err);
/* capture.json as far as the journal knows. Yours. */
json_t *kan_past_document(const struct kan_past *p, const char *bundle);

#endif
