/* The bundle pushes, the tar reader pulls: a thread and a pipe between them. */
#include "analyze/tarstream.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

enum { PIECE = 64 << 10 };

struct push {
	const struct kan_bundle *bundle;
	const char *path;
	int out, in;
	int rc;
	struct kan_err err;
	uint8_t piece[PIECE];
};

static int write_out(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	const struct push *p = arg;
	while (piece.n) {
		ssize_t n = write(p->out, piece.p, piece.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "%s", p->path);
		piece.p += n;
		piece.n -= (size_t)n;
	}
	return 0;
}

static void *pushes(void *arg)
{
	struct push *p = arg;
	p->rc = kan_bundle_stream(p->bundle, p->path, write_out, p, &p->err);
	(void)close(p->out);
	return NULL;
}

static ssize_t pull(void *arg, const void **piece, struct kan_err *err)
{
	struct push *p = arg;
	ssize_t n = 0;
	do
		n = read(p->in, p->piece, PIECE);
	while (n < 0 && errno == EINTR);
	*piece = p->piece;
	return n < 0 ? kan_fail_sys(err, "%s", p->path) : n;
}

/* What lies behind the end of the archive is under the digest, too. */
static void drain(struct push *p)
{
	const void *ignored = NULL;
	while (pull(p, &ignored, NULL) > 0)
		;
}

int kan_tar_stream(const struct kan_bundle *b, const char *path, const struct kan_tar_visit *v,
		   struct kan_err *err)
{
	int ends[2];
	pthread_t thread;
	struct kan_err why = {0};
	if (pipe2(ends, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "pipe");
	struct push *p = kan_xalloc(sizeof *p);
	p->bundle = b;
	p->path = path;
	p->in = ends[0];
	p->out = ends[1];
	int rc = pthread_create(&thread, NULL, pushes, p);
	if (rc) {
		(void)close(ends[1]);
		kan_err_sys(err, rc, "thread");
		rc = -1;
	} else {
		rc = kan_tar_read(pull, p, v, &why);
		drain(p);
		(void)pthread_join(thread, NULL);
		/* An altered archive is more than one that cannot be read. */
		if (err && (p->rc < 0 || rc < 0))
			*err = p->rc < 0 ? p->err : why;
		rc = p->rc < 0 || rc < 0 ? -1 : 0;
	}
	(void)close(ends[0]);
	free(p);
	return rc;
}
