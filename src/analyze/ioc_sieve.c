/* Raw bytes before anything is parsed: may an indicator be in what they say? */
#include <stdlib.h>
#include <string.h>

#include "analyze/ioc_part.h"
#include "base/digest.h"

enum { HASHED = 4, BUCKETS = 1 << 14, FEW_LITERALS = 4 };

struct literal {
	struct kan_bytes v;
	size_t next; /* 1 + the next one of its bucket */
};
struct kan_ioc_sieve {
	struct literal *literals;
	size_t n, n_short, cap; /* those that are too short for a bucket come first */
	size_t *buckets;
	const struct kan_iocs *iocs;
	bool addresses;    /* there are some: every address is looked at */
	bool letters[256]; /* what indicators are made of: an escape of one of these may hide one */
};

static size_t bucket_of(const uint8_t *p)
{
	uint32_t v = 0;
	memcpy(&v, p, HASHED);
	return v * 2654435761U >> 18;
}

static void add_literal(struct kan_ioc_sieve *s, const uint8_t *p, size_t n)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->literals = kan_xrealloc(s->literals, s->cap, sizeof *s->literals);
	}
	uint8_t *copy = kan_xalloc(n + 1);
	memcpy(copy, p, n);
	for (size_t i = 0; i < n; i++)
		s->letters[p[i]] = true;
	s->literals[s->n++] = (struct literal){{copy, n}, 0};
}

static void add_digest(struct kan_ioc_sieve *s, const struct kan_ioc *ioc)
{
	uint8_t upper[KAN_IOC_DIGITS];
	for (size_t i = 0; i < KAN_IOC_DIGITS; i++)
		upper[i] = (uint8_t)(ioc->digest[i] >= 'a' ? ioc->digest[i] - 32 : ioc->digest[i]);
	add_literal(s, (const uint8_t *)ioc->digest, KAN_IOC_DIGITS);
	add_literal(s, upper, KAN_IOC_DIGITS);
}

/* The longest part of a name without * and ?. */
static void add_name(struct kan_ioc_sieve *s, const struct kan_ioc *ioc)
{
	size_t best = 0, n_best = 0;
	kan_auto_free uint8_t *text = kan_xalloc(ioc->n_pattern + 1);
	for (size_t k = 0, n = 0; k < ioc->n_pattern; k++) {
		text[k] = (uint8_t)ioc->pattern[k];
		n = ioc->pattern[k] < KAN_IOC_ANY ? n + 1 : 0;
		if (n > n_best) {
			n_best = n;
			best = k + 1 - n;
		}
	}
	add_literal(s, text + best, n_best);
}

static int by_length(const void *a, const void *b)
{
	const struct literal *x = a, *y = b;
	return (x->v.n > y->v.n) - (x->v.n < y->v.n);
}

struct kan_ioc_sieve *kan_ioc_sieve_new(const struct kan_iocs *l)
{
	struct kan_ioc_sieve *s = kan_xalloc(sizeof *s);
	s->iocs = l;
	s->buckets = kan_xalloc(BUCKETS * sizeof *s->buckets);
	for (size_t i = 0; i < l->n; i++) {
		s->addresses |= l->v[i].kind == KAN_IOC_ADDRESS_KIND;
		if (l->v[i].kind == KAN_IOC_DIGEST)
			add_digest(s, &l->v[i]);
		else if (l->v[i].kind == KAN_IOC_NAME)
			add_name(s, &l->v[i]);
	}
	for (unsigned c = 0; s->addresses && c < sizeof s->letters; c++)
		s->letters[c] |= kan_ioc_in_address((uint8_t)c);
	if (s->n)
		qsort(s->literals, s->n, sizeof *s->literals, by_length);
	while (s->n_short < s->n && s->literals[s->n_short].v.n < HASHED)
		s->n_short++;
	for (size_t i = s->n_short; i < s->n; i++) {
		size_t *bucket = &s->buckets[bucket_of(s->literals[i].v.p)];
		s->literals[i].next = *bucket;
		*bucket = i + 1;
	}
	return s;
}

void kan_ioc_sieve_free(struct kan_ioc_sieve *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free((uint8_t *)(uintptr_t)s->literals[i].v.p);
	free(s->literals);
	free(s->buckets);
	free(s);
}

static bool one_by_one(const struct kan_ioc_sieve *s, size_t end, struct kan_bytes raw)
{
	for (size_t i = 0; i < end; i++)
		if (memmem(raw.p, raw.n, s->literals[i].v.p, s->literals[i].v.n))
			return true;
	return false;
}

static bool together(const struct kan_ioc_sieve *s, struct kan_bytes raw)
{
	for (size_t i = 0; i + HASHED <= raw.n; i++)
		for (size_t k = s->buckets[bucket_of(raw.p + i)]; k; k = s->literals[k - 1].next) {
			const struct kan_bytes *v = &s->literals[k - 1].v;
			if (v->n <= raw.n - i && memcmp(raw.p + i, v->p, v->n) == 0)
				return true;
		}
	return false;
}

static bool has_address(const struct kan_ioc_sieve *s, struct kan_bytes raw)
{
	uint8_t address[KAN_IOC_ADDRESS];
	struct kan_bytes span;
	unsigned port = 0;
	for (size_t at = 0; kan_ioc_next_address(address, &span, &port, raw, &at);)
		for (size_t i = 0; i < s->iocs->n; i++)
			if (s->iocs->v[i].kind == KAN_IOC_ADDRESS_KIND &&
			    kan_ioc_same_network(&s->iocs->v[i], address))
				return true;
	return false;
}

/* What an escape stands for, and how long it is; 256: no single octet of ASCII. */
static unsigned escaped(size_t *n, const uint8_t *p, size_t left)
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	uint8_t code[2];
	const char *at = left > 1 && p[1] ? strchr(plain, p[1]) : NULL;
	*n = 2;
	if (at)
		return (uint8_t)means[at - plain];
	if (left < 6 || p[1] != 'u' || !kan_unhex(code, 2, (struct kan_bytes){p + 2, 4}))
		return 256;
	*n = 6;
	return code[0] || code[1] >= 0x80 ? 256 : code[1];
}

/* Most escapes stand for a character that no indicator has, and hide nothing. Behind one an address
 * may begin that looks in the raw text as if it did not. */
static bool hides(const struct kan_ioc_sieve *s, struct kan_bytes raw)
{
	bool wide = false;
	for (unsigned c = 0x80; c < sizeof s->letters; c++)
		wide |= s->letters[c];
	for (const uint8_t *p = raw.p, *end = raw.p + raw.n, *at = NULL;
	     p < end && (at = memchr(p, '\\', (size_t)(end - p)));) {
		size_t n = 0;
		unsigned c = escaped(&n, at, (size_t)(end - at));
		if (c == 256 ? wide || n == 2 : s->letters[c])
			return true;
		p = at + n;
		if (s->addresses && p < end && kan_ioc_in_address(*p))
			return true;
	}
	return false;
}

bool kan_ioc_sieve_may(const struct kan_ioc_sieve *s, struct kan_bytes raw)
{
	static const char twin[] = "_b64\"";
	if (!raw.n)
		return false;
	if (hides(s, raw) || memmem(raw.p, raw.n, twin, sizeof twin - 1))
		return true;
	if (one_by_one(s, s->n > FEW_LITERALS ? s->n_short : s->n, raw) ||
	    (s->n > FEW_LITERALS && together(s, raw)))
		return true;
	return s->addresses && has_address(s, raw);
}
