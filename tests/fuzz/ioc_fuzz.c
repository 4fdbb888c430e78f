/* Indicators of a hunt: a file of them, a NUL, a value. A file is refused in a sentence, or each of
 * them can be looked for; and what one is found in, the sieve lets pass. */
#include <stdlib.h>
#include <string.h>

#include "analyze/ioc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct kan_iocs *l, struct kan_bytes v)
{
	struct kan_ioc_sieve *s = kan_ioc_sieve_new(l);
	for (size_t i = 0; i < l->n && i < 16; i++) {
		struct kan_bytes span = {NULL, 0};
		if (!kan_ioc_in(&span, &l->v[i], v, 0))
			continue;
		if (span.p < v.p || span.n > v.n || span.p + span.n > v.p + v.n || !span.n)
			abort();
		if (!kan_ioc_sieve_may(s, v))
			abort();
	}
	kan_ioc_sieve_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	struct kan_bytes v = {data + n, size - n};
	struct kan_iocs l = {0};
	struct kan_err err = {0};
	if (kan_iocs_lines(&l, (struct kan_bytes){data, n}, NULL, &err) < 0 &&
	    (err.code != KAN_EUSAGE || !err.text[0]))
		abort();
	for (size_t i = 0; i < l.n; i++)
		if (!l.v[i].word || (l.v[i].kind == KAN_IOC_NAME && !l.v[i].n_pattern) ||
		    l.v[i].prefix > 128)
			abort();
	look(&l, v);
	kan_iocs_free(&l);
	return 0;
}
