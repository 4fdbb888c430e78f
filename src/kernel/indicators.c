/* What an operator looks for: a pure parser of the file, and the index of its digests. */
#include "kernel/indicators.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_DIGITS = 2 * KAN_INDICATOR_DIGEST };

struct parser {
	struct kan_indicators *to;
	unsigned line;
	size_t used; /* of octets */
};

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hex(struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (digit(v.p[i]) < 0)
			return false;
	return v.n % 2 == 0;
}

static bool prefixed(struct kan_bytes *v, const char *prefix)
{
	size_t n = strlen(prefix);
	if (!kan_bytes_starts(*v, prefix))
		return false;
	*v = (struct kan_bytes){v->p + n, v->n - n};
	return true;
}

/* All lines together are not longer than the file, and so are their bytes. */
static void add(struct parser *p, struct kan_bytes v, bool hex, bool digest)
{
	uint8_t *to = p->to->octets + p->used;
	size_t n = hex ? v.n / 2 : v.n;
	for (size_t i = 0; i < n; i++)
		to[i] = hex ? (uint8_t)(digit(v.p[2 * i]) << 4 | digit(v.p[2 * i + 1])) : v.p[i];
	p->used += n;
	p->to->v[p->to->n++] =
		(struct kan_indicator){.line = p->line, .digest = digest, .bytes = {to, n}};
}

static int add_string(struct parser *p, struct kan_bytes v, bool hex, struct kan_err *err)
{
	size_t n = hex ? v.n / 2 : v.n;
	if (n < KAN_INDICATOR_SHORTEST || n > KAN_INDICATOR_LONGEST)
		return kan_fail(err, KAN_EUSAGE, "line %u: %zu bytes: a string has %d to %d",
				p->line, n, KAN_INDICATOR_SHORTEST, KAN_INDICATOR_LONGEST);
	add(p, v, hex, false);
	return 0;
}

static size_t digits(struct kan_bytes v)
{
	size_t n = 0;
	while (n < v.n && digit(v.p[n]) >= 0)
		n++;
	return n;
}

/* Who writes one of these means something else than its letters, and would look for it in vain. */
static int mistaken(const struct parser *p, struct kan_bytes v, struct kan_err *err)
{
	enum { MD5_DIGITS = 32, SHA1_DIGITS = 40 };
	size_t n = digits(v);
	if (memchr(v.p, 0, v.n))
		return kan_fail(err, KAN_EUSAGE,
				"line %u: a NUL in it: not UTF-16, please; hex: takes any bytes",
				p->line);
	if (n == DIGEST_DIGITS && v.n > n && (v.p[n] == ' ' || v.p[n] == '\t'))
		return kan_fail(err, KAN_EUSAGE,
				"line %u: more than a digest: keep its 64 digits alone, or write "
				"text: before a string",
				p->line);
	if (n == v.n && (n == MD5_DIGITS || n == SHA1_DIGITS))
		return kan_fail(err, KAN_EUSAGE,
				"line %u: a digest of %zu digits: only SHA-256 is looked for; "
				"text: before a string, hex: before bytes",
				p->line, n);
	return 0;
}

static int on_line(struct parser *p, struct kan_bytes v, struct kan_err *err)
{
	if (v.n && v.p[v.n - 1] == '\r')
		v.n--;
	if (v.n == 0 || v.p[0] == '#')
		return 0;
	if (p->to->n == KAN_INDICATORS_MAX)
		return kan_fail(err, KAN_EUSAGE, "line %u: more than %d indicators", p->line,
				KAN_INDICATORS_MAX);
	bool digest = prefixed(&v, "sha256:");
	if (digest && (v.n != DIGEST_DIGITS || !is_hex(v)))
		return kan_fail(err, KAN_EUSAGE, "line %u: sha256: takes 64 hex digits", p->line);
	if (digest || (v.n == DIGEST_DIGITS && is_hex(v))) {
		add(p, v, true, true);
		return 0;
	}
	if (mistaken(p, v, err) < 0)
		return -1;
	if (prefixed(&v, "hex:")) {
		if (!is_hex(v))
			return kan_fail(err, KAN_EUSAGE,
					"line %u: hex: takes an even number of hex digits",
					p->line);
		return add_string(p, v, true, err);
	}
	(void)prefixed(&v, "text:");
	return add_string(p, v, false, err);
}

