/* The self-check joined with tier 1: the same processes and connections, or what differs. */
#include "analyze/after.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/object.h"

enum { ITEMS_MAX = 65536, LISTED_MAX = 50, KEY = 200, SAYS = 512 };

/* A process or a connection, and in which of the two lists it is. */
struct item {
	char key[KEY];
	int64_t pid;
	uint64_t starttime;
	bool before, after;
};
struct both {
	struct item *v;
	size_t n;
	bool over;
};

static struct item *more(struct both *b)
{
	struct item *i = kan_facts_more(&b->v, &b->n, ITEMS_MAX, sizeof *i);
	b->over |= !i;
	return i;
}

static void add_process(struct both *b, const json_t *row, bool after)
{
	struct item *i = more(b);
	if (!i)
		return;
	i->pid = kan_get_int(row, "pid", 0);
	i->starttime = (uint64_t)kan_get_int(row, "starttime", 0);
	i->before = !after;
	i->after = after;
	(void)snprintf(i->key, sizeof i->key, "%" PRId64 " %" PRIu64, i->pid, i->starttime);
}

static void add_connection(struct both *b, const json_t *row, bool after)
{
	struct item *i = more(b);
	if (!i)
		return;
	i->before = !after;
	i->after = after;
	(void)snprintf(i->key, sizeof i->key,
		       "%.40s|%" PRId64 "|%.40s|%" PRId64 "|%" PRIu64 "|%" PRIu64,
		       kan_json_str(row, "laddr"), kan_get_int(row, "lport", 0),
		       kan_json_str(row, "raddr"), kan_get_int(row, "rport", 0),
		       kan_get_dec(row, "ino"), kan_get_dec(row, "netns"));
}

static int process_before(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	if (!json_is_true(json_object_get(row, "neighbour")))
		add_process(arg, row, false);
	return 0;
}

static int process_after(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	add_process(arg, row, true);
	return 0;
}

static int connection_before(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	if (strcmp(kan_json_str(row, "proto"), "tcp") == 0 &&
	    strcmp(kan_json_str(row, "state"), "ESTABLISHED") == 0)
		add_connection(arg, row, false);
	return 0;
}

static int connection_after(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	add_connection(arg, row, true);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

/* One item a key. */
static void merge(struct both *b)
{
	size_t n = 0;
	if (b->n)
		qsort(b->v, b->n, sizeof *b->v, by_key);
	for (size_t i = 0; i < b->n; i++) {
		if (n && strcmp(b->v[n - 1].key, b->v[i].key) == 0) {
			b->v[n - 1].before |= b->v[i].before;
			b->v[n - 1].after |= b->v[i].after;
		} else {
			b->v[n++] = b->v[i];
		}
	}
	b->n = n;
}

static json_t *told(const struct item *i)
{
	if (i->pid)
		return json_pack("{s:I,s:I}", "pid", (json_int_t)i->pid, "starttime",
				 (json_int_t)i->starttime);
	json_t *o = json_object();
	kan_auto_free char *copy = kan_xstrdup(i->key);
	char *at = copy;
	const char *laddr = strsep(&at, "|"), *lport = strsep(&at, "|"), *raddr = strsep(&at, "|"),
		   *rport = strsep(&at, "|");
	kan_object_bytes(o, "laddr", kan_bytes_of(laddr ? laddr : ""));
	json_object_set_new(o, "lport", json_integer(lport ? strtoll(lport, NULL, 10) : 0));
	kan_object_bytes(o, "raddr", kan_bytes_of(raddr ? raddr : ""));
	json_object_set_new(o, "rport", json_integer(rport ? strtoll(rport, NULL, 10) : 0));
	return o;
}

/* What is in one list alone. */
static json_t *only(size_t *n, const struct both *b, bool before)
{
	json_t *list = json_array();
	*n = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].before != before || b->v[i].after == before)
			continue;
		if (++*n <= LISTED_MAX)
			json_array_append_new(list, told(&b->v[i]));
	}
	return list;
}

struct side {
	const char *collector, *artefact;
	const char *gap; /* no gap of the collector may name this; "": none at all may be there */
	kan_bundle_row_fn *take;
};
/* What is compared. */
struct subject {
	const char *name, *one, *many;
	struct side before, after;
};

