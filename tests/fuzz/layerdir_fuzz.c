/* A foreign tar against a directory above another: it ends, and each damage has a path and a word.
 */
#include "image/layerdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
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

static const char *const names[] = {"f", "h", "l", "n", "w"};

/* A name of each kind; what needs root is left out without it. */
static void fill(int dir, const char *content)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	int fd = openat(dir, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, content, 1) != 1 || fchmod(fd, 04755) < 0 ||
	    futimens(fd, times) < 0 || linkat(dir, "f", dir, "h", 0) < 0 ||
	    symlinkat("f", dir, "l") < 0)
		abort();
	(void)close(fd);
	(void)mknodat(dir, "n", S_IFCHR | 0600, makedev(1, 3));
	(void)mknodat(dir, "w", S_IFCHR, makedev(0, 0));
}

/* Two directories, made once, which go away with us; the second is below, with the overlay's words
 * of either kind. */
static struct {
	char place[32];
	int fd;
} layers[2];
static struct kan_layer lower;
static struct kan_stack below[2];

static void drop(void)
{
	for (size_t i = 0; i < 2; i++) {
		kan_stack_free(&below[i]);
		int fd = layers[i].fd, d = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			(void)unlinkat(fd, names[k], 0);
			(void)unlinkat(d, names[k], 0);
		}
		(void)close(d);
		(void)unlinkat(fd, "d", AT_REMOVEDIR);
		(void)rmdir(layers[i].place);
	}
}

/* Of the files in d the content alone differs. */
static void make(size_t i, const char *content)
{
	(void)snprintf(layers[i].place, sizeof(layers[i].place), "/tmp/layerdir-fuzz-XXXXXX");
	if (!mkdtemp(layers[i].place))
		abort();
	int fd = open(layers[i].place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "d", 0700) < 0)
		abort();
	int d = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	layers[i].fd = fd;
	fill(fd, "a");
	fill(d, content);
	(void)fsetxattr(d, "trusted.overlay.opaque", "y", 1, 0);
	(void)fsetxattr(d, "user.overlay.opaque", "y", 1, 0);
	(void)close(d);
}

static void begin(void)
{
	make(0, "a");
	make(1, "b");
	lower.fd = layers[1].fd;
	for (size_t i = 0; i < 2; i++)
		kan_stack_init(&below[i], &lower, 1, i);
	if (atexit(drop) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool userxattr = size % 2;
	if (!layers[0].place[0])
		begin();
	struct kan_layerdir_opts o = {.fd = layers[0].fd,
				      .below = &below[userxattr],
				      .opener = below[userxattr].opener,
				      .userxattr = userxattr,
				      .damage = on_damage,
				      .unknown = on_unknown};
	struct kan_layerdir *l = kan_layerdir_new(&o);
	const struct kan_layertar_visit v = {.member = member, .arg = l};
	struct kan_layertar *t = kan_layertar_new(&v);
	(void)kan_layertar_feed(t, (struct kan_bytes){data, size}, NULL);
	if (kan_layerdir_finish(l, NULL) < 0)
		abort();
	kan_layertar_free(t);
	kan_layerdir_free(l);
	return 0;
}
