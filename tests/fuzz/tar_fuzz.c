/* The tar reader: content never exceeds what a member says, members and bytes stay within their
 * maxima. */
#include "base/tar.h"

#include <stdlib.h>

enum { MEMBERS = 100, OCTETS = 1 << 20 };

struct state {
	struct kan_bytes rest;
	uint64_t members, total, of_member, size;
};

static ssize_t pull(void *arg, const void **p, struct kan_err *err)
{
	struct state *s = arg;
	size_t n = s->rest.n < 512 ? s->rest.n : 512;
	(void)err;
	*p = s->rest.p;
	s->rest.p += n;
	s->rest.n -= n;
	return (ssize_t)n;
}

static int member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (++s->members > MEMBERS)
		abort();
	s->of_member = 0;
	s->size = m->size;
	return (int)(s->members % 3 == 2);
}

static int content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	s->of_member += piece.n;
	s->total += piece.n;
	if (s->total > OCTETS)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = {.rest = {data, size}};
	struct kan_err err = {0};
	const struct kan_tar_visit v = {
		.gzip = size % 2,
		.max_members = MEMBERS,
		.max_bytes = OCTETS,
		.member = member,
		.data = content,
		.arg = &s,
	};
	(void)kan_tar_read(pull, &s, &v, &err);
	return 0;
}
