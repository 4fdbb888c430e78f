/* A reference archive: config once, layers in their order, content only within one; it ends. */
#include "image/reference.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct state {
	bool config, open;
	size_t next;
};

static int config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (s->config || raw.n > KAN_REFERENCE_CONFIG)
		abort();
	s->config = true;
	return 0;
}

static int layer(size_t n, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (!s->config || s->open || n != s->next)
		abort();
	s->open = true;
	return 0;
}

static int content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	const struct state *s = arg;
	(void)piece;
	(void)err;
	if (!s->open)
		abort();
	return 0;
}

static int end(size_t n, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (!s->open || n != s->next)
		abort();
	s->open = false;
	s->next++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = {0};
	struct kan_err err = {0};
	const struct kan_reference_visit v = {config, layer, content, end, NULL, &s};
	int fd = memfd_create("reference", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	const struct kan_reference_from from = {.fd = fd, .room = 16 << 20};
	if (write(fd, data, size) == (ssize_t)size && kan_reference_read(&from, &v, &err) == 0 &&
	    (!s.config || s.open))
		abort();
	(void)close(fd);
	return 0;
}
