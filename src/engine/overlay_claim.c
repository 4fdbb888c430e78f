/* The overlay of "/" out of mountinfo: pure functions over two texts. */
#include <string.h>

#include "engine/claims.h"
#include "kernel/mountinfo.h"

enum { OPTION_OCTETS = 64 << 10 };

static int on_root(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct kan_overlay_claim *c = arg;
	(void)err;
	if (!kan_bytes_eq(m->point, KAN_LIT("/")))
		return 0;
	/* A later line covers an earlier one: the last "/" is what the container sees. */
	kan_buf_reset(&c->upper);
	kan_buf_reset(&c->lower);
	kan_buf_reset(&c->fstype);
	kan_buf_addb(&c->fstype, m->fstype);
	c->major = m->major;
	c->minor = m->minor;
	c->found = kan_bytes_eq(m->fstype, KAN_LIT("overlay")) &&
		   kan_mount_option(&c->upper, m->super, "upperdir") &&
		   (kan_mount_option(&c->lower, m->super, "lowerdir") ||
		    kan_mount_options(&c->lower, m->super, "lowerdir+"));
	struct kan_buf none = KAN_BUF(1);
	c->userxattr = kan_mount_option(&none, m->super, "userxattr");
	kan_buf_free(&none);
	return 0;
}

int kan_overlay_of(struct kan_overlay_claim *out, struct kan_bytes mountinfo, struct kan_err *err)
{
	struct kan_overlay_claim c = {.upper = KAN_BUF(OPTION_OCTETS),
				      .lower = KAN_BUF(OPTION_OCTETS),
				      .fstype = KAN_BUF(256)};
	if (kan_mountinfo_each(mountinfo, on_root, &c, err) < 0) {
		kan_overlay_free(&c);
		return -1;
	}
	*out = c;
	return 0;
}

struct sought {
	const struct kan_overlay_claim *c;
	const char *data_root;
	bool found;
};

static bool below(struct kan_bytes path, const char *root)
{
	size_t n = strlen(root);
	return kan_bytes_starts(path, root) && path.n > n && path.p[n] == '/';
}

static int on_engine_mount(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct sought *s = arg;
	(void)err;
	if (m->major != s->c->major || m->minor != s->c->minor ||
	    !kan_bytes_eq(m->fstype, KAN_LIT("overlay")) || !below(m->point, s->data_root))
		return 0;
	struct kan_buf upper = KAN_BUF(OPTION_OCTETS);
	bool same = kan_mount_option(&upper, m->super, "upperdir") &&
		    kan_bytes_eq(kan_buf_bytes(&upper), kan_buf_bytes(&s->c->upper));
	kan_buf_free(&upper);
	s->found |= same;
	return same;
}

bool kan_overlay_known(const struct kan_overlay_claim *c, struct kan_bytes engine_mountinfo,
		       const char *data_root)
{
	struct sought s = {.c = c, .data_root = data_root};
	return kan_mountinfo_each(engine_mountinfo, on_engine_mount, &s, NULL) == 0 && s.found;
}

void kan_overlay_free(struct kan_overlay_claim *c)
{
	kan_buf_free(&c->upper);
	kan_buf_free(&c->lower);
	kan_buf_free(&c->fstype);
}
