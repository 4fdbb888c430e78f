/* Times: what is taken names one instant, and its own form names the same. */
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64], out[KAN_RFC3339];
	int64_t ns = 0, again = 0;
	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (kan_rfc3339_parse(&ns, text, NULL) < 0)
		return 0;
	kan_rfc3339(out, ns);
	if (ns >= 0 && (kan_rfc3339_parse(&again, out, NULL) < 0 || again != ns))
		abort();
	return 0;
}
