/* The bytes of git that we read ourselves: packed-refs, a ref, commits, trees. */
#include "custody/gitobj.h"
#include "custody/refs.h"

#include <stdlib.h>

static void count(const char *id, struct kan_bytes name, void *arg)
{
	(void)id;
	*(size_t *)arg += name.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};
	kan_auto_gittree struct kan_gitobj_tree t = {0};
	struct kan_bytes text = {data, size};
	char id[KAN_GIT_ID];
	size_t n = 0;

	(void)kan_refs_packed(text, count, &n, NULL);
	(void)kan_refs_id(id, text);
	if (n > size)
		abort();
	if (kan_gitobj_commit_parse(&c, text, NULL) == 0 && c.payload.len > size)
		abort();
	if (kan_gitobj_tree_parse(&t, text, NULL) == 0)
		for (size_t i = 0; i < t.n; i++)
			if (!kan_gitobj_find(&t, t.list[i].name))
				abort();
	return 0;
}
