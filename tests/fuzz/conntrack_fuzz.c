/* Dumps of tracked connections: whatever the answer is, the row that it becomes can be read again.
 */
#include "kernel/conntrack.h"

#include "kernel/netlink.h"
#include "row_check.h"

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	static const uint8_t address[] = {172, 17, 0, 2};
	const struct kan_bytes of = {address, sizeof(address)};
	struct kan_row row;
	(void)type;
	(void)arg;
	(void)err;
	kan_row_init(&row);
	kan_row_begin(&row);
	(void)kan_ct_row(&row, payload, NULL);
	(void)kan_ct_has(payload, &of, 1);
	row_is_whole(&row);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kan_bytes all = {data, size};
	(void)kan_netlink_each(all, answer, NULL, NULL);
	(void)answer(0, all, NULL, NULL);
	return 0;
}
