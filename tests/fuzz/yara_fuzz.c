/* What a scanner of YARA rules may say when a file has taken it over: its parent takes whole lines,
 * or nothing. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "analyze/yaraline.h"
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIPE_HOLDS = 60000 };
static const int64_t ten_seconds_ns = 10000000000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	char unboxed[KAN_YARA_UNBOXED] = "";
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf rows = KAN_BUF(1 << 20);
	struct kan_yara_job job = {.limits = kan_yara_defaults};
	struct kan_yara_hearing h = {.job = &job,
				     .rows = &rows,
				     .unboxed = unboxed,
				     .until_ns = kan_boot_ns() + ten_seconds_ns};
	size = size < PIPE_HOLDS ? size : PIPE_HOLDS;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return 0;
	if (write(ends[1], data, size) == (ssize_t)size) {
		(void)close(ends[1]);
		ends[1] = -1;
		enum kan_yara_outcome o = kan_yara_hear(&h, ends[0], &err);
		if (o == KAN_YARA_GO_ON || strlen(unboxed) >= sizeof unboxed ||
		    (rows.len && rows.data[rows.len - 1] != '\n'))
			__builtin_trap();
	}
	if (ends[1] >= 0)
		(void)close(ends[1]);
	(void)close(ends[0]);
	json_decref(h.subject);
	return 0;
}
