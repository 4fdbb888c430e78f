/* Lines of a log, as the container and somebody at its files may have made them. */
#include "analyze/loglines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kan_auto_buf struct kan_buf decoded = KAN_BUF(KAN_LOG_LINE);
	struct kan_log_line l = {0};
	struct kan_bytes left = {data, size};
	while (kan_log_json(&l, &left, &decoded))
		if (l.text.n > size)
			__builtin_trap();
	left = (struct kan_bytes){data, size};
	while (kan_log_k8s(&l, &left))
		continue;
	left = (struct kan_bytes){data, size};
	while (kan_log_local(&l, &left))
		if (l.text.n > size)
			__builtin_trap();
	return 0;
}
