/* A repository that may be anybody's, opened for reading: files alone. */
#ifndef KAN_CUSTODY_LOOKUP_H
#define KAN_CUSTODY_LOOKUP_H

#include "custody/git.h"

/* fn with its objects and the end of main; what it returns. An empty repository: 0. */
typedef int kan_look_fn(struct kan_git *git, const char *tip, const char *case_id, void *arg,
			struct kan_err *err);
int kan_custody_look(const char *repo, const char *case_id, kan_look_fn *fn, void *arg,
		     struct kan_err *err);

#endif
