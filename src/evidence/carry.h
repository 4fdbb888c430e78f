/* A bundle from place to place: one deterministic tar, out and in; a directory, copied. bundle.md
 * section 7. */
#ifndef KAN_EVIDENCE_CARRY_H
#define KAN_EVIDENCE_CARRY_H

#include "base/tar.h"
#include "evidence/tags.h"

enum { KAN_CARRY_BLOCK = 10240, KAN_CARRY_MEMBERS = 21000 };
#define KAN_CARRIED ".import.partial"

/*
 * Every file of a bundle as a pax tar: sorted, seal/ included, mode 0444, owner 0, time 0, padded
 * to KAN_CARRY_BLOCK. The bundle was verified by the caller. name: the bundle's.
 */
int kan_carry_out(int dir_fd, const char *name, kan_tar_out_fn *fn, void *arg, struct kan_err *err);

struct kan_carried {
	char bundle[KAN_BAG_NAME]; /* the directory's name in the tar; "" before the first member */
	int fd;                    /* of <parent>/<bundle>.import.partial, held with flock; or -1 */
};
/*
 * The tar into <parent>/<bundle>.import.partial, bagit.txt last, all of it synced; what is in it is
 * not verified. tamper: a member that no bundle has. io: it has more than the file system's free
 * space less 64 MiB. refused: it is being imported by another process. On -1 what is there stays:
 * kan_carry_drop.
 */
int kan_carry_in(struct kan_carried *out, int parent_fd, kan_tar_in_fn *in, void *arg,
		 struct kan_err *err);
/* The same from a directory: copied, never linked. */
int kan_carry_copy(struct kan_carried *out, int parent_fd, int bag_fd, const char *name,
		   struct kan_err *err);
/* To its name. 1: something of that name is there already; nothing was moved. */
int kan_carry_keep(struct kan_carried *c, int parent_fd, struct kan_err *err);
/* The copy is removed, and its descriptor closed. Nothing of it that is not ours is followed. */
void kan_carry_drop(struct kan_carried *c, int parent_fd);
void kan_carry_close(struct kan_carried *c); /* it stays */
void kan_carry_empty(int dir_fd);            /* a place of ours: everything below it goes */
/* flock on its descriptor. refused: another process has it. */
int kan_carry_hold(struct kan_carried *c, struct kan_err *err);
/* <parent>/<bundle>.import.partial; yours. */
char *kan_carry_path(const struct kan_carried *c, const char *parent);
/* Proofs of copy's seal/ that the bundle's has not, whatever their names, each to a free name of
 * its kind. Both bundles have one seal. */
int kan_carry_proofs(const char *bundle, const char *copy, struct kan_err *err);

/* Files of a bundle's directory, sorted by bytes. */
struct kan_carry_list {
	char **path;
	size_t n;
};
int kan_carry_files(struct kan_carry_list *out, int dir_fd, struct kan_err *err);
void kan_carry_files_free(struct kan_carry_list *l);

#endif
