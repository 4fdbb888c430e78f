/* LFS pointers, manifest lines, commit messages and event names: one spelling each. */
#include "custody/bag.h"
#include "custody/form.h"

#include <stdlib.h>
#include <string.h>

static void pointer(struct kan_bytes text)
{
	kan_auto_buf struct kan_buf again = KAN_BUF(KAN_FORM_POINTER_MAX);
	char oid[KAN_SHA256_HEX];
	uint64_t octets;

	if (kan_form_pointer_parse(oid, &octets, text, NULL) < 0)
		return;
	kan_form_pointer(&again, oid, octets);
	if (!kan_bytes_eq(kan_buf_bytes(&again), text))
		abort();
}

static void case_name(struct kan_bytes text)
{
	char name[KAN_FORM_CASE];

	kan_form_case(name, text);
	if (!kan_form_case_ok(name))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes text = {data, size}, rest = {data, size};
	char hex[KAN_SHA256_HEX], path[256], type[KAN_FORM_TYPE], case_id[KAN_FORM_CASE];
	char name[64] = "";
	unsigned seq;

	pointer(text);
	case_name(text);
	while (kan_bag_line(hex, path, &rest, NULL) == 1)
		if (!kan_is_sha256_hex(hex) || strchr("./", path[0]) || strstr(path, "/.") ||
		    strstr(path, "//"))
			abort();
	(void)kan_form_message_parse(type, case_id, &seq, text);
	if (size)
		memcpy(name, data, size < sizeof(name) - 1 ? size : sizeof(name) - 1);
	if (kan_form_event_name(&seq, type, name) && !seq)
		abort();
	return 0;
}
