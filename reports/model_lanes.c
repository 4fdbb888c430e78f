/* The lanes of time: columns of moments in order, a row a class of evidence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/row.h"
#include "reports/pictures.h"

enum { LEFT = 110, TOP = 18, LANE = 26, LANES = 6, TICKS = 6, DATE = 10, CLOCK_AT = 11, CLOCK = 8 };

const char *const kan_lane_names[] = {"image", "engine",  "processes", "files",
				      "logs",  "capture", NULL};

/* Which lane an entry of the timeline is in; -1: none. */
static int lane_of(const json_t *e)
{
	const char *trust = kan_json_str(e, "trust");
	if (strncmp(kan_json_str(e, "desc"), "image", 5) == 0)
		return 0;
	return strcmp(trust, "engine") == 0           ? 1
	       : strcmp(trust, "kernel-process") == 0 ? 2
	       : strcmp(trust, "storage") == 0        ? 3
	       : strcmp(trust, "container-text") == 0 ? 4
	       : strcmp(trust, "host") == 0           ? 5
						      : -1;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The moments of all entries, each once, in order. Yours. */
static int64_t *moments(size_t *n, const json_t *list)
{
	int64_t *v = kan_xalloc((json_array_size(list) + 1) * sizeof *v);
	size_t i = 0, all = 0;
	json_t *e = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, e)
		v[all++] = kan_json_int(e, "time_ns");
	if (all)
		qsort(v, all, sizeof *v, by_number);
	*n = 0;
	for (i = 0; i < all; i++)
		if (*n == 0 || v[*n - 1] != v[i])
			v[(*n)++] = v[i];
	return v;
}

struct scale {
	const int64_t *v;
	size_t n, columns;
};

static size_t column_of(const struct scale *s, int64_t ns)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->v[mid] < ns)
			low = mid + 1;
		else
			high = mid;
	}
	return s->n ? low * s->columns / s->n : 0;
}

static int x_of(const struct scale *s, size_t column)
{
	int room = KAN_PICTURE_WIDTH - LEFT - 2 * TOP;
	return LEFT + TOP + (s->columns > 1 ? room * (int)column / (int)(s->columns - 1) : 0);
}

static void dot(struct kan_lanes *l, int x, int y, int64_t n)
{
	struct kan_dot *d = NULL;
	for (size_t i = 0; i < l->n && !d; i++)
		if (l->dots[i].x == x && l->dots[i].y == y)
			d = &l->dots[i];
	if (!d) {
		d = &l->dots[l->n++];
		*d = (struct kan_dot){.x = x, .y = y};
	}
	d->count++;
	if (n && (!d->n || n < d->n))
		d->n = n;
}

/* At most TICKS of them, the first and the last among them: the time of day, or the day. */
static void ticks(struct kan_lanes *l, const struct scale *s)
{
	char last[KAN_RFC3339] = "";
	size_t step = s->columns > TICKS ? (s->columns - 1) / (TICKS - 1) : 1;
	for (size_t c = 0; c < s->columns; c += step) {
		char when[KAN_RFC3339];
		size_t at = c * s->n / s->columns;
		kan_rfc3339_s(when, s->v[at < s->n ? at : s->n - 1]);
		l->ticks[l->n_ticks].x = x_of(s, c);
		if (strncmp(when, last, DATE) == 0)
			(void)snprintf(l->ticks[l->n_ticks].text, sizeof l->ticks[0].text, "%.*s",
				       CLOCK, when + CLOCK_AT);
		else
			(void)snprintf(l->ticks[l->n_ticks].text, sizeof l->ticks[0].text, "%.*s",
				       DATE, when);
		memcpy(last, when, sizeof last);
		l->n_ticks++;
	}
}

void kan_lanes_make(struct kan_lanes *out, const struct kan_model *m)
{
	const json_t *list = json_object_get(m->doc, "timeline");
	struct scale s = {0};
	size_t i = 0;
	json_t *e = NULL;
	int64_t *v = moments(&s.n, list);
	*out = (struct kan_lanes){.height = 2 * TOP + LANES * LANE};
	s.v = v;
	s.columns = s.n < KAN_LANES_COLUMNS ? s.n : KAN_LANES_COLUMNS;
	out->dots = kan_xalloc((json_array_size(list) + 1) * sizeof *out->dots);
	json_array_foreach ((json_t *)(uintptr_t)list, i, e) {
		int lane = lane_of(e);
		if (lane >= 0)
			dot(out, x_of(&s, column_of(&s, kan_json_int(e, "time_ns"))),
			    TOP + LANE * lane + LANE / 2, kan_json_int(e, "n"));
	}
	if (s.n)
		ticks(out, &s);
	free(v);
}

void kan_lanes_free(struct kan_lanes *l)
{
	free(l->dots);
}
