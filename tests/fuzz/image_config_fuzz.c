/* The config of an image: whatever it says, the layers it names are digests and nothing else. */
#include "image/layers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_diff_ids ids = {0};
	struct kan_err err = {0};
	char chain[KAN_DIGEST] = "";
	if (kan_diff_ids_read(&ids, (struct kan_bytes){data, size}, &err) < 0)
		return 0;
	for (size_t i = 0; i < ids.n; i++) {
		kan_chain_id(chain, i ? chain : NULL, ids.v[i]);
		if (strncmp(ids.v[i], "sha256:", 7) != 0 ||
		    strspn(ids.v[i] + 7, "0123456789abcdef") != 64 || strlen(chain) != 71)
			abort();
	}
	free(ids.v);
	return 0;
}
