/* Manifests: refused, or built again byte for byte. */
#include "evidence/manifest.h"

#include <stdlib.h>

static void again(struct kan_bytes text, bool payload)
{
	struct kan_manifest m = {0};
	kan_auto_buf struct kan_buf out = KAN_BUF(text.n + 1);
	if (kan_manifest_parse(&m, text, payload, NULL) < 0)
		return;
	kan_manifest_build(&out, &m);
	if (out.failed || !kan_bytes_eq(kan_buf_bytes(&out), text))
		abort();
	for (size_t i = 0; i < m.n; i++)
		if (kan_manifest_find(&m, m.files[i].path) != &m.files[i])
			abort();
	kan_manifest_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	again((struct kan_bytes){data, size}, true);
	again((struct kan_bytes){data, size}, false);
	return 0;
}
