/* What one commit did to the tree: the files it added, and everything it must not have done. */
#ifndef KAN_CUSTODY_VERIFY_DIFF_H
#define KAN_CUSTODY_VERIFY_DIFF_H

#include "custody/verify.h"

struct kan_verify_added {
	char *path;
	char id[KAN_GIT_ID];
};
struct kan_verify_diff {
	struct kan_verify *v;
	const char *commit;
	struct kan_verify_added *list;
	size_t n;
	size_t trees;
	bool over;  /* more than the format allows, told: the rest was not looked at */
	bool holes; /* a tree could not be read, told: what it added is unknown */
};
void kan_verify_diff_free(struct kan_verify_diff *d);
#define kan_auto_diff __attribute__((cleanup(kan_verify_diff_free)))

/*
 * From the parent's tree ("" for the root) to the commit's. Every object that is new is read, so
 * that its id is checked; a file changed or removed is told as history.
 */
void kan_verify_diff(struct kan_verify_diff *d, const char *before, const char *after);

#endif
