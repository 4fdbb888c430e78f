/* Rows: any bytes come back exactly; any line is refused or holds what a row may hold. */
#include "base/row.h"

#include <stdlib.h>
#include <string.h>

static void round_trip(struct kan_bytes v)
{
	struct kan_row r;
	struct kan_bytes line = {0};
	json_t *row = NULL;
	kan_auto_buf struct kan_buf back = KAN_BUF(KAN_ROW_MAX);
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_bytes(&r, "name", v);
	kan_row_argv0(&r, "argv", v);
	kan_row_int(&r, "pid", 7);
	if (kan_row_end(&line, &r, NULL) < 0)
		abort();
	line.n--;
	if (kan_row_parse(&row, line, NULL) < 0 || kan_json_bytes(&back, row, "name", NULL) < 0)
		abort();
	if (!r.cut && !kan_bytes_eq(kan_buf_bytes(&back), v))
		abort();
	const char *text = json_string_value(json_object_get(row, "name"));
	if (!r.cut && kan_bytes_eq(kan_bytes_of(text), v) != !json_object_get(row, "name_b64"))
		abort();
	json_decref(row);
	kan_row_free(&r);
}

/* A row that is accepted is what a parser of all JSON makes of it, whoever read it. */
static void same_row(struct kan_bytes v, const json_t *row)
{
	json_t *other = NULL;
	if (kan_json_parse(&other, v, KAN_ROW_MAX, KAN_ROW_DEPTH, NULL) < 0 ||
	    !json_equal(row, other))
		abort();
	json_decref(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes v = {data, size};
	json_t *row = NULL;
	round_trip(v);
	if (kan_row_parse(&row, v, NULL) == 0) {
		if (!json_is_object(row))
			abort();
		same_row(v, row);
	}
	json_decref(row);
	return 0;
}
