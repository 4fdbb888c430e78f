/* Dumps of RTNETLINK: whatever the answer is, the row that it becomes can be read again. */
#include "kernel/rtnetlink.h"

#include "kernel/netlink.h"
#include "row_check.h"

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct kan_row row;
	struct kan_err why = {0};
	(void)type;
	(void)err;
	kan_row_init(&row);
	kan_row_begin(&row);
	(void)kan_rt_row(&row, *(enum kan_rt_kind *)arg, payload, &why);
	row_is_whole(&row);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_err err = {0};
	if (size == 0)
		return 0;
	enum kan_rt_kind kind = (enum kan_rt_kind)(*data % KAN_RT_KINDS);
	const struct kan_bytes all = {data + 1, size - 1};
	(void)kan_netlink_each(all, answer, &kind, &err);
	(void)answer(0, all, &kind, &err);
	return 0;
}
