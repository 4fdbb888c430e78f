/* A file of accepted findings: it is refused in a sentence, or each of its entries can be asked. */
#include <stdlib.h>
#include <string.h>

#include "analyze/accepted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_accepted *a = NULL;
	struct kan_err err = {0};
	if (kan_accepted_parse(&a, "f", (struct kan_bytes){data, size}, &err) < 0) {
		if (a || !err.text[0] || err.code != KAN_EUSAGE)
			abort();
		return 0;
	}
	json_t *idle = json_array(), *key = json_pack("[s]", "k");
	const struct kan_acceptable f = {"exe.memfd", key, "", 0};
	const json_t *found = kan_accepted_find(a, &f);
	kan_accepted_idle(idle, a);
	if (json_array_size(idle) > KAN_ACCEPTED_ENTRIES || (found && !json_is_object(found)))
		abort();
	json_decref(idle);
	json_decref(key);
	kan_accepted_free(a);
	return 0;
}
