/* /proc/PID/smaps: a pure parser that is fed in pieces, because the text is long and never kept. */
#include "kernel/smaps.h"

#include <string.h>

void kan_smaps_free(struct kan_smaps *s)
{
	kan_buf_free(&s->header);
	kan_buf_free(&s->line);
}

static int hand_over(struct kan_smaps *s, struct kan_err *err)
{
	if (!s->open)
		return 0;
	s->open = false;
	return s->fn(&s->now, s->arg, err);
}

static int keep(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct kan_smaps *s = arg;
	(void)err;
	s->now = (struct kan_smap){.map = *m, .cut = s->cut};
	s->open = true;
	return 0;
}

/* "VmFlags: rd wr mr mw me ac sd": words of two letters. */
static void read_flags(struct kan_smap *m, struct kan_bytes v)
{
	m->flags_known = true;
	for (size_t i = 0; i < v.n;) {
		size_t n = 0;
		while (i + n < v.n && v.p[i + n] != ' ')
			n++;
		m->device |=
			n == 2 && (memcmp(v.p + i, "io", 2) == 0 || memcmp(v.p + i, "pf", 2) == 0);
		i += n + 1;
	}
}

/* Others of the kernel are "Name:" too, and a later one may have more of them. */
static bool fact(struct kan_smaps *s, struct kan_bytes line)
{
	static const char flags[] = "VmFlags:";
	size_t n = sizeof(flags) - 1;
	if (kan_bytes_starts(line, flags))
		read_flags(&s->now, (struct kan_bytes){line.p + n, line.n - n});
	return line.n && line.p[0] >= 'A' && line.p[0] <= 'Z';
}

/* A header begins with the address, a fact with a capital letter. */
static int on_line(struct kan_smaps *s, struct kan_err *err)
{
	struct kan_bytes line = kan_buf_bytes(&s->line);
	if (s->open && fact(s, line))
		return 0;
	if (hand_over(s, err) < 0)
		return -1;
	kan_buf_reset(&s->header);
	kan_buf_addb(&s->header, line);
	kan_buf_addc(&s->header, '\n');
	if (kan_maps_each(kan_buf_bytes(&s->header), keep, s, err) < 0)
		return kan_wrap(err, "smaps");
	return s->open ? 0 : kan_fail(err, KAN_EFORMAT, "smaps: a line that is no mapping");
}

/* One octet is left for the end of the line. */
static void add_part(struct kan_smaps *s, const uint8_t *p, size_t n)
{
	size_t room = KAN_SMAPS_LINE - 1 - s->line.len;
	s->cut |= n > room;
	kan_buf_add(&s->line, p, n < room ? n : room);
}

int kan_smaps_add(struct kan_smaps *s, struct kan_bytes piece, struct kan_err *err)
{
	while (piece.n) {
		const uint8_t *end = memchr(piece.p, '\n', piece.n);
		size_t n = end ? (size_t)(end - piece.p) : piece.n;
		add_part(s, piece.p, n);
		if (!end)
			return 0;
		int rc = on_line(s, err);
		kan_buf_reset(&s->line);
		s->cut = false;
		if (rc < 0)
			return -1;
		piece.p += n + 1;
		piece.n -= n + 1;
	}
	return 0;
}

int kan_smaps_end(struct kan_smaps *s, struct kan_err *err)
{
	return hand_over(s, err);
}
