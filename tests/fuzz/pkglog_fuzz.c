/* The managers' logs: how it is cut changes nothing of what it says. */
#include "image/pkg_log.h"

#include <stdlib.h>

static bool says(enum kan_pkg_log_of of, struct kan_bytes a, struct kan_bytes b)
{
	struct kan_pkg_log *l = kan_pkg_log_new(of);
	kan_pkg_log_read(l, a);
	kan_pkg_log_read(l, b);
	kan_pkg_log_done(l);
	bool said = kan_pkg_log_says(l, KAN_LIT("p"), KAN_LIT("a"), KAN_LIT("installed"),
				     (struct kan_bytes){0});
	kan_pkg_log_free(l);
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut = size ? data[0] % size : 0;
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		if (says(of, (struct kan_bytes){data, size}, (struct kan_bytes){0}) !=
		    says(of, (struct kan_bytes){data, cut},
			 (struct kan_bytes){data + cut, size - cut}))
			abort();
	return 0;
}
