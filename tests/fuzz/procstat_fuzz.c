/* stat, status and fdinfo: views stay inside, counts within their arrays. */
#include <stdlib.h>

#include "kernel/fds.h"
#include "kernel/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes text = {data, size};
	struct kan_proc_stat stat;
	struct kan_proc_status status;
	struct kan_err err = {0};
	int64_t pos = 0;
	int flags = 0;
	if (kan_proc_stat_parse(&stat, text, &err) == 0) {
		if (stat.comm.p < data || stat.comm.p + stat.comm.n > data + size)
			abort();
	} else if (err.code != KAN_EFORMAT) {
		abort();
	}
	if (kan_proc_status_parse(&status, text, NULL) == 0)
		if (status.n_groups > KAN_PROC_GROUPS || status.n_groups > status.groups_seen ||
		    status.n_nspid > KAN_PROC_NSPIDS)
			abort();
	kan_fdinfo_parse(&pos, &flags, text);
	return 0;
}
