/* Tables of legacy iptables: whatever the entries are, each row that they become can be read again.
 */
#include "kernel/xtables.h"

#include <stdlib.h>
#include <string.h>

#include "row_check.h"

static int rule(const struct kan_xt_rule *one, void *arg, struct kan_err *err)
{
	struct kan_row row;
	(void)arg;
	(void)err;
	kan_row_init(&row);
	kan_row_begin(&row);
	(void)kan_xt_row(&row, one, NULL);
	row_is_whole(&row);
	return 0;
}

/* The family, the kernel's info, the entries. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char names[KAN_XT_TABLES][KAN_XT_NAME];
	struct kan_xt_table t = {.entries = KAN_BUF(KAN_XT_TABLE_MAX)};
	uint64_t bad = 0;
	(void)kan_xt_names(names, (struct kan_bytes){data, size});
	if (size < 1 + sizeof(t.info))
		return 0;
	t.six = *data % 2 != 0;
	memcpy(&t.info, data + 1, sizeof(t.info));
	kan_buf_add(&t.entries, data + 1 + sizeof(t.info), size - 1 - sizeof(t.info));
	if (kan_xt_each(&bad, &t, rule, NULL, NULL) < 0)
		abort();
	kan_xt_free(&t);
	return 0;
}
