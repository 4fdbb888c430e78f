/* Row kinds and their columns: one table for the loader of rules, the joins and docs/rows.md. */
#ifndef KAN_ANALYZE_COLUMN_H
#define KAN_ANALYZE_COLUMN_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_facts;

/* What a column holds. Bytes are the container's own words; hex are digests; the list of any of
 * them is a set. */
enum kan_type { KAN_TYPE_INT, KAN_TYPE_BOOL, KAN_TYPE_WORD, KAN_TYPE_HEX, KAN_TYPE_BYTES };

struct kan_column {
	const char *name; /* dotted: "exe.sha256" */
	enum kan_type type;
	bool list;
	bool speaks; /* words that may hold secrets: masked wherever they are shown */
	bool always; /* collected rows have it: its absence beside a gap is unknown, not absent */
	const char
		*from; /* joined columns: the artefacts it is computed from; NULL: as collected */
	const char *doc;
};

/* Adds the joined columns of one row to extra: a value, nothing (absent), or null (unknown). */
typedef void kan_join_fn(json_t *extra, const json_t *row, const struct kan_facts *f);

/* Rows that are derived from artefacts, one after another, in a fixed order; fn as for collected
 * rows. */
typedef int kan_derive_row_fn(const json_t *row, uint64_t line, void *arg, struct kan_err *err);
typedef int kan_derive_fn(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
			  struct kan_err *err);

struct kan_kind {
	const char *name;      /* "process" */
	const char *collector; /* "processes" */
	const char *artefact;  /* "data/processes/processes.ndjson" */
	const char *trust;     /* evidence class */
	const char *doc;
	const struct kan_column *columns; /* ends with a NULL name */
	const char *const *identity;      /* columns that a finding shows of an object */
	kan_join_fn *join;                /* NULL: nothing is joined */
	kan_derive_fn *derive;            /* NULL: its artefact is rows */
	/* What its source no longer had, as an entry of not_seen[]; yours. NULL: nothing. */
	json_t *(*unseen)(const struct kan_facts *f);
};

/* Evidence classes, from the one that is hardest to forge; unknown ones come last. */
enum { KAN_TRUST_CLASSES = 7 };
unsigned kan_trust_rank(const char *trust);

/* All kinds; ends with a NULL name. */
extern const struct kan_kind kan_kinds[];
const struct kan_kind *kan_kind_find(const char *name);
const struct kan_column *kan_column_find(const struct kan_kind *k, const char *name);

/* One row with its joined columns. Both are borrowed or owned, as the holder says. */
struct kan_view {
	const struct kan_kind *kind;
	json_t *row, *extra;
	uint64_t line;
};

enum kan_known { KAN_ABSENT, KAN_UNKNOWN, KAN_KNOWN };
struct kan_value {
	enum kan_known known;
	const json_t *json; /* the value; an array when the column is a list */
	const json_t *twin; /* its _b64 twin, or NULL */
};
/* gaps: the row's collector has gaps, so that a missing value of an `always` column is unknown. */
struct kan_value kan_value_get(const struct kan_view *v, const struct kan_column *c, bool gaps);
size_t kan_value_count(const struct kan_value *v); /* elements of a list; else 1 */
/* Element i as bytes: text, or its exact bytes; numbers as decimal, bools as words. scratch holds
 * what had to be made. */
struct kan_bytes kan_value_bytes(const struct kan_value *v, size_t i, struct kan_buf *scratch);
/* Element i as an integer; also of a decimal string. */
bool kan_value_int(int64_t *out, const struct kan_value *v, size_t i);

/* docs/rows.md, made from the table. */
void kan_rows_document(struct kan_buf *out);

#endif
