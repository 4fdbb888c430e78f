/* The hash-chained record of the acquisition. The conductor is its only writer. bundle.md
 * section 4. */
#ifndef KAN_EVIDENCE_JOURNAL_H
#define KAN_EVIDENCE_JOURNAL_H

#include <kanshiki/err.h>
#include <stdint.h>

struct kan_journal;
struct kan_row;

/* Creates journal.ndjson (O_EXCL), takes flock. After a crash: reopen checks the chain, cuts a torn
 * line, appends its record. */
int kan_journal_new(struct kan_journal **out, int bundle_fd, const char *bundle,
		    struct kan_err *err);
int kan_journal_reopen(struct kan_journal **out, int bundle_fd, const char *bundle,
		       struct kan_err *err);
void kan_journal_free(struct kan_journal *j);
void kan_journal_drop(
	struct kan_journal *j); /* in a child after fork: closes the descriptor, frees */
/*
 * begin gives the row with seq, prev, t_ns, boot_ns and type set; the caller adds its keys; end
 * writes one line with one write(2). Row functions: base/row.h.
 */
struct kan_row *kan_journal_begin(struct kan_journal *j, const char *type);
int kan_journal_end(struct kan_journal *j, struct kan_err *err);
int kan_journal_sync(struct kan_journal *j, struct kan_err *err);

/* The two that everybody needs; they count, and fold into counts after 8 MiB. */
int kan_journal_gap(struct kan_journal *j, const char *collector, const char *what,
		    const char *code, const char *why, struct kan_err *err);
int kan_journal_limit(struct kan_journal *j, const char *collector, const char *what,
		      const char *why, const uint64_t seen_kept_limit[3], struct kan_err *err);
/* Gaps so far; not-applicable not counted. */
unsigned kan_journal_gaps(const struct kan_journal *j);
/* Before the seal: one limit record per collector for what was counted and not listed. */
int kan_journal_fold(struct kan_journal *j, struct kan_err *err);

/* Reopening in two steps, for a caller that looks at the tree in between. Lock: refused when a
 * capture holds it. */
int kan_journal_lock(int *fd, int bundle_fd, struct kan_err *err);
int kan_journal_adopt(struct kan_journal **out, int *fd, const char *bundle,
		      struct kan_err *err); /* takes *fd */

#endif
