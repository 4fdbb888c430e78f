/* Byte views and capped buffers: what a container controls stays bytes until it is rendered. */
#ifndef KANSHIKI_BYTES_H
#define KANSHIKI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed view. p may be NULL when n is 0. It is not text and not NUL-terminated. */
struct kan_bytes {
	const uint8_t *p;
	size_t n;
};

#define KAN_LIT(s) ((struct kan_bytes){(const uint8_t *)(s), sizeof(s) - 1})
struct kan_bytes kan_bytes_of(const char *s); /* NULL gives the empty view */
bool kan_bytes_eq(struct kan_bytes a, struct kan_bytes b);
bool kan_bytes_starts(struct kan_bytes b, const char *prefix);
/* Order by bytes, as LC_ALL=C sort does. */
int kan_bytes_cmp(struct kan_bytes a, struct kan_bytes b);

/*
 * A buffer that grows up to max and no further. Adding beyond max sets failed, which is sticky:
 * check it once at the end. A NUL follows the data and is not counted in len.
 */
struct kan_buf {
	uint8_t *data;
	size_t len, cap, max;
	bool failed;
};

#define KAN_BUF(maximum) ((struct kan_buf){.max = (maximum)})
void kan_buf_free(struct kan_buf *b);
void kan_buf_reset(struct kan_buf *b); /* empty again; keeps the memory; clears failed */
void kan_buf_add(struct kan_buf *b, const void *p, size_t n);
void kan_buf_adds(struct kan_buf *b, const char *s);
void kan_buf_addb(struct kan_buf *b, struct kan_bytes s);
void kan_buf_addc(struct kan_buf *b, char c);
void kan_buf_addf(struct kan_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct kan_bytes kan_buf_bytes(const struct kan_buf *b);
const char *kan_buf_str(const struct kan_buf *b); /* never NULL; lives until the next change */

/* Owned locals. Initialise where declared; hand over with kan_take_ptr / kan_take_fd. */
void kan_auto_free_fn(void *p);
void kan_auto_close_fn(int *fd);
#define kan_auto_free __attribute__((cleanup(kan_auto_free_fn)))
#define kan_auto_close __attribute__((cleanup(kan_auto_close_fn))) /* int fd, -1 when empty */
#define kan_auto_buf __attribute__((cleanup(kan_buf_free)))
#define kan_take_ptr(p) \
	({ \
		__auto_type kan_taken_ = (p); \
		(p) = NULL; \
		kan_taken_; \
	})
int kan_take_fd(int *fd);

/* Memory that cannot be had ends the process through one place: what was closed stays whole. */
void *kan_xalloc(size_t n);                         /* zeroed; free() it */
void *kan_xrealloc(void *p, size_t n, size_t size); /* overflow-checked array */
char *kan_xstrdup(const char *s);                   /* NULL gives NULL */

#endif
