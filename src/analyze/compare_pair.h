/* Two bundles beside each other, section by section. */
#ifndef KAN_ANALYZE_COMPARE_PAIR_H
#define KAN_ANALYZE_COMPARE_PAIR_H

#include "analyze/compare.h"

enum {
	KAN_PAIR_OCTETS = 48 << 20, /* of what differs, of one side of one section */
	KAN_PAIR_ENTRIES = 1 << 21, /* that are compared, of one side of one section */
	KAN_PAIR_FIELDS = 32,
	KAN_PAIR_VALUES = 8, /* of a list that are shown */
};

struct kan_field {
	const char *name;
	struct kan_bytes a, b; /* p NULL: that side has none */
};

enum kan_pair_where { KAN_PAIR_A, KAN_PAIR_B, KAN_PAIR_BOTH };

/* One difference. Views live during the call. */
struct kan_difference {
	const char *section; /* "files" */
	enum kan_pair_where where;
	struct kan_bytes what;                    /* the container's bytes */
	struct kan_field fields[KAN_PAIR_FIELDS]; /* BOTH: those that differ */
	size_t n_fields;
};
typedef void kan_difference_fn(const struct kan_difference *d, void *arg);

struct kan_pair {
	uint64_t n;   /* differences told */
	json_t *gaps; /* [{side, collector, what, code, why}] */
	uint64_t n_gaps;
};
/*
 * files, mounted files, processes by executable digest and argv, listeners and peers, environment
 * (names; of values only whether they are the same), configuration. The order of rows says nothing.
 * A section that a side lacks is not compared and a gap, unless neither was asked for it.
 */
int kan_compare_pair(struct kan_pair *out, const struct kan_side *a, const struct kan_side *b,
		     kan_difference_fn *fn, void *arg, struct kan_err *err);

/* Inside: one side of one section. A value is fields packed as name, NUL, bytes, NUL. Rows go by
 * twice: as parts of a SHA-256, which say what differs, and of that the words. */
struct kan_pair_tag {
	uint8_t v[16];
};
struct kan_entry_set {
	struct kan_pair_tags {
		struct kan_pair_tag key, value;
	} * tags;
	size_t n_tags;
	const struct kan_pair_tag *wanted; /* sorted keys of the second pass; NULL: the first */
	size_t n_wanted;
	struct kan_pair_entry {
		struct kan_bytes key, value;
	} * v;
	size_t n;
	struct kan_arena arena;
	bool over;
};
struct kan_pair_section {
	const char *name, *collector, *artefact;
	bool set;    /* how often does not count */
	bool secret; /* values are compared, never told */
	int (*collect)(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err);
};
extern const struct kan_pair_section kan_pair_sections[]; /* ends with a NULL name */
void kan_pair_add(struct kan_entry_set *to, struct kan_bytes key, struct kan_bytes value);
/* What of a file is compared. */
void kan_pair_file_fields(struct kan_buf *value, const json_t *row);
void kan_pair_field(struct kan_buf *value, const char *name, struct kan_bytes v);

#endif
