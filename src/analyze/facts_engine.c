/* The engine's own list of what was changed. It may have a million entries, so it is cut into them
 * and never stands in memory as one tree. */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "base/row.h"

#define LIST "data/engine-after/changes.json"

enum { PATH_OCTETS = 512 << 10, ENTRY_OCTETS = 1 << 20, ENTRY_DEPTH = 4 };

static struct kan_bytes skip_blanks(struct kan_bytes v)
{
	while (v.n && memchr(" \t\r\n", v.p[0], 4))
		v = (struct kan_bytes){v.p + 1, v.n - 1};
	return v;
}

/* How long the object is that begins here; 0: none, or it has no end. */
static size_t object_at(struct kan_bytes v)
{
	size_t depth = 0;
	bool text = false;
	if (!v.n || v.p[0] != '{')
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text && c == '{')
			depth++;
		else if (!text && c == '}' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* The engine replaces invalid UTF-8 by U+FFFD; both sides are folded alike before they are
 * compared. */
static bool keep(struct kan_facts *f, const json_t *entry, struct kan_buf *clean)
{
	kan_buf_reset(clean);
	(void)kan_text_clean(clean, kan_bytes_of(kan_json_str(entry, "Path")));
	struct kan_bytes path = kan_buf_bytes(clean);
	struct kan_engine_path *e =
		kan_facts_more(&f->engine, &f->n_engine, KAN_FACTS_ENGINE, sizeof *e);
	if (!e)
		return false;
	e->path = "";
	if (clean->failed || !kan_arena_keep(&f->engine_text, &path))
		return false;
	e->path = (const char *)path.p;
	e->kind = (int)kan_get_int(entry, "Kind", -1);
	f->longest_engine = path.n > f->longest_engine ? path.n : f->longest_engine;
	return true;
}

static bool entries(struct kan_facts *f, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(PATH_OCTETS);
	struct kan_err ignored = {0};
	v = skip_blanks(v);
	if (kan_bytes_starts(v, "null"))
		return skip_blanks((struct kan_bytes){v.p + 4, v.n - 4}).n == 0;
	for (bool first = true;; first = false) {
		/* "[", and behind each entry "," or "]" */
		bool good = v.n && v.p[0] == (first ? '[' : ',');
		if (!first && v.n && v.p[0] == ']')
			return skip_blanks((struct kan_bytes){v.p + 1, v.n - 1}).n == 0;
		v = good ? skip_blanks((struct kan_bytes){v.p + 1, v.n - 1}) : v;
		if (first && good && v.n && v.p[0] == ']')
			return skip_blanks((struct kan_bytes){v.p + 1, v.n - 1}).n == 0;
		size_t n = good ? object_at(v) : 0;
		json_t *one = NULL;
		if (!n || kan_json_parse(&one, (struct kan_bytes){v.p, n}, ENTRY_OCTETS,
					 ENTRY_DEPTH, &ignored) < 0)
			return false;
		good = keep(f, one, &clean);
		json_decref(one);
		if (!good)
			return false;
		v = skip_blanks((struct kan_bytes){v.p + n, v.n - n});
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct kan_engine_path *)a)->path,
		      ((const struct kan_engine_path *)b)->path);
}

bool kan_facts_engine_only(const struct kan_facts *f)
{
	return strcmp(kan_json_str(f->capture, "depth"), "api-only") == 0;
}

int kan_facts_engine_list(struct kan_facts *f, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_FACTS_DOCUMENT);
	struct kan_err why = {0};
	/* With the engine alone to ask, what we have is this very list. */
	if (kan_facts_engine_only(f) || !kan_source_has(f->source, LIST))
		return 0;
	if (kan_source_read(&text, f->source, LIST, &why) < 0 && why.code == KAN_ETAMPER)
		return kan_fail(err, why.code, "%s", why.text);
	f->engine_text.max = KAN_FACTS_DOCUMENT + (16 << 20);
	f->have_engine_list =
		why.code == KAN_OK && entries(f, kan_buf_bytes(&text)) &&
		kan_cover_of(f->cover, f->source, "engine-after", LIST) == KAN_COVER_WHOLE;
	if (f->n_engine)
		qsort(f->engine, f->n_engine, sizeof *f->engine, by_path);
	return 0;
}

struct kan_engine_path *kan_facts_engine(const struct kan_facts *f, const char *path)
{
	struct kan_engine_path key = {.path = path};
	return f->n_engine ? bsearch(&key, f->engine, f->n_engine, sizeof key, by_path) : NULL;
}
