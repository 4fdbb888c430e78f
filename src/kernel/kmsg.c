/* A record of /dev/kmsg: pure parsers. */
#include "kernel/kmsg.h"

#include <string.h>

enum { PID_LAST = 1 << 22 };

/* Decimal digits; false when there are none or too many. */
static bool number(uint64_t *out, struct kan_bytes *v)
{
	uint64_t n = 0;
	size_t i = 0;
	for (; i < v->n && v->p[i] >= '0' && v->p[i] <= '9'; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(v->p[i] - '0'), &n))
			return false;
	v->p += i;
	v->n -= i;
	*out = n;
	return i > 0;
}

static bool field(uint64_t *out, struct kan_bytes *v)
{
	if (!number(out, v) || !v->n || *v->p != ',')
		return false;
	v->p++, v->n--;
	return true;
}

/* "prio,seq,us,flags[,more];text", then a line each of a dictionary that begins with a space. */
int kan_kmsg_parse(struct kan_kmsg *out, struct kan_bytes record, struct kan_err *err)
{
	uint64_t prio = 0;
	struct kan_kmsg m = {0};
	struct kan_bytes v = record;
	if (!field(&prio, &v) || prio > UINT16_MAX || !field(&m.seq, &v) || !field(&m.us, &v))
		return kan_fail(err, KAN_EFORMAT, "kmsg: no numbers");
	const uint8_t *at = v.n ? memchr(v.p, ';', v.n) : NULL;
	if (!at)
		return kan_fail(err, KAN_EFORMAT, "kmsg: no text");
	v.n -= (size_t)(at + 1 - v.p);
	v.p = at + 1;
	const uint8_t *end = v.n ? memchr(v.p, '\n', v.n) : NULL;
	m.text = (struct kan_bytes){v.p, end ? (size_t)(end - v.p) : v.n};
	m.prio = (unsigned)prio;
	*out = m;
	return 0;
}

static bool in_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

/* A pid that stands at at; bracket: then a ']' has to follow. */
static pid_t pid_at(struct kan_bytes text, size_t at, bool bracket)
{
	uint64_t n = 0;
	struct kan_bytes v = {text.p + at, text.n - at};
	if (!number(&n, &v) || n == 0 || n > PID_LAST)
		return 0;
	if (bracket ? v.n == 0 || *v.p != ']' : v.n && in_word(*v.p))
		return 0;
	return (pid_t)n;
}

bool kan_kmsg_pids(struct kan_bytes text, kan_kmsg_pid_fn *fn, void *arg)
{
	static const char key[] = "pid=";
	size_t n = sizeof(key) - 1;
	for (size_t i = 0; i < text.n; i++) {
		pid_t pid = 0;
		if (text.p[i] == '[')
			pid = pid_at(text, i + 1, true);
		else if (text.n - i > n && memcmp(text.p + i, key, n) == 0 &&
			 (i == 0 || !in_word(text.p[i - 1])))
			pid = pid_at(text, i + n, false);
		if (pid && fn(pid, arg))
			return true;
	}
	return false;
}
