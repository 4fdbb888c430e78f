/* Findings that a user has accepted: read from a file, checked, and asked for each finding. */
#ifndef KAN_ANALYZE_ACCEPTED_H
#define KAN_ANALYZE_ACCEPTED_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_ACCEPTED_FILE_MAX = 1 << 20,
	KAN_ACCEPTED_ENTRIES = 1000,
	KAN_ACCEPTED_DAYS = 400, /* from added to expires */
	KAN_ACCEPTED_KEY_MAX = 64 << 10,
};

struct kan_accepted;

/*
 * [{"rule", "key", "image", "reason", "by", "added", "expires"}], all required. key: the values of
 * the finding's key as kan_accepted_value writes them, a text, or a list of texts when there are
 * several. image: the container's image id, or "*". First fault: usage, "file: entry N: reason".
 */
int kan_accepted_parse(struct kan_accepted **out, const char *file, struct kan_bytes text,
		       struct kan_err *err);
int kan_accepted_load(struct kan_accepted **out, const char *path, struct kan_err *err);
void kan_accepted_free(struct kan_accepted *a);

/* One value of a key, in printable ASCII and UTF-8: other bytes and "\" as \xNN, "," of a list's
 * element too. */
void kan_accepted_value(struct kan_buf *out, struct kan_bytes v, bool element);

/* What a finding has to be accepted. */
struct kan_acceptable {
	const char *rule;
	const json_t *key; /* list of texts */
	const char *image; /* "": it is not known, and only "*" fits */
	int64_t captured_ns;
};
/* The entry that accepts it, borrowed; NULL: none does. That it fits is remembered; so it is of one
 * that has expired. */
const json_t *kan_accepted_find(struct kan_accepted *a, const struct kan_acceptable *f);
/* Entries that accept nothing: each with "state", expired (it would have) or unmatched. Adds to
 * list. */
void kan_accepted_idle(json_t *list, const struct kan_accepted *a);

#endif
