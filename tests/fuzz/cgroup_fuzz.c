/* cgroup: only a whole component of a path names a container. */
#include "kernel/cgroup.h"

#include <stdlib.h>
#include <string.h>

#define ID "b71dce63f00cf1c912b53acac4cb4e2661985b755d273b87714e74ceac85ce3c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes text = {data, size};
	bool named = kan_cgroup_names(text, ID);
	if (named && !memmem(data, size, ID, sizeof(ID) - 1))
		abort();
	if (kan_cgroup_names(text, ""))
		abort();
	return 0;
}
