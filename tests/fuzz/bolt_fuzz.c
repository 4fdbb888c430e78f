/* The database of containerd's snapshotter: whatever its pages say, names are text that ends. */
#include <kanshiki/bytes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/snapshots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_snapshots all = {0};
	if (kan_snapshots_read(&all, (struct kan_bytes){data, size}, NULL) < 0)
		return 0;
	for (size_t i = 0; i < all.n; i++) {
		const struct kan_snapshot *s = &all.v[i];
		if (strlen(s->name) >= KAN_SNAPSHOT_NAME ||
		    strlen(s->parent) >= KAN_SNAPSHOT_NAME ||
		    (strncmp(s->name, "moby/", 5) == 0 &&
		     !kan_snapshot_key(&all, kan_snapshot_last(s))))
			abort();
	}
	free(all.v);
	return 0;
}
