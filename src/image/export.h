/* An engine's export of a container's tree, as it goes by: members beside what the list of changes
 * says.
 */
#ifndef KAN_IMAGE_EXPORT_H
#define KAN_IMAGE_EXPORT_H

#include "image/changelist.h"
#include "image/layertar.h"

enum {
	KAN_EXPORT_BEHIND = 1 << 20, /* of bytes behind the archive's end */
	KAN_EXPORT_PATH = 4096,
};

/* Views are borrowed for the call. */
struct kan_export_member {
	const struct kan_layer_member *head;
	struct kan_bytes path, name, hardlink; /* "/a/b", "b", "/c/d" */
	unsigned mode;                         /* a hard link has the type of what it names */
	struct kan_listed *listed;             /* or NULL */
	const struct kan_listed *linked; /* what a hard link names, when that was met and listed */
	bool again; /* this name was met before: in a tar the last one counts */
};
struct kan_export_visit {
	/* 0: go on with the content, if there is any; -1: stop. */
	int (*member)(const struct kan_export_member *m, void *arg, struct kan_err *err);
	int (*data)(struct kan_bytes piece, void *arg, struct kan_err *err);
	/* octets: as many came; fewer than its header said when the stream ended in it. */
	int (*end)(const char *sha256, uint64_t octets, void *arg, struct kan_err *err);
	void *arg;
	bool all; /* members that the list does not name, too */
};
struct kan_export;
/* list is borrowed, and marked: what was met, and the digest of its content. */
struct kan_export *kan_export_new(struct kan_changelist *list, const struct kan_export_visit *v);
void kan_export_free(struct kan_export *e);
/* In pieces of any size. -1: format, limit, unsupported, or what the visit said. */
int kan_export_feed(struct kan_export *e, struct kan_bytes piece, struct kan_err *err);
/* No more comes: a member that is open is ended. -1 format: within a member, or there was none. */
int kan_export_finish(struct kan_export *e, struct kan_err *err);
/* Members whose names lead out of the tree, or are too long. */
uint64_t kan_export_bad_names(const struct kan_export *e);

#endif
