/* What a mount lies over, and which mounts it hides: from the table alone, nothing is touched. */
#ifndef KAN_IMAGE_MOUNTCOVERS_H
#define KAN_IMAGE_MOUNTCOVERS_H

#include <kanshiki/bytes.h>

struct kan_plan;
struct kan_planned;

enum kan_covers {
	KAN_COVERS_UNKNOWN, /* what is below is no mount that the process can see: its root */
	KAN_COVERS_PATH,    /* a file or directory: a mount point exists before the mount */
	KAN_COVERS_PROC,    /* a name of procfs that is no process */
	KAN_COVERS_PROCESS, /* a process's directory in procfs, or something in it */
	KAN_COVERS_MOUNT,   /* the whole of an earlier mount, at the same point */
};
const char *kan_covers_word(enum kan_covers c); /* NULL for unknown */

struct kan_covered {
	const struct kan_planned *on; /* what it is mounted on */
	enum kan_covers what;
	unsigned pid; /* of a process, as that procfs counts them */
	int by;       /* id of the mount that hides this one; 0: none beside it does */
	int first;    /* id of the first mount that this one hides */
	size_t n;     /* how many it hides; one that hides another counts for it */
};

/* When the plan is complete. */
void kan_plan_covers(struct kan_plan *p);
/* The covered path within the file system of the mount that it lies on. */
void kan_covered_path(struct kan_buf *out, const struct kan_planned *m);

#endif
