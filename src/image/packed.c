/* One pass of unpacking, begun again whenever an earlier place is asked for. */
#include "image/packed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/unpack.h"

enum { PIECE = 64 << 10, MAGIC = 6 };

struct kan_packed {
	int fd;
	uint64_t in;  /* read of the file in this pass */
	uint64_t out; /* unpacked in this pass: rest is what of it was not asked for yet */
	uint64_t each;
	uint64_t work, max; /* unpacked in all passes */
	struct kan_bytes rest;
	struct kan_unpacker *unpacker;
	uint8_t buffer[PIECE];
};

static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd},
		     xz[] = {0xfd, '7', 'z', 'X', 'Z', 0}, bzip2[] = {'B', 'Z', 'h'};

static bool begins(const uint8_t *head, const uint8_t *with, size_t n)
{
	return memcmp(head, with, n) == 0;
}

int kan_packed_is(bool *packed, int fd, struct kan_err *err)
{
	uint8_t head[MAGIC] = {0};
	if (pread(fd, head, sizeof(head), 0) < 0)
		return kan_fail_sys(err, "read");
	if (begins(head, xz, sizeof(xz)) || begins(head, bzip2, sizeof(bzip2)))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the archive is packed with xz or bzip2: unpack it first");
	*packed = begins(head, gzip, sizeof(gzip)) || begins(head, zstd, sizeof(zstd));
	return 0;
}

struct kan_packed *kan_packed_new(int fd, uint64_t each, uint64_t max)
{
	struct kan_packed *p = kan_xalloc(sizeof(*p));
	*p = (struct kan_packed){.fd = fd, .each = each, .max = max};
	return p;
}

void kan_packed_free(struct kan_packed *p)
{
	if (p)
		kan_unpacker_free(p->unpacker);
	free(p);
}

static ssize_t on_read(void *arg, const void **piece, struct kan_err *err)
{
	struct kan_packed *p = arg;
	ssize_t n = pread(p->fd, p->buffer, PIECE, (off_t)p->in);
	if (n < 0)
		return kan_fail_sys(err, "read");
	p->in += (uint64_t)n;
	*piece = p->buffer;
	return n;
}

static int begin(struct kan_packed *p, struct kan_err *err)
{
	const struct kan_unpack u = {.in = on_read, .in_arg = p, .max = UINT64_MAX};
	kan_unpacker_free(p->unpacker);
	p->unpacker = NULL;
	p->in = p->out = 0;
	p->rest = (struct kan_bytes){0};
	return kan_unpacker_open(&p->unpacker, &u, err);
}

/* 1: rest has something, 0: the end. */
static int more(struct kan_packed *p, struct kan_err *err)
{
	const void *piece = NULL;
	if (p->rest.n)
		return 1;
	ssize_t n = kan_unpacker_next(&piece, p->unpacker, err);
	if (n <= 0)
		return (int)n;
	p->rest = (struct kan_bytes){piece, (size_t)n};
	p->out += p->rest.n;
	p->work += p->rest.n;
	if (p->out > p->each)
		return kan_fail(err, KAN_ELIMIT,
				"the archive is packed as a whole, and has over %llu bytes, which "
				"is too much for what it takes on disk: unpack it to a plain tar "
				"first, or raise it with --max-bytes",
				(unsigned long long)p->each);
	if (p->work > p->max)
		return kan_fail(err, KAN_ELIMIT,
				"the archive is packed as a whole, and has to be unpacked too "
				"often: unpack it to a plain tar first");
	return 1;
}

static void drop(struct kan_packed *p, size_t n)
{
	p->rest.p += n;
	p->rest.n -= n;
}

static int forward(struct kan_packed *p, uint64_t at, struct kan_err *err)
{
	for (;;) {
		uint64_t left = at - (p->out - p->rest.n);
		if (left == 0)
			return 0;
		int rc = more(p, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return kan_fail(err, KAN_EFORMAT,
					"the packed archive ends before its "
					"parts do");
		drop(p, left < p->rest.n ? (size_t)left : p->rest.n);
	}
}

ssize_t kan_packed_read(struct kan_packed *p, void *to, size_t n, uint64_t at, struct kan_err *err)
{
	size_t done = 0;
	if ((!p->unpacker || at < p->out - p->rest.n) && begin(p, err) < 0)
		return -1;
	if (forward(p, at, err) < 0)
		return -1;
	while (done < n) {
		int rc = more(p, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		size_t take = n - done < p->rest.n ? n - done : p->rest.n;
		memcpy((uint8_t *)to + done, p->rest.p, take);
		drop(p, take);
		done += take;
	}
	return (ssize_t)done;
}
