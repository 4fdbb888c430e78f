/* What every row must be, whatever it was made of: a line that our own reader takes. */
#ifndef KAN_TESTS_ROW_CHECK_H
#define KAN_TESTS_ROW_CHECK_H

#include <stdlib.h>

#include "base/row.h"

/* Ends the row and frees it. */
static inline void row_is_whole(struct kan_row *row)
{
	struct kan_bytes line;
	json_t *read = NULL;
	if (kan_row_end(&line, row, NULL) < 0 ||
	    kan_row_parse(&read, (struct kan_bytes){line.p, line.n - 1}, NULL) < 0)
		abort();
	json_decref(read);
	kan_row_free(row);
}

#endif
