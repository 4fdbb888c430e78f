/* A repository that libgit2 is to open by name: nothing in it leads elsewhere, or holds us. */
#ifndef KAN_CUSTODY_PLAIN_H
#define KAN_CUSTODY_PLAIN_H

#include <kanshiki/err.h>

/*
 * libgit2 and our writes follow links, wait at a FIFO, and read whole what is asked for: a home or
 * a remote that came from somebody else may have any of it. repo_fd: of a bare repository; name is
 * for the message. -1: code, and the path within; io when it cannot be walked.
 * Not below lfs/objects: what is opened there is opened beneath, and checked each time. Not hooks.
 */
int kan_plain_repo(int repo_fd, const char *name, enum kan_code code, struct kan_err *err);

/* Only what libgit2 opens by name when it reads objects alone: the packs. Loose objects are looked
 * at one by one (guard.h). repo_fd as above. */
int kan_plain_packs(int repo_fd, const char *name, struct kan_err *err);

#endif
