/* Many strings at once against a search that compares each string at each place. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/patterns.h"

enum { HITS = 1 << 16 };

struct hits {
	size_t n;
	struct {
		size_t string;
		uint64_t end;
	} v[HITS];
};

static struct hits *found;

static void on_hit(size_t string, uint64_t end, void *arg)
{
	struct hits *h = arg;
	cr_assert_lt(h->n, HITS);
	h->v[h->n].string = string;
	h->v[h->n++].end = end;
}

static int by_place(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(found->v[0]));
}

static size_t naive(struct hits *h, const struct kan_bytes *strings, size_t n,
		    struct kan_bytes text)
{
	for (size_t s = 0; s < n; s++)
		for (size_t i = 0; i + strings[s].n <= text.n; i++)
			if (memcmp(text.p + i, strings[s].p, strings[s].n) == 0)
				on_hit(s, i + strings[s].n, h);
	return h->n;
}

static void search(struct hits *h, const struct kan_patterns *p, struct kan_bytes text,
		   size_t piece)
{
	struct kan_patterns_at at = {0};
	for (size_t i = 0; i < text.n; i += piece) {
		size_t n = text.n - i < piece ? text.n - i : piece;
		kan_patterns_find(&at, p, (struct kan_bytes){text.p + i, n}, on_hit, h);
	}
	cr_assert_eq(at.octets, text.n);
}

/* Numbers of a seed: the same in every run. */
static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void compare(unsigned seed)
{
	uint8_t text[500], strings[40][8];
	struct kan_bytes v[40];
	struct hits *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	unsigned letters = 1 + next(&seed) % 4;
	size_t n = 1 + next(&seed) % 40, octets = next(&seed) % sizeof(text);
	for (size_t i = 0; i < octets; i++)
		text[i] = (uint8_t)(next(&seed) % letters);
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct kan_bytes){strings[i], 1 + next(&seed) % sizeof(strings[i])};
		for (size_t k = 0; k < v[i].n; k++)
			strings[i][k] = (uint8_t)(next(&seed) % letters);
	}
	struct kan_patterns *p = kan_patterns_new(v, n);
	search(a, p, (struct kan_bytes){text, octets}, 1 + next(&seed) % 60);
	naive(b, v, n, (struct kan_bytes){text, octets});
	cr_assert_eq(a->n, b->n);
	qsort(a->v, a->n, sizeof(a->v[0]), by_place);
	qsort(b->v, b->n, sizeof(b->v[0]), by_place);
	cr_assert_eq(memcmp(a->v, b->v, a->n * sizeof(a->v[0])), 0);
	kan_patterns_free(p);
	free(a);
	free(b);
}

Test(patterns, random_strings_are_found_where_a_plain_search_finds_them)
{
	for (unsigned seed = 1; seed <= 1500; seed++)
		compare(seed);
}

static void setup(void)
{
	found = calloc(1, sizeof(*found));
}

static void teardown(void)
{
	free(found);
}

TestSuite(places, .init = setup, .fini = teardown);

Test(places, a_string_that_crosses_the_pieces_is_found_once)
{
	struct kan_bytes one = KAN_LIT("across"), text = KAN_LIT("this goes across two pieces");
	struct kan_patterns *p = kan_patterns_new(&one, 1);
	for (size_t piece = 1; piece <= text.n; piece++) {
		found->n = 0;
		search(found, p, text, piece);
		cr_assert_eq(found->n, 1);
		cr_assert_eq(found->v[0].end, 16);
	}
	kan_patterns_free(p);
}

Test(places, the_same_string_twice_is_two_hits_of_two_numbers)
{
	struct kan_bytes two[] = {KAN_LIT("twin"), KAN_LIT("twin"), KAN_LIT("in")};
	struct kan_patterns *p = kan_patterns_new(two, 3);
	search(found, p, KAN_LIT("a twin"), 3);
	cr_assert_eq(found->n, 3);
	cr_assert_eq(found->v[0].string + found->v[1].string, 1);
	cr_assert_eq(found->v[2].string, 2);
	kan_patterns_free(p);
}

Test(places, every_byte_can_be_part_of_a_string)
{
	uint8_t all[256], text[512];
	struct kan_bytes one = {all, sizeof(all)};
	for (unsigned i = 0; i < 256; i++)
		all[i] = text[i + 100] = (uint8_t)(255 - i);
	memset(text, 0, 100);
	memset(text + 356, 0, sizeof(text) - 356);
	struct kan_patterns *p = kan_patterns_new(&one, 1);
	search(found, p, (struct kan_bytes){text, sizeof(text)}, 77);
	cr_assert_eq(found->n, 1);
	cr_assert_eq(found->v[0].end, 356);
	kan_patterns_free(p);
}