static int on_lines(struct parser *p, struct kan_bytes text, struct kan_err *err)
{
	(void)prefixed(&text, "\xef\xbb\xbf"); /* the mark that some editors write */
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		p->line++;
		if (on_line(p, (struct kan_bytes){text.p, n}, err) < 0)
			return -1;
		n += end != NULL;
		text = (struct kan_bytes){text.p + n, text.n - n};
	}
	if (p->to->n == 0)
		return kan_fail(err, KAN_EUSAGE, "no indicator in it");
	return 0;
}

/* qsort hands nothing but the elements to who compares. */
struct key {
	const uint8_t *digest;
	size_t indicator;
};

static int by_digest(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = memcmp(x->digest, y->digest, KAN_INDICATOR_DIGEST);
	return order ? order : (x->indicator > y->indicator) - (x->indicator < y->indicator);
}

static void index_digests(struct kan_indicators *i)
{
	kan_auto_free struct key *keys = kan_xalloc((i->n + 1) * sizeof(*keys));
	for (size_t k = 0; k < i->n; k++)
		if (i->v[k].digest)
			keys[i->n_digests++] = (struct key){i->v[k].bytes.p, k};
	qsort(keys, i->n_digests, sizeof(*keys), by_digest);
	i->digests = kan_xalloc((i->n + 1) * sizeof(*i->digests));
	for (size_t k = 0; k < i->n_digests; k++)
		i->digests[k] = keys[k].indicator;
}

static int index_strings(struct kan_indicators *i, struct kan_err *err)
{
	kan_auto_free struct kan_bytes *strings = kan_xalloc((i->n + 1) * sizeof(*strings));
	size_t total = 0;
	i->strings = kan_xalloc((i->n + 1) * sizeof(*i->strings));
	for (size_t k = 0; k < i->n; k++) {
		if (i->v[k].digest)
			continue;
		total += i->v[k].bytes.n;
		strings[i->n_strings] = i->v[k].bytes;
		i->strings[i->n_strings++] = k;
	}
	if (total > KAN_PATTERNS_OCTETS)
		return kan_fail(err, KAN_EUSAGE,
				"its strings have %zu bytes together, more than %d", total,
				KAN_PATTERNS_OCTETS);
	if (i->n_strings)
		i->patterns = kan_patterns_new(strings, i->n_strings);
	return 0;
}

int kan_indicators_parse(struct kan_indicators **out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_indicators *i = kan_xalloc(sizeof(*i));
	struct parser p = {.to = i};
	i->v = kan_xalloc(KAN_INDICATORS_MAX * sizeof(*i->v));
	i->octets = kan_xalloc(text.n + 1);
	i->text = KAN_BUF(KAN_INDICATORS_FILE);
	kan_buf_addb(&i->text, text);
	int rc = i->text.failed
			 ? kan_fail(err, KAN_EUSAGE, "more than %d bytes", KAN_INDICATORS_FILE)
			 : on_lines(&p, text, err);
	if (rc == 0)
		rc = index_strings(i, err);
	if (rc < 0) {
		kan_indicators_free(i);
		return -1;
	}
	index_digests(i);
	*out = i;
	return 0;
}

void kan_indicators_free(struct kan_indicators *i)
{
	if (!i)
		return;
	kan_patterns_free(i->patterns);
	kan_buf_free(&i->text);
	free(i->v);
	free(i->strings);
	free(i->digests);
	free(i->octets);
	free(i);
}

void kan_indicators_digest(const struct kan_indicators *i,
			   const uint8_t digest[KAN_INDICATOR_DIGEST], kan_indicator_fn *fn,
			   void *arg)
{
	size_t low = 0, high = i->n_digests;
	while (low < high) { /* the first that is not below */
		size_t mid = low + (high - low) / 2;
		if (memcmp(i->v[i->digests[mid]].bytes.p, digest, KAN_INDICATOR_DIGEST) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < i->n_digests; low++) {
		size_t k = i->digests[low];
		if (memcmp(i->v[k].bytes.p, digest, KAN_INDICATOR_DIGEST) != 0)
			return;
		fn(k, arg);
	}
}
