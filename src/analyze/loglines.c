/* Lines of the container's log: which files, how much of each, in the order they were written. */
#include "analyze/loglines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/unpack.h"

enum { FILES_MAX = 1024, PATH_OCTETS = 96, DIR_OCTETS = 16 };

struct log_file {
	char path[PATH_OCTETS], dir[DIR_OCTETS];
	uint64_t n, kept, plain; /* plain: octets of what it holds, once it is reached */
	bool packed;
};
struct logs {
	struct log_file *v;
	size_t n;
};

static int on_file(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct logs *l = arg;
	(void)line;
	(void)err;
	if (l->n == FILES_MAX)
		return 0;
	struct log_file f = {.n = (uint64_t)kan_get_int(row, "n", 0),
			     .kept = (uint64_t)kan_get_int(row, "kept", 0),
			     .packed = json_is_true(json_object_get(row, "packed"))};
	(void)snprintf(f.dir, sizeof(f.dir), "%s", kan_json_str(row, "dir"));
	(void)snprintf(f.path, sizeof(f.path), "data/logs/%s/%llu.log%s", f.dir,
		       (unsigned long long)f.n, f.packed ? ".gz" : "");
	l->v = kan_xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = f;
	return 0;
}

/* The newest first. */
static int by_age(const void *a, const void *b)
{
	const struct log_file *x = a, *y = b;
	return (x->n > y->n) - (x->n < y->n);
}

static struct logs logs_of(const struct kan_facts *f)
{
	static const char files[] = "data/logs/files.ndjson";
	struct logs l = {0};
	struct kan_err ignored = {0};
	if (kan_source_has(f->source, files))
		(void)kan_source_rows(f->source, files, on_file, &l, &ignored);
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_age);
	return l;
}

static bool is_known(const struct log_file *f)
{
	return strcmp(f->dir, "json-file") == 0 || strcmp(f->dir, "k8s-file") == 0 ||
	       strcmp(f->dir, "local") == 0 || strcmp(f->dir, "cached") == 0;
}

/* A record of the local driver cannot be found again in the middle of its file. */
static bool by_lines(const struct log_file *f)
{
	return f->dir[0] != 'l' && f->dir[0] != 'c';
}

static int count_piece(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	uint64_t *n = arg;
	(void)err;
	*n += piece.n;
	return 0;
}

/* What a packed rotation holds, to its end and no more than max: it is all or nothing. */
static int unpack(const struct kan_facts *f, const struct log_file *file, uint64_t max,
		  kan_unpack_out_fn *out, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_LOG_PACKED);
	if (kan_source_read(&packed, f->source, file->path, err) < 0)
		return -1;
	return kan_unpack_bytes(kan_buf_bytes(&packed), max, out, arg, err);
}

/* Can it be looked at, with so much left? What was altered is found when it is read. */
static bool fits(struct log_file *file, const struct kan_facts *f, uint64_t left)
{
	struct kan_err why = {0};
	file->plain = file->packed ? 0 : file->kept;
	if (file->packed && unpack(f, file, left, count_piece, &file->plain, &why) < 0)
		return why.code == KAN_ETAMPER;
	return (by_lines(file) && !file->packed) || file->plain <= left;
}

/* How many of the newest files are looked at; *first is how much of the last of them. */
static size_t reach(uint64_t *first, const struct logs *l, const struct kan_facts *f)
{
	uint64_t left = KAN_LOG_READ;
	size_t n = 0;
	*first = 0;
	while (n < l->n && left && is_known(&l->v[n]) && fits(&l->v[n], f, left)) {
		*first = l->v[n].plain < left ? l->v[n].plain : left;
		left -= *first;
		n++;
	}
	return n;
}

/* Who is told. */
struct reader {
	kan_log_line_fn *fn;
	void *arg;
};

struct tail {
	struct kan_buf *text;
	uint64_t skip;
};

static int on_piece(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct tail *t = arg;
	size_t step = t->skip < piece.n ? (size_t)t->skip : piece.n;
	t->skip -= step;
	kan_buf_add(t->text, piece.p + step, piece.n - step);
	return t->text->failed ? kan_fail(err, KAN_ELIMIT, "a log beyond its size") : 0;
}

static bool next(struct kan_log_line *line, struct kan_bytes *left, struct kan_buf *decoded,
		 const struct log_file *f)
{
	if (strcmp(f->dir, "json-file") == 0)
		return kan_log_json(line, left, decoded);
	return strcmp(f->dir, "k8s-file") == 0 ? kan_log_k8s(line, left)
					       : kan_log_local(line, left);
}

/* A file whose begin is left out begins behind its next line's end. */
static void begin(struct kan_bytes *left, const struct log_file *f)
{
	const uint8_t *end = left->n ? memchr(left->p, '\n', left->n) : NULL;
	size_t step = end && by_lines(f) ? (size_t)(end - left->p) + 1 : left->n;
	left->p += step;
	left->n -= step;
}

static int read_file(const struct kan_facts *f, const struct log_file *file, uint64_t part,
		     const struct reader *r, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_LOG_READ + 1),
				    decoded = KAN_BUF(KAN_LOG_LINE);
	struct tail t = {&text, file->plain - part};
	struct kan_log_line line = {.artefact = file->path};
	if (!kan_source_has(f->source, file->path))
		return 0;
	int rc = file->packed ? unpack(f, file, KAN_LOG_READ, on_piece, &t, err)
			      : kan_source_stream(f->source, file->path, on_piece, &t, err);
	if (rc < 0)
		return -1;
	struct kan_bytes left = kan_buf_bytes(&text);
	uint64_t number = 0;
	if (part < file->plain)
		begin(&left, file);
	while (next(&line, &left, &decoded, file)) {
		line.artefact = file->path;
		line.number = ++number;
		if (line.text.n > KAN_LOG_LINE)
			line.text.n = KAN_LOG_LINE;
		if (r->fn(&line, r->arg, err) < 0)
			return -1;
	}
	return 0;
}

int kan_log_lines(const struct kan_facts *f, kan_log_line_fn *fn, void *arg, struct kan_err *err)
{
	struct logs l = logs_of(f);
	uint64_t first = 0;
	size_t n = reach(&first, &l, f);
	const struct reader r = {fn, arg};
	int rc = 0;
	for (size_t i = l.v ? n : 0; i-- > 0 && rc == 0;)
		rc = read_file(f, &l.v[i], i + 1 == n ? first : l.v[i].plain, &r, err);
	free(l.v);
	return rc;
}

uint64_t kan_log_unread(const struct kan_facts *f)
{
	struct logs l = logs_of(f);
	uint64_t first = 0, all = 0, seen = 0;
	size_t n = reach(&first, &l, f);
	for (size_t i = 0; i < l.n; i++) {
		all += l.v[i].kept;
		/* a packed one is seen as a whole, and counts as it lies */
		seen += i + 1 < n || (i + 1 == n && l.v[i].packed) ? l.v[i].kept
			: i + 1 == n                               ? first
								   : 0;
	}
	free(l.v);
	return all - seen;
}

json_t *kan_log_unseen(const struct kan_facts *f)
{
	uint64_t n = kan_log_unread(f);
	char what[96];
	if (!n)
		return NULL;
	(void)snprintf(what, sizeof what, "%llu octets of the older logs", (unsigned long long)n);
	return json_pack("{s:s,s:s,s:s,s:s}", "collector", "logs", "what", what, "code", "limit",
			 "why",
			 "lines are read from the newest, up to a bound; a packed one whole");
}
