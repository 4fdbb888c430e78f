/* Inside changes: the directories on the way down, and one entry with what is below it. */
#ifndef KAN_IMAGE_CHANGES_STATE_H
#define KAN_IMAGE_CHANGES_STATE_H

#include "image/before.h"
#include "image/changes.h"
#include "image/compare.h"
#include "image/overlay.h"

enum {
	KAN_CHANGES_HELD =
		256, /* levels whose lower directories are held; farther ones are looked up again */
	KAN_DELETED_DEPTH = 512, /* of directories below a deleted one */
	KAN_SEEN_OCTETS = 256 << 20,
	KAN_REDIRECT_OCTETS = 64 << 10,
};

/* Why lower names are gone, and what bounds the time: whiteouts share inodes, so their own times
 * tell nothing. */
struct kan_gone {
	const char *by;    /* "whiteout", "xattr-whiteout", "opaque", "type" */
	const char *bound; /* "parent_mtime", "opaque_btime"; or NULL */
	int64_t bound_ns;
	bool frozen;
};

/* A directory of the upper layer on the way down. */
struct kan_changes_level {
	uint64_t id;
	struct kan_view view;   /* merged lower directories; n 0: there is nothing below */
	struct kan_below below; /* keeps their descriptors */
	bool hidden; /* opaque, here or above: lower names that the upper layer lacks are gone */
	int shadow;  /* id of the mount that covers it; 0 */
	struct kan_gone gone;
	int64_t mtime_ns;
	size_t path_len;         /* of the path buffer at this level */
	struct kan_buf seen;     /* hidden only: names met, each with its NUL */
	struct kan_buf redirect; /* where the layers below have it, when it was renamed */
};

/* One entry while it is told. */
struct kan_entry {
	const struct kan_file *f;
	const char *stored;
	struct kan_overlay_marks marks;
	struct kan_below below;
	struct kan_buf link, xattrs; /* of the lower entry */
	char sha256[KAN_SHA256_HEX]; /* of the lower file; "" when it was not read */
	struct kan_file meta; /* a metacopy file as it stands in the row: with the lower's digest */
	uint64_t id;
};

struct kan_changes {
	struct kan_changes_opts o;
	struct kan_stack stack;
	struct kan_rows *rows;
	struct kan_before *before;
	struct kan_changes_level *levels;
	size_t depth, cap;
	uint64_t ids;
	uint64_t others;     /* entries with overlay's words of the other kind */
	struct kan_buf path; /* of the entry, as deep as it is */
	/* A directory waits for its first entry: only then is it known to be a parent. */
	bool waiting;
	struct kan_entry wait;
	struct kan_file wait_file;
	struct kan_buf wait_names;
};

/* Rows. change_row tells one upper entry; deleted tells everything at and below a lower entry that
 * is gone. */
int kan_change_row(struct kan_changes *c, struct kan_entry *e, bool has_children,
		   struct kan_err *err);
int kan_changes_deleted(struct kan_changes *c, uint64_t parent, struct kan_bytes name,
			struct kan_below *below, const struct kan_gone *gone, struct kan_err *err);
/* The names of a hidden level that the upper layer does not have. */
int kan_changes_hidden(struct kan_changes *c, struct kan_changes_level *l, struct kan_err *err);
/* What lies below a directory that is now something else. */
int kan_changes_inside(struct kan_changes *c, uint64_t parent, struct kan_below *below,
		       const struct kan_gone *gone, unsigned depth, struct kan_err *err);

void kan_entry_free(struct kan_entry *e);
/* Link target and attributes of the lower entry, into e. */
void kan_entry_lower_facts(struct kan_changes *c, struct kan_entry *e);
void kan_below_row(struct kan_row *r, const struct kan_changes *c, const struct kan_entry *e);

#endif
