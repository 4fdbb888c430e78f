/* Byte views and capped buffers. */
#include <kanshiki/bytes.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAP = 256 };

struct kan_bytes kan_bytes_of(const char *s)
{
	return (struct kan_bytes){(const uint8_t *)s, s ? strlen(s) : 0};
}

bool kan_bytes_eq(struct kan_bytes a, struct kan_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool kan_bytes_starts(struct kan_bytes b, const char *prefix)
{
	size_t n = strlen(prefix);
	return b.n >= n && (n == 0 || memcmp(b.p, prefix, n) == 0);
}

int kan_bytes_cmp(struct kan_bytes a, struct kan_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

void kan_buf_free(struct kan_buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct kan_buf){.max = b->max};
}

void kan_buf_reset(struct kan_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = 0;
}

static void grow(struct kan_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	while (cap < need + 1)
		cap *= 2;
	b->data = kan_xrealloc(b->data, cap, 1);
	b->cap = cap;
}

void kan_buf_add(struct kan_buf *b, const void *p, size_t n)
{
	size_t len = 0;
	if (b->failed || __builtin_add_overflow(b->len, n, &len) || len > b->max) {
		b->failed = true;
		return;
	}
	if (len + 1 > b->cap)
		grow(b, len);
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len = len;
	b->data[len] = 0;
}

void kan_buf_adds(struct kan_buf *b, const char *s)
{
	kan_buf_add(b, s, strlen(s));
}

void kan_buf_addb(struct kan_buf *b, struct kan_bytes s)
{
	kan_buf_add(b, s.p, s.n);
}

void kan_buf_addc(struct kan_buf *b, char c)
{
	kan_buf_add(b, &c, 1);
}

void kan_buf_addf(struct kan_buf *b, const char *fmt, ...)
{
	char small[512];
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof(small)) {
		kan_buf_add(b, small, (size_t)n);
	} else {
		char *big = kan_xalloc((size_t)n + 1);
		(void)vsnprintf(big, (size_t)n + 1, fmt, again);
		kan_buf_add(b, big, (size_t)n);
		free(big);
	}
	va_end(again);
}

struct kan_bytes kan_buf_bytes(const struct kan_buf *b)
{
	return (struct kan_bytes){b->data, b->len};
}

const char *kan_buf_str(const struct kan_buf *b)
{
	return b->data ? (const char *)b->data : "";
}

void kan_auto_free_fn(void *p)
{
	void **owned = p;
	free(*owned);
}

void kan_auto_close_fn(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* a descriptor that was only read: nothing to lose */
}

int kan_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

static void out_of_memory(void) __attribute__((noreturn));

static void out_of_memory(void)
{
	static const char text[] = "kanshiki: out of memory\n";
	(void)write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

void *kan_xalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *kan_xrealloc(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n ? n : 1, size);
	if (!q)
		out_of_memory();
	return q;
}

char *kan_xstrdup(const char *s)
{
	if (!s)
		return NULL;
	char *copy = strdup(s);
	if (!copy)
		out_of_memory();
	return copy;
}
