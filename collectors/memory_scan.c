/* Bytes of regions as they pass: digests, and what of the indicators is in them. */
#include <stdlib.h>
#include <string.h>

#include "collectors/memory_parts.h"

enum { TAIL = KAN_INDICATOR_LONGEST + 2 * KAN_MEM_AROUND };

void kan_mem_scan_init(struct kan_mem_scan *s, const struct kan_indicators *look, bool digests)
{
	*s = (struct kan_mem_scan){.look = look, .digests = digests, .digest = kan_digest_new()};
	s->tail = kan_xalloc(TAIL);
	s->seen = kan_xalloc(((look ? look->n : 0) + 1) * sizeof(*s->seen));
}

void kan_mem_scan_free(struct kan_mem_scan *s)
{
	kan_digest_free(s->digest);
	free(s->tail);
	free(s->hits);
	free(s->seen);
}

struct kan_mem_hit *kan_mem_scan_hit(struct kan_mem_scan *s, size_t indicator)
{
	s->all_seen++;
	if (s->seen[indicator]++ >= KAN_MEM_HITS || s->n_hits == KAN_MEM_HITS_ALL)
		return NULL;
	s->hits = kan_mem_grow(s->hits, s->n_hits, &s->room_hits, sizeof(*s->hits));
	struct kan_mem_hit *h = &s->hits[s->n_hits++];
	*h = (struct kan_mem_hit){
		.indicator = indicator, .pid = s->pid, .region = s->region_number};
	if (s->region)
		h->start = s->region->start;
	return h;
}

/* Octets from..to of the run, of which the last ones are in the piece and some before it kept. */
static uint8_t copy(uint8_t *out, const struct kan_mem_scan *s, uint64_t from, uint64_t to)
{
	uint64_t begin = s->at.octets - s->piece.n; /* of the piece; at has passed it */
	for (uint64_t i = from; i < to; i++)
		out[i - from] =
			i >= begin ? s->piece.p[i - begin] : s->tail[s->n_tail - (begin - i)];
	return (uint8_t)(to - from);
}

/* Bytes that follow a hit are there now, or never will be. */
static void complete(struct kan_mem_scan *s, bool last)
{
	for (; s->open < s->n_hits; s->open++) {
		struct kan_mem_hit *h = &s->hits[s->open];
		uint64_t to = h->end + KAN_MEM_AROUND;
		if (to > s->at.octets && !last)
			return;
		h->n_after = copy(h->after, s, h->end, to < s->at.octets ? to : s->at.octets);
	}
}

static void on_string(size_t string, uint64_t end, void *arg)
{
	struct kan_mem_scan *s = arg;
	size_t indicator = s->look->strings[string];
	uint64_t from = end - s->look->v[indicator].bytes.n;
	uint64_t before = from < KAN_MEM_AROUND ? 0 : from - KAN_MEM_AROUND;
	struct kan_mem_hit *h = kan_mem_scan_hit(s, indicator);
	if (!h)
		return;
	struct kan_mem_scan passed = *s; /* find moves it behind the piece only when it is done */
	passed.at.octets += s->piece.n;
	h->end = end;
	h->offset = s->run_start + from - s->region->start;
	h->n_before = copy(h->before, &passed, before, from);
}

static void keep_tail(struct kan_mem_scan *s)
{
	size_t n = s->piece.n < TAIL ? s->piece.n : TAIL;
	size_t old = s->n_tail < TAIL - n ? s->n_tail : TAIL - n;
	memmove(s->tail, s->tail + s->n_tail - old, old);
	memcpy(s->tail + old, s->piece.p + s->piece.n - n, n);
	s->n_tail = old + n;
}

void kan_mem_scan_add(struct kan_mem_scan *s, struct kan_bytes piece)
{
	if (s->digests)
		kan_digest_add(s->digest, piece.p, piece.n);
	if (!s->look || !s->look->patterns || piece.n == 0)
		return;
	s->piece = piece;
	kan_patterns_find(&s->at, s->look->patterns, piece, on_string, s);
	complete(s, false);
	keep_tail(s);
	s->piece = (struct kan_bytes){0};
}

static void end_run(struct kan_mem_scan *s)
{
	complete(s, true);
	s->at = (struct kan_patterns_at){0};
	s->n_tail = 0;
}

void kan_mem_scan_run(struct kan_mem_scan *s, uint64_t start)
{
	end_run(s);
	s->run_start = start;
}

void kan_mem_scan_begin(struct kan_mem_scan *s, pid_t pid, const struct kan_mem_region *region,
			size_t number)
{
	s->pid = pid;
	s->region = region;
	s->region_number = number;
	if (s->digests)
		kan_digest_start(s->digest);
}

static void on_digest(size_t indicator, void *arg)
{
	struct kan_mem_scan *s = arg;
	struct kan_mem_hit *h = kan_mem_scan_hit(s, indicator);
	if (h)
		h->as = KAN_MEM_REGION;
}

void kan_mem_scan_end(struct kan_mem_scan *s, struct kan_mem_region *region)
{
	char hex[KAN_SHA256_HEX];
	end_run(s);
	if (s->digests) {
		kan_digest_finish(hex, s->digest);
		kan_mem_unhex(region->digest, hex);
		region->digested = true;
	}
	/* The digest of nothing is nobody's indicator. */
	if (s->digests && s->look && region->octets)
		kan_indicators_digest(s->look, region->digest, on_digest, s);
	s->open = s->n_hits;
	s->region = NULL;
}

void kan_mem_unhex(uint8_t raw[KAN_SHA256_SIZE], const char *hex)
{
	for (size_t i = 0; i < KAN_SHA256_SIZE; i++) {
		unsigned high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];
		high = high <= '9' ? high - '0' : high - 'a' + 10;
		low = low <= '9' ? low - '0' : low - 'a' + 10;
		raw[i] = (uint8_t)(high << 4 | low);
	}
}
