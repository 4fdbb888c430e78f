/* indicators: refused, or a search for them finds each of them in itself. */
#include "kernel/indicators.h"

#include <stdlib.h>

struct want {
	size_t string;
	uint64_t end;
	bool found;
};

static void on_hit(size_t string, uint64_t end, void *arg)
{
	struct want *w = arg;
	w->found |= string == w->string && end == w->end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_indicators *i = NULL;
	struct kan_err err = {0};
	if (kan_indicators_parse(&i, (struct kan_bytes){data, size}, &err) < 0) {
		if (err.code != KAN_EUSAGE)
			abort();
		return 0;
	}
	for (size_t k = 0; k < i->n_strings; k++) {
		struct kan_bytes v = i->v[i->strings[k]].bytes;
		struct want w = {.string = k, .end = v.n};
		struct kan_patterns_at at = {0};
		kan_patterns_find(&at, i->patterns, v, on_hit, &w);
		if (!w.found)
			abort();
	}
	kan_indicators_free(i);
	return 0;
}
