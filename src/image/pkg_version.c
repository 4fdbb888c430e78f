/* Epoch, version and revision of a text. */
#include "image/pkg_version.h"

#include <string.h>

enum { PARTS = 3 };

static void split(struct kan_bytes part[PARTS], struct kan_bytes v)
{
	const uint8_t *colon = v.n ? memchr(v.p, ':', v.n) : NULL;
	part[0] = KAN_LIT("0");
	if (colon) {
		part[0] = (struct kan_bytes){v.p, (size_t)(colon - v.p)};
		v = (struct kan_bytes){colon + 1, v.n - part[0].n - 1};
	}
	const uint8_t *dash = v.n ? memrchr(v.p, '-', v.n) : NULL;
	part[1] = v;
	part[2] = (struct kan_bytes){NULL, 0};
	if (dash) {
		part[1].n = (size_t)(dash - v.p);
		part[2] = (struct kan_bytes){dash + 1, v.n - part[1].n - 1};
	}
}

int kan_pkg_version_by(kan_pkg_part_cmp *cmp, struct kan_bytes a, struct kan_bytes b)
{
	struct kan_bytes x[PARTS], y[PARTS];
	split(x, a);
	split(y, b);
	for (size_t i = 0; i < PARTS; i++) {
		int c = cmp(x[i], y[i]);
		if (c)
			return c;
	}
	return 0;
}
