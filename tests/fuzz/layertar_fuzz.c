/* A layer's tar in pieces: the cut makes no difference, content is what a header says, no name
 * leads out. */
#include "image/layertar.h"

#include <stdlib.h>
#include <string.h>

#include "image/layername.h"
#include "image/xattrs.h"

struct state {
	uint64_t members, left, sum;
};

static int member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	struct kan_xattr x;
	struct kan_bytes left = m->xattrs;
	kan_auto_buf struct kan_buf path = KAN_BUF(4096);
	(void)err;
	if (s->left)
		abort();
	s->left = m->size;
	s->members++;
	s->sum = s->sum * 31 + m->mode + m->uid + m->path.n + m->link.n + (uint64_t)m->mtime_ns;
	while (kan_xattrs_next(&x, &left))
		s->sum = s->sum * 31 + x.name.n + x.value.n;
	if (kan_layer_name(&path, m->path) == KAN_LAYER_NAME_BAD)
		return 0;
	const char *p = kan_buf_str(&path);
	size_t n = path.len;
	if (*p != '/' || strlen(p) != n || strstr(p, "/../") || strstr(p, "//") ||
	    (n > 2 && memcmp(p + n - 3, "/..", 3) == 0))
		abort();
	return 0;
}

static int content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (piece.n == 0 || piece.n > s->left)
		abort();
	s->left -= piece.n;
	return 0;
}

static struct state run(struct kan_bytes in, size_t step, int *rc)
{
	struct state s = {0};
	struct kan_err err = {0};
	const struct kan_layertar_visit v = {.member = member, .data = content, .arg = &s};
	struct kan_layertar *t = kan_layertar_new(&v);
	*rc = 0;
	while (*rc == 0 && in.n) {
		size_t n = in.n < step ? in.n : step;
		*rc = kan_layertar_feed(t, (struct kan_bytes){in.p, n}, &err);
		in.p += n;
		in.n -= n;
	}
	if (*rc == 0)
		*rc = kan_layertar_finish(t, &err);
	kan_layertar_free(t);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int whole = 0, cut = 0;
	struct state a = run((struct kan_bytes){data, size}, size ? size : 1, &whole);
	struct state b = run((struct kan_bytes){data, size}, 97, &cut);
	if (whole != cut || a.members != b.members || a.sum != b.sum)
		abort();
	return 0;
}
