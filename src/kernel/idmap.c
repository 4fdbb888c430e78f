/* Three numbers a line: the first id inside, the first outside, how many. */
#include "kernel/idmap.h"

#include <stdlib.h>
#include <string.h>

enum { BASE = 10 };

bool kan_idmap_number(uint32_t *out, const char **at)
{
	char *end = NULL;
	if (**at < '0' || **at > '9')
		return false;
	unsigned long v = strtoul(*at, &end, BASE);
	*out = (uint32_t)v;
	*at = end;
	return v <= UINT32_MAX;
}

/* The next number of a line; false at its end. */
static bool number(uint32_t *out, const char **at)
{
	*at += strspn(*at, " \t");
	return kan_idmap_number(out, at);
}

void kan_idmap_parse(struct kan_idmap *out, struct kan_bytes text)
{
	kan_auto_free char *copy = strndup(text.n ? (const char *)text.p : "", text.n);
	bool moved = false;
	out->n = 0;
	for (const char *at = copy; at && *at && out->n < KAN_IDMAP_LINES;) {
		uint32_t inside = 0, outside = 0, count = 0;
		if (!number(&inside, &at) || !number(&outside, &at) || !number(&count, &at))
			break;
		out->v[out->n].inside = inside;
		out->v[out->n].outside = outside;
		out->v[out->n++].count = count;
		moved |= inside != outside;
		at += strspn(at, " \t\n");
	}
	if (!moved)
		out->n = 0;
}

bool kan_idmap_out(uint64_t *out, const struct kan_idmap *m, uint64_t inside)
{
	for (size_t i = 0; i < m->n; i++)
		if (inside >= m->v[i].inside && inside - m->v[i].inside < m->v[i].count) {
			*out = inside - m->v[i].inside + m->v[i].outside;
			return true;
		}
	*out = inside;
	return m->n == 0;
}

bool kan_idmap_has(const struct kan_idmap *m, uint64_t outside)
{
	for (size_t i = 0; i < m->n; i++)
		if (outside >= m->v[i].outside && outside - m->v[i].outside < m->v[i].count)
			return true;
	return false;
}
