/* Documents: what is taken can be written in the one form, and read again as the same. */
#include "base/row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = NULL, *again = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(16 << 20);
	if (kan_json_parse(&doc, (struct kan_bytes){data, size}, 1 << 20, 32, NULL) < 0)
		return 0;
	if (kan_json_dump(&text, doc, NULL) < 0 ||
	    kan_json_parse(&again, kan_buf_bytes(&text), text.len, 32, NULL) < 0 ||
	    !json_equal(doc, again))
		abort();
	json_decref(doc);
	json_decref(again);
	return 0;
}
