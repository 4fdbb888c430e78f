/* The LFS object store of a repository: lfs/objects/ab/cd/<sha256>, mode 0400. */
#ifndef KAN_CUSTODY_LFS_H
#define KAN_CUSTODY_LFS_H

#include "base/digest.h"

#include <kanshiki/err.h>
#include <stdbool.h>

enum { KAN_LFS_PATH = 128 };

void kan_lfs_path(char out[KAN_LFS_PATH], const char *oid); /* below the repository */

struct kan_lfs_object {
	char oid[KAN_SHA256_HEX];
	uint64_t size;
};
/*
 * Store the content of src, a regular file open for reading. want: its digest as sealed evidence
 * says, then it may become a second name of the same inode; NULL: computed, and the content is
 * copied or cloned, because the file's owner may go on writing. An empty file gives size 0 and no
 * object. tamper: the content, or the object that is there already, is not what its digest says.
 */
int kan_lfs_put(struct kan_lfs_object *out, int repo_fd, int src, const char *want,
		struct kan_err *err);
/*
 * The object o of one repository into another: cloned or copied, never a second name of one inode.
 * One that is there already is hashed. -1 tamper: there it has other bytes, or src has.
 */
int kan_lfs_copy(int repo_fd, int src, const struct kan_lfs_object *o, struct kan_err *err);
/* Where it is, opened for reading; errors as kan_files_open. tamper: another size. */
int kan_lfs_open(int *fd, int repo_fd, const struct kan_lfs_object *o, struct kan_err *err);
/* What a crash left in lfs/tmp. Under the repository's lock. */
void kan_lfs_sweep(int repo_fd);
/* Re-hash an object. not-found: missing. tamper: altered. */
int kan_lfs_check(int repo_fd, const struct kan_lfs_object *o, struct kan_err *err);

#endif
