/* A row that a decoder made, read again, and compared with what the test knows. */
#ifndef KAN_TESTS_DECODED_H
#define KAN_TESTS_DECODED_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/row.h"

/* Ends what was begun. Yours: json_decref. */
static inline json_t *decoded(struct kan_row *r)
{
	struct kan_bytes line;
	struct kan_err err = {0};
	json_t *row = NULL;
	cr_assert_eq(kan_row_end(&line, r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_row_parse(&row, (struct kan_bytes){line.p, line.n - 1}, &err), 0, "%s",
		     err.text);
	return row;
}

/* Every key of text has its value in the row. */
static inline void same(const json_t *row, const char *text)
{
	json_error_t e;
	json_t *want = json_loads(text, 0, &e);
	const char *key = NULL;
	json_t *v = NULL;
	cr_assert_not_null(want, "%s", e.text);
	json_object_foreach (want, key, v) {
		char *got = json_dumps(json_object_get(row, key), JSON_ENCODE_ANY);
		cr_assert(json_equal(json_object_get(row, key), v), "%s is %s", key,
			  got ? got : "not there");
		free(got);
	}
	json_decref(want);
}

#endif
