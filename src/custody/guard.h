/* Loose objects are read by us: libgit2's reader of them does not end at each that was cut off. */
#ifndef KAN_CUSTODY_GUARD_H
#define KAN_CUSTODY_GUARD_H

#include <git2.h>

/* From now on odb, whose loose objects are in this directory, has them from here, and none that is
 * cut off, too large, behind a link or no regular file; it owns what is added. As libgit2: 0, or
 * less. */
int kan_git_guard(git_odb *odb, const char *objects);

#endif
