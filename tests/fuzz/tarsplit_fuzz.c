/* A line of tar-split: what is taken stays within its maxima. */
#include "image/tarsplit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_split s;
	struct kan_err err = {0};
	kan_split_init(&s);
	if (kan_split_parse(&s, (struct kan_bytes){data, size}, &err) == 0) {
		bool file = s.type == KAN_SPLIT_FILE;
		if (file ? s.name.len == 0 || (s.size && !s.has_crc) : s.payload.len > size)
			abort();
	} else if (err.code == KAN_OK) {
		abort();
	}
	kan_split_free(&s);
	return 0;
}
