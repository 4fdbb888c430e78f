/* bag-info.txt, built and parsed: what parses is byte for byte what would be built. */
#include "evidence/baginfo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "evidence/tags.h"

enum { CLEAN_MAX = 4096, NUMBER_DIGITS = 19 };

void kan_baginfo_set(kan_baginfo_value out, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(CLEAN_MAX * 3);
	if (v.n > CLEAN_MAX)
		v.n = CLEAN_MAX;
	(void)kan_text_clean(&clean, v);
	size_t n = clean.len;
	if (n > KAN_BAGINFO_VALUE)
		for (n = KAN_BAGINFO_VALUE; n && (clean.data[n] & 0xc0) == 0x80;)
			n--;
	(void)snprintf(out, KAN_BAGINFO_VALUE + 1, "%.*s", (int)n, kan_buf_str(&clean));
	if (!out[0])
		(void)snprintf(out, KAN_BAGINFO_VALUE + 1, "unknown");
}

void kan_baginfo_build(struct kan_buf *out, const struct kan_baginfo *i)
{
	kan_buf_addf(out, "Bagging-Date: %s\n", i->date);
	kan_buf_addf(out, "Bag-Software-Agent: %s\n", i->agent);
	kan_buf_addf(out, "Payload-Oxum: %" PRIu64 ".%" PRIu64 "\n", i->octets, i->files);
	kan_buf_addf(out, "External-Identifier: %s\n", i->bundle);
	kan_buf_adds(out, "Kanshiki-Format: kanshiki-bag/1\n");
	kan_buf_addf(out, "Kanshiki-Case: %s\n", i->case_id);
	kan_buf_addf(out, "Kanshiki-Host: %s\n", i->host);
	kan_buf_addf(out, "Kanshiki-Container: %s\n", i->container);
	kan_buf_addf(out, "Kanshiki-Gaps: %" PRIu64 "\n", i->gaps);
	kan_buf_addf(out, "Kanshiki-Status: %s\n", i->partial ? "partial" : "complete");
	if (i->partial)
		kan_buf_addf(out, "Kanshiki-Partial-Reason: %s\n", i->reason);
}

/* The value of the next line, when that line has this label. */
static bool take(struct kan_bytes *value, struct kan_bytes *rest, const char *label)
{
	size_t n = strlen(label);
	const uint8_t *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	if (!lf || !kan_bytes_starts(*rest, label) || lf < rest->p + n)
		return false;
	*value = (struct kan_bytes){rest->p + n, (size_t)(lf - rest->p) - n};
	rest->n -= (size_t)(lf - rest->p) + 1;
	rest->p = lf + 1;
	return true;
}

static bool text(kan_baginfo_value out, struct kan_bytes *rest, const char *label)
{
	struct kan_bytes v;
	if (!take(&v, rest, label) || v.n > KAN_BAGINFO_VALUE)
		return false;
	kan_baginfo_set(out, v);
	return true;
}

static uint64_t number(struct kan_bytes *v)
{
	uint64_t n = 0;
	for (int i = 0; i < NUMBER_DIGITS && v->n && v->p[0] >= '0' && v->p[0] <= '9'; i++) {
		n = n * 10 + (uint64_t)(v->p[0] - '0');
		v->p++;
		v->n--;
	}
	return n;
}

static bool oxum(struct kan_baginfo *i, struct kan_bytes *rest)
{
	struct kan_bytes v;
	if (!take(&v, rest, "Payload-Oxum: "))
		return false;
	i->octets = number(&v);
	if (v.n)
		v = (struct kan_bytes){v.p + 1, v.n - 1};
	i->files = number(&v);
	return true;
}

static bool gaps_and_status(struct kan_baginfo *i, struct kan_bytes *rest)
{
	struct kan_bytes v;
	if (!take(&v, rest, "Kanshiki-Gaps: "))
		return false;
	i->gaps = number(&v);
	if (!take(&v, rest, "Kanshiki-Status: "))
		return false;
	i->partial = kan_bytes_eq(v, KAN_LIT("partial"));
	return !i->partial || text(i->reason, rest, "Kanshiki-Partial-Reason: ");
}

int kan_baginfo_parse(struct kan_baginfo *out, struct kan_bytes all, struct kan_err *err)
{
	struct kan_baginfo i = {0};
	struct kan_bytes rest = all, v;
	bool good = text(i.date, &rest, "Bagging-Date: ") &&
		    text(i.agent, &rest, "Bag-Software-Agent: ") && oxum(&i, &rest) &&
		    text(i.bundle, &rest, "External-Identifier: ") &&
		    take(&v, &rest, "Kanshiki-Format: ") &&
		    text(i.case_id, &rest, "Kanshiki-Case: ") &&
		    text(i.host, &rest, "Kanshiki-Host: ") &&
		    text(i.container, &rest, "Kanshiki-Container: ") && gaps_and_status(&i, &rest);
	kan_auto_buf struct kan_buf again = KAN_BUF(KAN_BAG_INFO_CAP);
	if (good)
		kan_baginfo_build(&again, &i);
	/* Whatever was read loosely above shows here: an unclean value, a leading zero, a line too
	 * many. */
	if (!good || !kan_bytes_eq(kan_buf_bytes(&again), all))
		return kan_fail(err, KAN_EFORMAT,
				"not the labels of a bag, in their order and form");
	*out = i;
	return 0;
}
