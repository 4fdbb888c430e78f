/* /proc/PID/maps: a pure parser. */
#include "kernel/maps.h"

#include <string.h>

struct cursor {
	const uint8_t *p, *end;
};

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool number(uint64_t *out, struct cursor *c, unsigned base)
{
	uint64_t v = 0;
	const uint8_t *from = c->p;
	for (; c->p < c->end; c->p++) {
		int d = digit(*c->p);
		if (d < 0 || d >= (int)base)
			break;
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	*out = v;
	return c->p > from;
}

static bool skip(struct cursor *c, char want)
{
	if (c->p == c->end || *c->p != (uint8_t)want)
		return false;
	c->p++;
	return true;
}

static bool permissions(struct kan_map *m, struct cursor *c)
{
	if (c->end - c->p < 4)
		return false;
	memcpy(m->perms, c->p, 4);
	m->perms[4] = 0;
	c->p += 4;
	return strspn(m->perms, "rwxps-") == 4;
}

/* 00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon */
static bool parse(struct kan_map *m, struct kan_bytes line)
{
	struct cursor c = {line.p, line.p + line.n};
	uint64_t major = 0, minor = 0;
	if (!number(&m->start, &c, 16) || !skip(&c, '-') || !number(&m->end, &c, 16) ||
	    !skip(&c, ' ') || !permissions(m, &c) || !skip(&c, ' ') ||
	    !number(&m->offset, &c, 16) || !skip(&c, ' ') || !number(&major, &c, 16) ||
	    !skip(&c, ':') || !number(&minor, &c, 16) || !skip(&c, ' ') || !number(&m->ino, &c, 10))
		return false;
	m->major = (unsigned)major;
	m->minor = (unsigned)minor;
	while (skip(&c, ' '))
		;
	m->path = (struct kan_bytes){c.p, (size_t)(c.end - c.p)};
	return true;
}

int kan_maps_each(struct kan_bytes text, kan_map_fn *fn, void *arg, struct kan_err *err)
{
	for (unsigned line = 1; text.n; line++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct kan_map m = {0};
		if (!end) /* cut at a limit, which is told elsewhere */
			return 0;
		if (!parse(&m, (struct kan_bytes){text.p, (size_t)(end - text.p)}))
			return kan_fail(err, KAN_EFORMAT, "maps: line %u is malformed", line);
		int rc = fn(&m, arg, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		text.n -= (size_t)(end + 1 - text.p);
		text.p = end + 1;
	}
	return 0;
}
