/* libgit2's reader of loose objects does not end at each that was cut off: a look before it. */
#ifndef KAN_CUSTODY_GUARD_H
#define KAN_CUSTODY_GUARD_H

#include <git2.h>

/* From now on odb, whose loose objects are in this directory, reads none that is cut off, too large
 * or no regular file; it owns what is added. As libgit2: 0, or less. */
int kan_git_guard(git_odb *odb, const char *objects);

#endif
