/* /proc/sysvipc/{shm,sem,msg}: pure parsers. */
#include "kernel/sysvipc.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_OCTETS = 24 };

const struct kan_sysv_table kan_sysv_tables[KAN_SYSV_KINDS] = {
	[KAN_SYSV_SHM] = {.name = "shm",
			  .fields = {"size", "cpid", "lpid", "nattch", "uid", "gid", "cuid", "cgid",
				     "atime", "dtime", "ctime", "rss", "swap", NULL},
			  .least = 11,
			  .pids = {1, 2},
			  .told = true},
	[KAN_SYSV_SEM] = {.name = "sem",
			  .fields = {"nsems", "uid", "gid", "cuid", "cgid", "otime", "ctime", NULL},
			  .least = 7},
	[KAN_SYSV_MSG] = {.name = "msg",
			  .fields = {"cbytes", "qnum", "lspid", "lrpid", "uid", "gid", "cuid",
				     "cgid", "stime", "rtime", "ctime", NULL},
			  .least = 11,
			  .pids = {2, 3},
			  .told = true},
};

/* One number of a line; false at its end, or where something else stands. */
static bool number(int64_t *out, struct kan_bytes *line, int base)
{
	char text[NUMBER_OCTETS], *end = NULL;
	size_t n = 0;
	while (line->n && *line->p == ' ')
		line->p++, line->n--;
	while (n < line->n && line->p[n] != ' ')
		n++;
	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, line->p, n);
	text[n] = 0;
	/* Sizes may pass 2^63: they wrap, and are cast back. */
	*out = text[0] == '-' ? strtoll(text, &end, base) : (int64_t)strtoull(text, &end, base);
	line->p += n;
	line->n -= n;
	return !*end && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

static bool parse(struct kan_sysv *o, struct kan_bytes line)
{
	const struct kan_sysv_table *t = &kan_sysv_tables[o->kind];
	int64_t key = 0, perms = 0, v = 0;
	if (!number(&key, &line, 10) || !number(&o->id, &line, 10) || !number(&perms, &line, 8))
		return false;
	o->key = (uint32_t)key;
	o->perms = (unsigned)perms;
	while (t->fields[o->n] && number(&v, &line, 10))
		o->v[o->n++] = (uint64_t)v;
	return o->n >= t->least;
}

int kan_sysv_each(struct kan_bytes text, enum kan_sysv_kind kind, kan_sysv_fn *fn, void *arg,
		  struct kan_err *err)
{
	for (unsigned number_of = 1; text.n; number_of++) {
		struct kan_sysv o = {.kind = kind};
		const uint8_t *end = memchr(text.p, '\n', text.n);
		if (!end)
			return 0;
		struct kan_bytes line = {text.p, (size_t)(end - text.p)};
		text.p += line.n + 1;
		text.n -= line.n + 1;
		if (number_of == 1) /* the heading */
			continue;
		if (!parse(&o, line))
			return kan_fail(err, KAN_EFORMAT, "sysvipc/%s: line %u",
					kan_sysv_tables[kind].name, number_of);
		if (fn(&o, arg, err) < 0)
			return -1;
	}
	return 0;
}
