/* Order of two versions as rpm has it: epoch, version, release, each by segments of digits or of
 * letters. */
#include <string.h>

#include "image/pkg_rpm.h"
#include "image/pkg_version.h"

struct text {
	struct kan_bytes v;
	size_t at;
};

static int now(const struct text *t)
{
	return t->at < t->v.n ? t->v.p[t->at] : 0;
}

/* Letters and digits of ASCII alone, whatever the locale. */
static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip(struct text *t)
{
	while (t->at < t->v.n && !is_digit(now(t)) && !is_letter(now(t)) && now(t) != '~' &&
	       now(t) != '^')
		t->at++;
}

static struct kan_bytes segment(struct text *t, bool digits)
{
	size_t from = t->at;
	while (digits ? is_digit(now(t)) : is_letter(now(t)))
		t->at++;
	return (struct kan_bytes){t->v.p + from, t->at - from};
}

/* '~' is before the end, '^' behind it and before all else. 2: neither of them. */
static int mark(struct text *a, struct text *b)
{
	int x = now(a), y = now(b);
	if (x == '~' || y == '~') {
		if (x != y)
			return x == '~' ? -1 : 1;
	} else if (x == '^' || y == '^') {
		if (x != y)
			return x == 0 ? -1 : y == 0 ? 1 : x == '^' ? -1 : 1;
	} else {
		return 2;
	}
	a->at++;
	b->at++;
	return 0;
}

static int number_cmp(struct kan_bytes a, struct kan_bytes b)
{
	while (a.n && *a.p == '0')
		a = (struct kan_bytes){a.p + 1, a.n - 1};
	while (b.n && *b.p == '0')
		b = (struct kan_bytes){b.p + 1, b.n - 1};
	return a.n != b.n ? (a.n > b.n) - (a.n < b.n) : kan_bytes_cmp(a, b);
}

static int part_cmp(struct kan_bytes x, struct kan_bytes y)
{
	struct text a = {x, 0}, b = {y, 0};
	for (;;) {
		skip(&a);
		skip(&b);
		int c = mark(&a, &b);
		if (c == 0)
			continue;
		if (c != 2)
			return c;
		if (!now(&a) || !now(&b))
			return (now(&a) != 0) - (now(&b) != 0);
		bool digits = is_digit(now(&a));
		struct kan_bytes s = segment(&a, digits), t = segment(&b, digits);
		if (t.n == 0)
			return digits ? 1 : -1;
		c = digits ? number_cmp(s, t) : kan_bytes_cmp(s, t);
		if (c)
			return c;
	}
}

int kan_pkg_rpm_version_cmp(struct kan_bytes a, struct kan_bytes b)
{
	return kan_pkg_version_by(part_cmp, a, b);
}
