/* One escape function per sink. Data reaches a sink through it or not at all. */
#ifndef KAN_BASE_ESCAPE_H
#define KAN_BASE_ESCAPE_H

#include <kanshiki/bytes.h>

void kan_escape_terminal(struct kan_buf *out,
			 struct kan_bytes v); /* C0, C1, DEL, bidi, invalid bytes as \xNN */
void kan_escape_json(struct kan_buf *out,
		     struct kan_bytes v); /* inside a JSON string: C0, DEL, C1, bidi as \uXXXX */
void kan_escape_html(struct kan_buf *out,
		     struct kan_bytes v); /* five characters; control, bidi, invalid as \xNN */
void kan_escape_markdown(
	struct kan_buf *out,
	struct kan_bytes v); /* a code span whose fence is longer than the data's */
void kan_escape_csv(struct kan_buf *out,
		    struct kan_bytes v); /* RFC 4180 quoted; leading = + - @ TAB CR gets ' */
/* Columns of a terminal: wide characters are two, combining ones none. Invalid bytes as their
 * escape. */
size_t kan_columns(struct kan_bytes v);
/* The longest prefix of at most columns columns, then an ellipsis when cut. v must be escaped
 * already. */
void kan_cut_columns(struct kan_buf *out, struct kan_bytes v, size_t columns);

#endif
