/* Files of mounts: into content.tar and files.ndjson, as far as the budgets go. */
#ifndef KAN_IMAGE_MOUNTFILES_H
#define KAN_IMAGE_MOUNTFILES_H

#include <kanshiki/sink.h>

#include "image/entermount.h"
#include "image/mountplan.h"

enum {
	KAN_TMPFS_OCTETS = 256 << 20, /* of all of them together */
	KAN_TMPFS_FILES = 100000,
	KAN_VOLUME_OCTETS = 256 << 20,
	KAN_VOLUMES_OCTETS = 1 << 30,
	KAN_BIND_FILE = 1 << 20,
	KAN_BIND_ENTRIES = 1000,
	KAN_BIND_OCTETS = 16 << 20,
	KAN_ALL_OCTETS = 1 << 30, /* --mounts all without --max-bytes */
};

struct kan_mountfiles;
int kan_mountfiles_open(struct kan_mountfiles **out, struct kan_sink *s, const struct kan_policy *p,
			struct kan_err *err);
int kan_mountfiles_close(uint64_t *items, struct kan_mountfiles *f, struct kan_err *err);
void kan_mountfiles_abandon(struct kan_mountfiles *f);

/* A mount that is being read. act: what is done in the end. */
struct kan_mountread;
/* The reader starts at once. e->fd is taken over. -1: no thread; nothing is taken over. */
int kan_mountread_start(struct kan_mountread **out, struct kan_mountfiles *f,
			const struct kan_planned *m, enum kan_mount_act act, struct kan_entered *e,
			struct kan_err *err);
void kan_mountread_settle(struct kan_mountread *r);
void kan_mountread_free(struct kan_mountread *r); /* NULL allowed; nothing is written */

/* What the row of the mount says. */
struct kan_mounttaken {
	bool copied, frozen, scope;
	char why[128];
};
/* Rows and content; frees r in every case. */
int kan_mountread_take(struct kan_mounttaken *out, struct kan_mountread *r, struct kan_err *err);

#endif
