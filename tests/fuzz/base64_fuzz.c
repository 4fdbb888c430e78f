/* Base64: what is taken has exactly one spelling. */
#include "base/row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes v = {data, size};
	kan_auto_buf struct kan_buf raw = KAN_BUF(size + 1), text = KAN_BUF(size * 2 + 8),
				    back = KAN_BUF(size + 1);
	if (kan_base64_decode(&raw, v, NULL) == 0) {
		kan_base64(&text, kan_buf_bytes(&raw));
		if (!kan_bytes_eq(kan_buf_bytes(&text), v))
			abort();
	}
	kan_buf_reset(&text);
	kan_base64(&text, v);
	if (kan_base64_decode(&back, kan_buf_bytes(&text), NULL) < 0 ||
	    !kan_bytes_eq(kan_buf_bytes(&back), v))
		abort();
	return 0;
}
