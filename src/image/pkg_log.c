/* dpkg's own log: "2026-11-26 17:00:01 status installed bash:amd64 5.2-1". */
#include "image/pkg_log.h"

#include <stdlib.h>
#include <string.h>

#include "image/pkg_reader.h"

struct record {
	struct kan_bytes key, state, version; /* one allocation, at key.p */
	size_t order;
};

struct kan_pkg_log {
	struct kan_buf line;
	bool skip; /* the rest of a line that is too long */
	bool cut;  /* records were left out, so that the last one is not known */
	struct record *records;
	size_t n, cap, octets, lines;
};

struct kan_pkg_log *kan_pkg_log_new(void)
{
	struct kan_pkg_log *l = kan_xalloc(sizeof(*l));
	l->line = KAN_BUF(KAN_PKG_LOG_LINE);
	return l;
}

void kan_pkg_log_free(struct kan_pkg_log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		free((void *)(uintptr_t)l->records[i].key.p);
	free(l->records);
	kan_buf_free(&l->line);
	free(l);
}

static int by_key(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int c = kan_bytes_cmp(x->key, y->key);
	return c ? c : (x->order < y->order) - (x->order > y->order);
}

/* The newest record of each package, so that a long log does not fill the table. */
static void squeeze(struct kan_pkg_log *l)
{
	size_t kept = 0;
	if (l->n)
		qsort(l->records, l->n, sizeof(*l->records), by_key);
	for (size_t i = 0; i < l->n; i++) {
		struct record *r = &l->records[i];
		if (kept && kan_bytes_eq(l->records[kept - 1].key, r->key)) {
			l->octets -= r->key.n + r->state.n + r->version.n;
			free((void *)(uintptr_t)r->key.p);
		} else {
			l->records[kept++] = *r;
		}
	}
	l->n = kept;
}

static struct kan_bytes put(uint8_t **at, struct kan_bytes v)
{
	struct kan_bytes copy = {*at, v.n};
	if (v.n)
		memcpy(*at, v.p, v.n);
	*at += v.n;
	return copy;
}

/* Half of the table is free afterwards, or the next squeeze would come too soon. */
static void make_room(struct kan_pkg_log *l)
{
	squeeze(l);
	if (l->n < l->cap / 2)
		return;
	l->cap = l->cap ? l->cap * 2 : 256;
	l->records = kan_xrealloc(l->records, l->cap, sizeof(*l->records));
}

static void add(struct kan_pkg_log *l, struct kan_bytes key, struct kan_bytes state,
		struct kan_bytes version)
{
	size_t octets = key.n + state.n + version.n;
	l->cut |= l->n == KAN_PKG_LOG_PACKAGES || l->octets + octets > KAN_PKG_LOG_OCTETS;
	if (l->cut)
		return;
	if (l->n == l->cap)
		make_room(l);
	uint8_t *at = kan_xalloc(octets + 1);
	struct record r = {.order = l->lines++};
	r.key = put(&at, key);
	r.state = put(&at, state);
	r.version = put(&at, version);
	l->octets += octets;
	l->records[l->n++] = r;
}

static void on_line(struct kan_pkg_log *l, struct kan_bytes line)
{
	struct kan_bytes rest = line;
	(void)kan_pkg_word(&rest); /* day */
	(void)kan_pkg_word(&rest); /* time */
	if (!kan_bytes_eq(kan_pkg_word(&rest), KAN_LIT("status")))
		return;
	struct kan_bytes state = kan_pkg_word(&rest), key = kan_pkg_word(&rest),
			 version = kan_pkg_word(&rest);
	if (key.n == 0 || version.n == 0 || kan_pkg_trim(rest).n)
		return;
	add(l, key, state, version);
}

void kan_pkg_log_read(struct kan_pkg_log *l, struct kan_bytes piece)
{
	while (piece.n) {
		const uint8_t *lf = memchr(piece.p, '\n', piece.n);
		size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
		if (!l->skip)
			kan_buf_addb(&l->line, (struct kan_bytes){piece.p, n});
		l->skip |= l->line.failed;
		if (!lf)
			return;
		if (!l->skip)
			on_line(l, kan_buf_bytes(&l->line));
		kan_buf_reset(&l->line);
		l->skip = false;
		piece = (struct kan_bytes){lf + 1, piece.n - n - 1};
	}
}

void kan_pkg_log_done(struct kan_pkg_log *l)
{
	if (!l->skip && l->line.len)
		on_line(l, kan_buf_bytes(&l->line));
	kan_buf_reset(&l->line);
	squeeze(l);
}

static const struct record *find(const struct kan_pkg_log *l, struct kan_bytes key)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = kan_bytes_cmp(l->records[mid].key, key);
		if (c == 0)
			return &l->records[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool kan_pkg_log_says(const struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		      struct kan_bytes state, struct kan_bytes version)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_PKG_LOG_LINE);
	kan_buf_addb(&key, name);
	kan_buf_addc(&key, ':');
	kan_buf_addb(&key, arch);
	const struct record *r = find(l, kan_buf_bytes(&key));
	if (l->cut || !r || !kan_bytes_eq(r->state, state))
		return false;
	return version.n == 0 || kan_bytes_eq(r->version, version);
}
