/* Replies of a time stamp authority, and requests: parsed, and checked over bytes that nobody
 * stamped. */
#include "custody/tsp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kan_bytes all = {data, size};
	/* The message is as long as the input, or the one of the corpus. */
	const struct kan_tsp_ask other = {.message = all};
	const struct kan_tsp_ask corpus = {.message = KAN_LIT("stamped\n")};
	int64_t at = 0;

	if (kan_tsp_request_check(all, all, NULL) == 0 ||
	    kan_tsp_verify(&at, all, &other, NULL) == 0)
		abort();
	(void)kan_tsp_verify(&at, all, &corpus, NULL);
	return 0;
}
