/* Many of one kind as one gap. */
#include "image/tally.h"

void kan_tally_count(struct kan_tally *t, struct kan_bytes what)
{
	if (t->n++)
		return;
	t->first = KAN_BUF(KAN_TALLY_FIRST);
	kan_buf_add(&t->first, what.p, what.n < KAN_TALLY_FIRST ? what.n : KAN_TALLY_FIRST);
}

void kan_tally_tell(const struct kan_tally *t, struct kan_sink *s, enum kan_gap code,
		    const char *why)
{
	if (t->n)
		kan_sink_gap(s, kan_buf_bytes(&t->first), code, "%s: %llu, of which this is one",
			     why, (unsigned long long)t->n);
}

void kan_tally_free(struct kan_tally *t)
{
	kan_buf_free(&t->first);
}
