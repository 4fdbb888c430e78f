/* Elements of a JSON array, each parsed by itself: a list of a million paths is never one tree. */
#include "image/changelist.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "image/layername.h"

enum { DEPTH = 4, TIMES = 60000 };

/* What may come next. */
enum state { START, FIRST, ELEMENT, BEHIND, NEXT, WORD, END };

struct kan_changelist {
	enum state state;
	struct kan_buf element; /* or the word null */
	unsigned depth;
	bool string, escape;
	struct kan_buf names, clean, folded;
	struct kan_listed *v;
	size_t n, cap;
	uint64_t bad;
};

struct kan_changelist *kan_changelist_new(void)
{
	struct kan_changelist *l = kan_xalloc(sizeof(*l));
	l->element = KAN_BUF(KAN_CHANGELIST_ELEMENT);
	l->names = KAN_BUF(KAN_CHANGELIST_NAMES);
	l->clean = KAN_BUF(KAN_CHANGELIST_PATH);
	l->folded = KAN_BUF(3 * KAN_CHANGELIST_PATH);
	return l;
}

void kan_changelist_free(struct kan_changelist *l)
{
	if (!l)
		return;
	kan_buf_free(&l->element);
	kan_buf_free(&l->names);
	kan_buf_free(&l->clean);
	kan_buf_free(&l->folded);
	free(l->v);
	free(l);
}

static int add(struct kan_changelist *l, struct kan_bytes path, json_int_t kind,
	       struct kan_err *err)
{
	if (kind < KAN_LISTED_MODIFIED || kind > KAN_LISTED_DELETED ||
	    !kan_layer_path(&l->clean, path) || l->clean.len < 2) {
		l->bad++;
		return 0;
	}
	if (l->n == KAN_CHANGELIST_MAX)
		return kan_fail(err, KAN_ELIMIT, "more than %d changes", KAN_CHANGELIST_MAX);
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		l->v = kan_xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n] = (struct kan_listed){
		.at = l->names.len, .n = (uint32_t)l->clean.len, .kind = (uint8_t)kind, .times = 1};
	kan_buf_addb(&l->names, kan_buf_bytes(&l->clean));
	if (l->names.failed)
		return kan_fail(err, KAN_ELIMIT, "over %d bytes of names", KAN_CHANGELIST_NAMES);
	l->n++;
	return 0;
}

static int element(struct kan_changelist *l, struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, kan_buf_bytes(&l->element), KAN_CHANGELIST_ELEMENT, DEPTH, err) <
	    0)
		return -1;
	const json_t *path = json_object_get(doc, "Path"), *kind = json_object_get(doc, "Kind");
	struct kan_bytes text = {(const uint8_t *)json_string_value(path),
				 json_string_length(path)};
	int rc = 0;
	if (text.p && json_is_integer(kind))
		rc = add(l, text, json_integer_value(kind), err);
	else
		l->bad++;
	json_decref(doc);
	return rc;
}

/* How much of the piece belongs to the element; its end is seen by brackets outside of strings. */
static size_t within(struct kan_changelist *l, struct kan_bytes piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		uint8_t c = piece.p[i];
		if (l->escape)
			l->escape = false;
		else if (c == '"')
			l->string = !l->string;
		else if (l->string)
			l->escape = c == '\\';
		else if (c == '{' || c == '[')
			l->depth++;
		else if ((c == '}' || c == ']') && --l->depth == 0)
			return i + 1;
	}
	return piece.n;
}

static int on_element(struct kan_changelist *l, struct kan_bytes *piece, struct kan_err *err)
{
	struct kan_bytes part = {piece->p, within(l, *piece)};
	kan_buf_addb(&l->element, part);
	piece->p += part.n;
	piece->n -= part.n;
	if (l->element.failed)
		return kan_fail(err, KAN_ELIMIT, "an element over %d bytes",
				KAN_CHANGELIST_ELEMENT);
	if (l->depth)
		return 0;
	l->state = BEHIND;
	return element(l, err);
}

static int begin(struct kan_changelist *l)
{
	kan_buf_reset(&l->element);
	l->depth = 0;
	l->string = l->escape = false;
	l->state = ELEMENT;
	return 1;
}

