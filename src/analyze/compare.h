/* Comparisons: a bundle with its image, with another bundle, and with all of a home. Data only;
 * src/cli prints it. */
#ifndef KAN_ANALYZE_COMPARE_H
#define KAN_ANALYZE_COMPARE_H

#include "analyze/arena.h"
#include "analyze/column.h"
#include "analyze/facts.h"

enum {
	KAN_COMPARE_OCTETS = 160 << 20, /* of what is kept of one comparison */
	KAN_COMPARE_ENTRIES = 400000,   /* lines; what is beyond is counted */
	KAN_COMPARE_GAPS = 20,          /* gaps that are named; all are counted */
};

/* One bundle, ready to be asked. */
struct kan_side {
	const struct kan_source *source; /* borrowed */
	json_t *capture;
	struct kan_cover *cover;
	struct kan_facts *facts;
};
int kan_side_open(struct kan_side **out, const struct kan_source *s, struct kan_err *err);
void kan_side_free(struct kan_side *s);
/* Each row of a kind with its joined columns. 0 when there is no such artefact. */
typedef int kan_side_row_fn(const struct kan_view *v, void *arg, struct kan_err *err);
int kan_side_rows(const struct kan_side *s, const char *kind, kan_side_row_fn *fn, void *arg,
		  struct kan_err *err);
/* Adds to gaps, {collector, what, code, why} each, those of a collector; true when its artefact is
 * there and whole, or the target can have none. artefact NULL: gaps alone. */
bool kan_side_whole(json_t *gaps, uint64_t *n, const struct kan_side *s, const char *collector,
		    const char *artefact);

/* Words of `change`, in the order in which they are told; NULL-terminated. */
extern const char *const kan_change_words[];
enum { KAN_CHANGE_WORDS = 7 };
int kan_change_word(const char *word, size_t n); /* its place, or -1 */

/* What a change did to one fact. before NULL: the image has no such file; after NULL: the container
 * has none. Display text; in the container's own bytes where it is a path or a label. */
struct kan_delta {
	const char *what; /* "size" */
	const char *before, *after;
};
enum { KAN_DELTAS = 20 };

/* A change, as it is listed. Views are of the comparison's arena. */
struct kan_change_line {
	unsigned word;
	bool hidden, explained; /* the engine's list lacks it; the package manager did it */
	const char *how;        /* or NULL */
	struct kan_bytes path, package, verdict, from;
	struct kan_delta *deltas; /* size, mode, owner, then what else differs */
	size_t n_deltas, dir;     /* dir: length of the directory in path */
};

struct kan_compared {
	struct kan_change_line *lines; /* by word, package, directory, name */
	size_t n;
	uint64_t counts[KAN_CHANGE_WORDS], hidden, left_out;
	uint64_t merged;     /* rows of storage without layers: nothing to compare them with */
	uint64_t exported;   /* rows of an export without the engine's list: the same */
	uint64_t layerless;  /* rows of an upper layer whose image is not there: the same */
	uint64_t unread;     /* rows of files whose content was not read on both sides */
	uint64_t strange;    /* rows with another word */
	bool seen;           /* there are rows, or it is known that there are none */
	bool know_engine;    /* its list could be compared */
	json_t *engine_only; /* [{what}]; the first of them */
	uint64_t n_engine_only;
	json_t *gaps;
	uint64_t n_gaps;
	struct kan_arena arena;
};
/* words: bit i for kan_change_words[i]; the others are counted only. */
int kan_compare_image(struct kan_compared **out, const struct kan_side *s, unsigned words,
		      struct kan_err *err);
/* The same; each row of these words goes by as it is read, and lines are kept where that is asked.
 */
struct kan_compare_ask {
	unsigned words;
	bool keep;
	kan_side_row_fn *fn; /* or NULL */
	void *arg;
};
int kan_compare_image_rows(struct kan_compared **out, const struct kan_side *s,
			   const struct kan_compare_ask *ask, struct kan_err *err);
void kan_compared_free(struct kan_compared *c);
/* The facts of one row; strings live in the arena. -1 when it is full. */
int kan_deltas_of(struct kan_delta out[KAN_DELTAS], size_t *n, const struct kan_view *v,
		  struct kan_arena *a);
/* The extended attributes of a side, by name. free() the array alone. */
json_t **kan_xattrs_sorted(size_t *n, const json_t *side);
/* Has it a line of its own on this side, or is it overlay's bookkeeping, and not only alike? */
bool kan_xattr_told_apart(const char *name, const json_t *side);
/* A row with its joined columns as one object: how, package, below.sha256 in their place. Yours. */
json_t *kan_compare_row(const struct kan_view *v);

/*
 * Unified differences of the listed regular files, from before.tar and upper.tar, each read once.
 * out: text for a terminal, escaped; nothing of it before its source was found to be as sealed.
 */
struct kan_texts {
	struct kan_buf text;
	uint64_t shown, left_out; /* left_out: over a limit */
};
enum { KAN_TEXT_FILE = 1 << 20, KAN_TEXT_BEFORE = 64 << 20, KAN_TEXT_OUT = 64 << 20 };
int kan_compare_text(struct kan_texts *out, const struct kan_compared *c,
		     const struct kan_source *s, struct kan_err *err);

#endif
