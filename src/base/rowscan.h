/* Inside the reader of rows: the form that we write ourselves. */
#ifndef KAN_BASE_ROWSCAN_H
#define KAN_BASE_ROWSCAN_H

#include <jansson.h>
#include <kanshiki/bytes.h>

enum { KAN_ROW_KEY_MAX = 32 };

/* NULL: not in that form, and nothing is said of whether it is a row. */
json_t *kan_row_scan(struct kan_bytes line);

#endif