/* One octet between elements. 1: it is the first of an element. */
static int between(struct kan_changelist *l, uint8_t c, struct kan_err *err)
{
	if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
		return 0;
	if (c == '{' && (l->state == FIRST || l->state == NEXT))
		return begin(l);
	if (c == ',' && l->state == BEHIND)
		l->state = NEXT;
	else if (c == ']' && (l->state == FIRST || l->state == BEHIND))
		l->state = END;
	else if (c == '[' && l->state == START)
		l->state = FIRST;
	else
		return kan_fail(err, KAN_EFORMAT, "the list has 0x%02x where none belongs", c);
	return 0;
}

/* "null": an engine's word for an empty list. */
static int word(struct kan_changelist *l, uint8_t c, struct kan_err *err)
{
	static const char null[] = "null";
	if (c != (uint8_t)null[l->element.len])
		return kan_fail(err, KAN_EFORMAT, "the answer is no list");
	kan_buf_addc(&l->element, (char)c);
	l->state = l->element.len == sizeof(null) - 1 ? END : WORD;
	return 0;
}

int kan_changelist_feed(struct kan_changelist *l, struct kan_bytes piece, struct kan_err *err)
{
	while (piece.n) {
		if (l->state == ELEMENT) {
			if (on_element(l, &piece, err) < 0)
				return -1;
			continue;
		}
		bool null = l->state == WORD || (l->state == START && *piece.p == 'n');
		int rc = null ? word(l, *piece.p, err) : between(l, *piece.p, err);
		if (rc < 0)
			return -1;
		piece.p += rc == 0;
		piece.n -= rc == 0;
	}
	return 0;
}

struct kan_bytes kan_changelist_path(const struct kan_changelist *l, const struct kan_listed *e)
{
	return (struct kan_bytes){l->names.data + e->at, e->n};
}

static int by_path(const void *a, const void *b, void *arg)
{
	return kan_bytes_cmp(kan_changelist_path(arg, a), kan_changelist_path(arg, b));
}

static void merge(struct kan_listed *into, const struct kan_listed *e)
{
	bool gone = into->kind == KAN_LISTED_DELETED, other = e->kind == KAN_LISTED_DELETED;
	into->mixed |= gone != other;
	if (gone && !other)
		into->kind = e->kind;
	if (into->times < TIMES)
		into->times++;
}

static void unite(struct kan_changelist *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (n && by_path(&l->v[n - 1], &l->v[i], l) == 0)
			merge(&l->v[n - 1], &l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

static struct kan_listed *find(struct kan_changelist *l, struct kan_bytes path)
{
	for (size_t low = 0, high = l->n; low < high;) {
		size_t mid = low + (high - low) / 2;
		int c = kan_bytes_cmp(path, kan_changelist_path(l, &l->v[mid]));
		if (c == 0)
			return &l->v[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* An engine lists each directory on the way to a change. */
static void mark_parents(struct kan_changelist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct kan_bytes above = kan_layer_above(kan_changelist_path(l, &l->v[i]));
		struct kan_listed *up = above.n > 1 ? find(l, above) : NULL;
		if (up)
			up->parent = true;
	}
}

int kan_changelist_finish(struct kan_changelist *l, struct kan_err *err)
{
	if (l->n)
		qsort_r(l->v, l->n, sizeof(*l->v), by_path, l);
	unite(l);
	mark_parents(l);
	return l->state == END ? 0 : kan_fail(err, KAN_EFORMAT, "the list ends within");
}

size_t kan_changelist_count(const struct kan_changelist *l)
{
	return l->n;
}

struct kan_listed *kan_changelist_at(struct kan_changelist *l, size_t i)
{
	return &l->v[i];
}

struct kan_listed *kan_changelist_find(struct kan_changelist *l, struct kan_bytes path)
{
	kan_buf_reset(&l->folded);
	return kan_text_utf8(&l->folded, path) ? find(l, path) : find(l, kan_buf_bytes(&l->folded));
}

uint64_t kan_changelist_bad(const struct kan_changelist *l)
{
	return l->bad;
}
