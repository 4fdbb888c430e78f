/* Files that somebody else may have put there: opened only when regular, and never through a link.
 */
#ifndef KAN_CUSTODY_FILES_H
#define KAN_CUSTODY_FILES_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

/*
 * Open for reading below dirfd. not-found: missing. tamper: a link on the way, or no regular file.
 * The type is asked before the real open, so a FIFO or device is never opened.
 */
int kan_files_open(int *fd, uint64_t *size, int dirfd, const char *path, struct kan_err *err);
/* The same, whole content, capped by out->max (tamper: the format has no such large file). */
int kan_files_read(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err);

/* Regular files below dirfd, sorted, as paths; links and special files are tamper. */
struct kan_files_list {
	char **path;
	size_t n;
};
void kan_files_free(struct kan_files_list *l);
#define kan_auto_files __attribute__((cleanup(kan_files_free)))
int kan_files_list(struct kan_files_list *out, int dirfd, struct kan_err *err);

/* Remove what a crash left: files of a directory with this prefix and at least this age. */
void kan_files_sweep(int dirfd, const char *dir, const char *prefix, time_t min_age_s);

#endif
