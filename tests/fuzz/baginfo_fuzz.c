/* bag-info.txt: refused, or built again byte for byte; any value is a value of one line. */
#include "evidence/baginfo.h"

#include <stdlib.h>
#include <string.h>

static void any_value(struct kan_bytes v)
{
	struct kan_baginfo i = {.partial = v.n % 2}, back;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	kan_baginfo_value *const values[] = {&i.date, &i.agent,     &i.bundle, &i.case_id,
					     &i.host, &i.container, &i.reason};
	for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++)
		kan_baginfo_set(*values[k], v);
	i.octets = v.n;
	kan_baginfo_build(&out, &i);
	if (kan_baginfo_parse(&back, kan_buf_bytes(&out), NULL) < 0)
		abort();
	if (strcmp(back.host, i.host) != 0 || strlen(i.host) > KAN_BAGINFO_VALUE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_baginfo i;
	struct kan_bytes text = {data, size};
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	any_value(text);
	if (kan_baginfo_parse(&i, text, NULL) < 0)
		return 0;
	kan_baginfo_build(&out, &i);
	if (!kan_bytes_eq(kan_buf_bytes(&out), text))
		abort();
	return 0;
}
