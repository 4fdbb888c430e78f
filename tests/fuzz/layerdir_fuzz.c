/* A foreign tar against an empty directory above another: it ends, and each damage has a path and a
 * word. */
#include "image/layerdir.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "image/lower.h"

static int on_damage(const struct kan_damage *d, void *arg, struct kan_err *err)
{
	(void)arg;
	(void)err;
	if (d->bits == 0 || d->bits >> KAN_DAMAGE_COUNT || (d->path.n && !d->path.p))
		abort();
	return 0;
}

static void on_unknown(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	(void)path;
	(void)arg;
	if (why->code == KAN_OK)
		abort();
}

static int member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	return kan_layerdir_member(arg, m, err);
}

/* Nothing is in it, and nothing is made in it. */
static int empty(void)
{
	char place[] = "/tmp/layerdir-fuzz-XXXXXX";
	if (!mkdtemp(place))
		abort();
	int fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || rmdir(place) < 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = empty();
	struct kan_stack below;
	const struct kan_layer layer = {.fd = fd};
	kan_stack_init(&below, &layer, 1, size % 2);
	struct kan_layerdir_opts o = {
		.fd = fd, .below = &below, .damage = on_damage, .unknown = on_unknown};
	struct kan_layerdir *l = kan_layerdir_new(&o);
	const struct kan_layertar_visit v = {.member = member, .arg = l};
	struct kan_layertar *t = kan_layertar_new(&v);
	(void)kan_layertar_feed(t, (struct kan_bytes){data, size}, NULL);
	if (kan_layerdir_finish(l, NULL) < 0)
		abort();
	kan_layertar_free(t);
	kan_layerdir_free(l);
	kan_stack_free(&below);
	(void)close(fd);
	return 0;
}
