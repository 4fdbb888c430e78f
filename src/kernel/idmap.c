/* Three numbers a line: the first id inside, the first outside, how many. */
#include "kernel/idmap.h"

#include <stdlib.h>
#include <string.h>

enum { BASE = 10 };

/* The next number of a line; false at its end. */
static bool number(uint64_t *out, const char **at)
{
	char *end = NULL;
	const char *from = *at + strspn(*at, " \t");
	if (*from < '0' || *from > '9')
		return false;
	*out = strtoul(from, &end, BASE);
	*at = end;
	return *out <= UINT32_MAX;
}

void kan_idmap_parse(struct kan_idmap *out, struct kan_bytes map)
{
	kan_auto_free char *text = strndup(map.n ? (const char *)map.p : "", map.n);
	out->n = 0;
	for (const char *at = text; at && *at && out->n < KAN_IDMAP_LINES;) {
		uint64_t inside = 0, outside = 0, count = 0;
		if (!number(&inside, &at) || !number(&outside, &at) || !number(&count, &at))
			return;
		out->v[out->n].inside = inside;
		out->v[out->n].outside = outside;
		out->v[out->n++].count = count;
		at += strspn(at, " \t\n");
	}
}

uint64_t kan_idmap_out(const struct kan_idmap *m, uint64_t inside)
{
	for (size_t i = 0; i < m->n; i++)
		if (inside >= m->v[i].inside && inside - m->v[i].inside < m->v[i].count)
			return m->v[i].outside + (inside - m->v[i].inside);
	return m->n ? UINT64_MAX : inside;
}

bool kan_idmap_has(const struct kan_idmap *m, uint64_t outside)
{
	for (size_t i = 0; i < m->n; i++)
		if (outside >= m->v[i].outside && outside - m->v[i].outside < m->v[i].count)
			return true;
	return false;
}
