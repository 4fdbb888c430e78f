/* main as a remote of somebody else has it, against ours: the one check that sees a history cut
 * short or made anew. */
#include "custody/chain.h"
#include "custody/verify.h"

#include <stdlib.h>
#include <string.h>

/* How many of our commits lie behind that one; -1: it is none of ours. */
static long behind(struct kan_verify *v, const char *id)
{
	struct kan_chain_ids ids = {0};
	long at = -1;

	if (!v->git || !*v->tip || kan_chain_ids(&ids, v->git, v->tip, NULL) < 0)
		return -1;
	for (size_t i = 0; i < ids.n && at < 0; i++)
		if (strcmp(ids.id[i], id) == 0)
			at = (long)i;
	free(ids.id);
	return at;
}

void kan_verify_remote(struct kan_verify *v)
{
	const char *id = v->trust->remote, *name = v->trust->remote_name;
	long n;

	if (!id) {
		kan_verify_skip(v, KAN_VERIFY_REMOTE, "", "no remote was asked: --remote URL");
		return;
	}
	if (!*id) {
		kan_verify_skip(v, KAN_VERIFY_REMOTE, name, "it has no main: nothing was pushed");
		return;
	}
	n = behind(v, id);
	if (n == 0)
		v->anchored = true;
	if (n > 0)
		kan_verify_skip(v, KAN_VERIFY_REMOTE, name,
				"it has main at %s: the last %ld commits here are not pushed", id,
				n);
	else if (n < 0)
		kan_verify_fail(
			v, KAN_VERIFY_REMOTE, KAN_CHECK_ALTERED, name,
			"it has main at %s, which is none of the commits here: it is ahead, "
			"or one of the two was rewritten",
			id);
	kan_verify_done(v, KAN_VERIFY_REMOTE, "main of %s is the one here, %s", name, id);
}
