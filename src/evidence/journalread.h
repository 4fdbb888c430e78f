/* Reading the journal: the chain is checked line by line, each record is handed out. */
#ifndef KAN_EVIDENCE_JOURNALREAD_H
#define KAN_EVIDENCE_JOURNALREAD_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_JOURNAL_MAX = 16 << 20,
	KAN_JOURNAL_LIST = 8 << 20 /* gaps beyond are counted, not listed */
};

struct kan_journal_end {
	uint64_t lines;
	char prev[65];         /* what the next line has to carry */
	char bundle[128];      /* of line 1 */
	char last_type[32];    /* of the last record */
	struct kan_bytes torn; /* what follows the last LF; empty when whole */
};
typedef int kan_journal_record_fn(const json_t *record, void *arg, struct kan_err *err);
/* tamper: the chain or the form of a line is broken, the text names the line. fn may be NULL. */
int kan_journal_read(struct kan_journal_end *out, struct kan_bytes text, kan_journal_record_fn *fn,
		     void *arg, struct kan_err *err);

/* The type of a record, "" when it has none; a string value, "" likewise; an integer, 0 likewise.
 */
const char *kan_journal_type(const json_t *record);
const char *kan_journal_text(const json_t *record, const char *key);
uint64_t kan_journal_number(const json_t *record, const char *key);
/* How many gaps this record stands for. */
uint64_t kan_journal_counts(const json_t *record);
/* Object: path to its last artefact record. Yours: json_decref it. */
int kan_journal_artefacts(json_t **out, struct kan_bytes journal, struct kan_err *err);
/* gaps.ndjson: the gap and limit records of a journal. */
int kan_journal_gap_rows(struct kan_buf *out, struct kan_bytes journal, const char *bundle,
			 struct kan_err *err);

#endif
