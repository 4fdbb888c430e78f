/* Many strings at once: the automaton of Aho and Corasick over sorted strings. States are numbered
 * by depth, so that those of one parent stand side by side. */
#include "kernel/patterns.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 256, PAIRS = 1 << 16 };

struct string {
	const uint8_t *p;
	size_t n, number;
};

struct state {
	uint32_t child;  /* the first of children, which are sorted by their byte */
	uint32_t fail;   /* of the longest suffix that begins a string */
	uint32_t next;   /* of the longest suffix that is a string; 0: none */
	uint32_t string; /* index + 1 of the first sorted string that ends here; 0: none */
	uint16_t children;
	uint8_t byte;
};

struct kan_patterns {
	struct string *strings; /* sorted */
	uint8_t *text;
	size_t n;
	struct state *states;
	uint32_t n_states;
	uint32_t root[BYTES];     /* the child of the root, or the root */
	uint8_t pairs[PAIRS / 8]; /* two bytes that begin a string, or one that is one */
};

/* While states are made: the strings below each, from..to, and how deep it is. */
struct span {
	uint32_t from, to, depth;
};

static int by_bytes(const void *a, const void *b)
{
	const struct string *x = a, *y = b;
	int order = kan_bytes_cmp((struct kan_bytes){x->p, x->n}, (struct kan_bytes){y->p, y->n});
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static size_t copy_strings(struct kan_patterns *p, const struct kan_bytes *strings, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += strings[i].n;
	p->text = kan_xalloc(total + 1);
	p->strings = kan_xalloc((n + 1) * sizeof(*p->strings));
	p->n = n;
	uint8_t *to = p->text;
	for (size_t i = 0; i < n; i++) {
		memcpy(to, strings[i].p, strings[i].n);
		p->strings[i] = (struct string){to, strings[i].n, i};
		to += strings[i].n;
	}
	qsort(p->strings, n, sizeof(*p->strings), by_bytes);
	return total;
}

/* Those that end at this depth stand first, as they are the beginning of the others. */
static void grow(struct kan_patterns *p, struct span *spans, uint32_t s)
{
	struct span at = spans[s];
	struct state *st = &p->states[s];
	uint32_t i = at.from;
	while (i < at.to && p->strings[i].n == at.depth)
		i++;
	st->string = i > at.from && at.depth ? at.from + 1 : 0;
	st->child = p->n_states;
	while (i < at.to) {
		uint8_t byte = p->strings[i].p[at.depth];
		uint32_t from = i;
		while (i < at.to && p->strings[i].p[at.depth] == byte)
			i++;
		spans[p->n_states] = (struct span){from, i, at.depth + 1};
		p->states[p->n_states++].byte = byte;
		st->children++;
	}
}

/* 0: there is none. The root is nobody's child. */
static uint32_t child(const struct kan_patterns *p, uint32_t s, uint8_t byte)
{
	if (s == 0)
		return p->root[byte];
	uint32_t low = p->states[s].child, high = low + p->states[s].children;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (p->states[mid].byte == byte)
			return mid;
		if (p->states[mid].byte < byte)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

static uint32_t step(const struct kan_patterns *p, uint32_t s, uint8_t byte)
{
	for (;;) {
		uint32_t next = child(p, s, byte);
		if (next || s == 0)
			return next;
		s = p->states[s].fail;
	}
}

/* In the order of depth: what is shorter is linked before. */
static void link_states(struct kan_patterns *p)
{
	for (uint32_t s = 0; s < p->n_states; s++) {
		const struct state *st = &p->states[s];
		for (uint32_t c = st->child; c < st->child + st->children; c++) {
			struct state *to = &p->states[c];
			to->fail = s ? step(p, st->fail, to->byte) : 0;
			to->next = p->states[to->fail].string ? to->fail : p->states[to->fail].next;
		}
	}
}

static void note_pairs(struct kan_patterns *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct string *s = &p->strings[i];
		unsigned first = s->p[0], low = s->n > 1 ? s->p[1] : 0,
			 high = s->n > 1 ? s->p[1] : BYTES - 1;
		for (unsigned second = low; second <= high; second++) {
			unsigned pair = first << 8 | second;
			p->pairs[pair / 8] |= (uint8_t)(1U << pair % 8);
		}
	}
}

struct kan_patterns *kan_patterns_new(const struct kan_bytes *strings, size_t n)
{
	struct kan_patterns *p = kan_xalloc(sizeof(*p));
	size_t total = copy_strings(p, strings, n);
	kan_auto_free struct span *spans = kan_xalloc((total + 1) * sizeof(*spans));
	p->states = kan_xalloc((total + 1) * sizeof(*p->states));
	p->n_states = 1;
	spans[0] = (struct span){0, (uint32_t)n, 0};
	for (uint32_t s = 0; s < p->n_states; s++)
		grow(p, spans, s);
	for (uint32_t c = 1; c < 1U + p->states[0].children; c++)
		p->root[p->states[c].byte] = c;
	link_states(p);
	note_pairs(p);
	return p;
}

void kan_patterns_free(struct kan_patterns *p)
{
	if (!p)
		return;
	free(p->strings);
	free(p->text);
	free(p->states);
	free(p);
}

static void tell(const struct kan_patterns *p, uint32_t s, uint64_t end, kan_patterns_fn *fn,
		 void *arg)
{
	for (s = p->states[s].string ? s : p->states[s].next; s; s = p->states[s].next) {
		size_t i = p->states[s].string - 1, n = p->strings[i].n;
		for (; i < p->n && p->strings[i].n == n &&
		       (i + 1 == p->states[s].string ||
			memcmp(p->strings[i].p, p->strings[i - 1].p, n) == 0);
		     i++)
			fn(p->strings[i].number, end, arg);
	}
}

/* At the root most bytes begin nothing: they are passed over by pairs. */
static size_t skip(const struct kan_patterns *p, const uint8_t *v, size_t i, size_t n)
{
	for (; i + 1 < n; i++) {
		unsigned pair = (unsigned)v[i] << 8 | v[i + 1];
		if (p->pairs[pair / 8] & 1U << pair % 8)
			return i;
	}
	return i;
}

void kan_patterns_find(struct kan_patterns_at *at, const struct kan_patterns *p,
		       struct kan_bytes piece, kan_patterns_fn *fn, void *arg)
{
	uint32_t s = at->state;
	for (size_t i = 0; i < piece.n; i++) {
		if (s == 0)
			i = skip(p, piece.p, i, piece.n);
		s = step(p, s, piece.p[i]);
		if (p->states[s].string || p->states[s].next)
			tell(p, s, at->octets + i + 1, fn, arg);
	}
	at->state = s;
	at->octets += piece.n;
}