static bool missing(const struct side *s, const struct kan_cover *c)
{
	size_t i = 0;
	json_t *g = NULL;
	json_array_foreach (c->gaps, i, g)
		if (strcmp(kan_json_str(g, "collector"), s->collector) == 0 &&
		    (!*s->gap || strcmp(kan_json_str(g, "what"), s->gap) == 0))
			return true;
	return false;
}

static bool read_side(const struct side *s, struct both *b, const struct kan_facts *f)
{
	struct kan_err ignored = {0};
	return f->capture && !missing(s, f->cover) &&
	       kan_cover_of(f->cover, f->source, s->collector, s->artefact) == KAN_COVER_WHOLE &&
	       kan_source_rows(f->source, s->artefact, s->take, b, &ignored) == 0;
}

static json_t *counted(const struct both *b)
{
	size_t same = 0, gone = 0, fresh = 0;
	json_t *gone_list = only(&gone, b, true), *new_list = only(&fresh, b, false);
	for (size_t i = 0; i < b->n; i++)
		same += b->v[i].before && b->v[i].after;
	return json_pack("{s:b,s:I,s:I,s:I,s:o,s:o}", "compared", 1, "same", (json_int_t)same,
			 "gone", (json_int_t)gone, "new", (json_int_t)fresh, "gone_rows", gone_list,
			 "new_rows", new_list);
}

static json_t *compare(const struct subject *s, const struct kan_facts *f)
{
	struct both b = {0};
	bool whole = read_side(&s->before, &b, f) && read_side(&s->after, &b, f) && !b.over;
	json_t *o = NULL;
	if (whole) {
		merge(&b);
		o = counted(&b);
	} else {
		o = json_pack("{s:b}", "compared", 0);
	}
	free(b.v);
	return o;
}

/* "3 processes", "1 connection". */
static void amount(struct kan_buf *out, int64_t n, const struct subject *s)
{
	kan_buf_addf(out, "%" PRId64 " %s", n, n == 1 ? s->one : s->many);
}

/* What is said of both, by what came out. */
struct words {
	struct kan_buf differs, same, unknown;
};

static void say(struct words *w, const struct subject *s, const json_t *o)
{
	int64_t same = kan_get_int(o, "same", 0), gone = kan_get_int(o, "gone", 0),
		fresh = kan_get_int(o, "new", 0);
	if (!json_is_true(json_object_get(o, "compared"))) {
		kan_buf_addf(&w->unknown, "%s%s",
			     w->unknown.len ? ", " : "not compared: ", s->many);
	} else if (!gone && !fresh) {
		kan_buf_adds(&w->same, w->same.len ? " and " : "the same ");
		amount(&w->same, same, s);
	} else {
		kan_buf_addf(&w->differs, "%s%s %" PRId64 " same",
			     w->differs.len ? "; " : "differs: ", s->many, same);
		if (gone)
			kan_buf_addf(&w->differs, ", %" PRId64 " gone", gone);
		if (fresh)
			kan_buf_addf(&w->differs, ", %" PRId64 " new", fresh);
	}
}

static json_t *joined(struct words *w)
{
	struct kan_buf *const all[] = {&w->differs, &w->same, &w->unknown};
	kan_auto_buf struct kan_buf text = KAN_BUF(3 * SAYS);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i]->len)
			kan_buf_addf(&text, "%s%s", text.len ? "; " : "", kan_buf_str(all[i]));
		kan_buf_free(all[i]);
	}
	return json_string(kan_buf_str(&text));
}

json_t *kan_after(const struct kan_facts *f)
{
	static const struct subject subjects[] = {
		{"processes",
		 "process",
		 "processes",
		 {"processes", "data/processes/processes.ndjson", "members", process_before},
		 {"engine-after", "data/engine-after/members.ndjson", "engine-after",
		  process_after}},
		{"connections",
		 "connection",
		 "connections",
		 {"network", "data/network/sockets.ndjson", "", connection_before},
		 {"engine-after", "data/engine-after/connections.ndjson", "engine-after",
		  connection_after}},
	};
	struct words w = {KAN_BUF(SAYS), KAN_BUF(SAYS), KAN_BUF(SAYS)};
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		json_t *one = compare(&subjects[i], f);
		say(&w, &subjects[i], one);
		json_object_set_new(o, subjects[i].name, one);
	}
	json_object_set_new(o, "says", joined(&w));
	return o;
}
