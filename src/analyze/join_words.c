/* Joins that take the words of one row apart. */
#include <string.h>

#include "analyze/column.h"
#include "analyze/join.h"
#include "base/row.h"

enum { VALUE_OCTETS = 1 << 20, LIBRARIES = 64 };

/* What a program was called. A zombie and a thread of the kernel have no words; of others their
 * absence is not known to be so. */
void kan_join_argv(json_t *extra, const json_t *row)
{
	const struct kan_value argv = {KAN_KNOWN, json_object_get(row, "argv"),
				       json_object_get(row, "argv_b64")};
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
	if (json_array_size(argv.json) > 0)
		kan_json_set_bytes(extra, "argv0", kan_value_bytes(&argv, 0, &scratch));
	else if (!argv.json && json_object_get(row, "exe"))
		json_object_set_new(extra, "argv0", json_null());
}

static void add_library(json_t *text, json_t *twin, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf b64 = KAN_BUF(VALUE_OCTETS * 2);
	json_t *one = json_object();
	kan_json_set_bytes(one, "v", v);
	kan_base64(&b64, v);
	json_array_append(text, json_object_get(one, "v"));
	json_array_append_new(twin, json_string(kan_buf_str(&b64)));
	json_decref(one);
}

/* The loader takes a list of libraries apart at colons and spaces. */
void kan_join_environ(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const char *name = kan_json_str(row, "name");
	kan_auto_buf struct kan_buf value = KAN_BUF(VALUE_OCTETS);
	struct kan_err ignored = {0};
	(void)f;
	if ((strcmp(name, "LD_PRELOAD") != 0 && strcmp(name, "LD_AUDIT") != 0) ||
	    kan_json_bytes(&value, row, "value", &ignored) < 0)
		return;
	json_t *text = json_array(), *twin = json_array();
	for (size_t at = 0, n = 0; at < value.len && json_array_size(text) < LIBRARIES;
	     at += n + 1) {
		for (n = 0;
		     at + n < value.len && value.data[at + n] != ':' && value.data[at + n] != ' ';)
			n++;
		if (n)
			add_library(text, twin, (struct kan_bytes){value.data + at, n});
	}
	json_object_set_new(extra, "libraries", text);
	json_object_set_new(extra, "libraries_b64", twin);
}
