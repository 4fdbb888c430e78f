/* git's refs read as files: packed-refs, and the one id that a loose ref holds. */
#ifndef KAN_CUSTODY_REFS_H
#define KAN_CUSTODY_REFS_H

#include "custody/git.h"

enum { KAN_REFS_PACKED_MAX = 1 << 20 };

/* "<40 hex>\n" */
bool kan_refs_id(char id[KAN_GIT_ID], struct kan_bytes text);
typedef void kan_refs_fn(const char *id, struct kan_bytes name, void *arg);
/* Each ref of a packed-refs file. Else format. */
int kan_refs_packed(struct kan_bytes text, kan_refs_fn *fn, void *arg, struct kan_err *err);

/* main of the repository at repo_fd, a loose ref before a packed one as in git; "": there is none.
 * tamper: not the id of a commit. */
int kan_refs_main(char tip[KAN_GIT_ID], int repo_fd, struct kan_err *err);

#endif
