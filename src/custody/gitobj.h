/* The bytes of git commits and trees, in the strict forms that this repository has, parsed. */
#ifndef KAN_CUSTODY_GITOBJ_H
#define KAN_CUSTODY_GITOBJ_H

#include "custody/git.h"

/* "Name <e-mail> 1795325599 +0000" */
struct kan_gitobj_person {
	struct kan_bytes name, email;
	int64_t time;
};

/* Views point into payload. */
struct kan_gitobj_commit {
	char tree[KAN_GIT_ID], parent[KAN_GIT_ID]; /* parent "" for the root */
	unsigned parents;
	struct kan_gitobj_person author, committer;
	struct kan_bytes message;
	struct kan_buf sig;     /* gpgsig, its continuation blanks taken away; empty: unsigned */
	struct kan_buf payload; /* the commit without gpgsig: what was signed */
};
void kan_gitobj_commit_free(struct kan_gitobj_commit *c);
#define kan_auto_gitcommit __attribute__((cleanup(kan_gitobj_commit_free)))

/* Headers in git's order and no others, +0000, one gpgsig at most. Else format. */
int kan_gitobj_commit_parse(struct kan_gitobj_commit *out, struct kan_bytes bytes,
			    struct kan_err *err);

struct kan_gitobj_entry {
	char *name;
	char id[KAN_GIT_ID];
	bool dir;
};
struct kan_gitobj_tree {
	struct kan_gitobj_entry *list; /* sorted as git sorts */
	size_t n;
};
void kan_gitobj_tree_free(struct kan_gitobj_tree *t);
#define kan_auto_gittree __attribute__((cleanup(kan_gitobj_tree_free)))

/* Only modes 40000 and 100644, sorted, no name twice, no "." "..", "/" or empty name. Else format.
 */
int kan_gitobj_tree_parse(struct kan_gitobj_tree *out, struct kan_bytes bytes, struct kan_err *err);
/* NULL: not there. */
const struct kan_gitobj_entry *kan_gitobj_find(const struct kan_gitobj_tree *t, const char *name);

/* Reading them from the object store; errors as kan_git_read, and format. */
int kan_gitobj_read_commit(struct kan_gitobj_commit *out, struct kan_git *g, const char *id,
			   struct kan_err *err);
int kan_gitobj_read_tree(struct kan_gitobj_tree *out, struct kan_git *g, const char *id,
			 struct kan_err *err);
/* The entry at a path below a tree: 1 found, 0 not there, -1 error. */
int kan_gitobj_walk(char id[KAN_GIT_ID], bool *dir, struct kan_git *g, const char *tree,
		    const char *path, struct kan_err *err);

#endif
