/* One job of a thread that can be left behind: open, compare the mount's id, count. */
#include "image/entermount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/mountplan.h"
#include "kernel/bounded.h"

struct job {
	int root_fd, id;
	uint8_t *point;
	size_t n;
	struct kan_small limit;
	struct kan_entered out;
	int rc;
	struct kan_err err;
};

static void drop(void *arg)
{
	struct job *j = arg;
	kan_auto_close_fn(&j->root_fd);
	kan_auto_close_fn(&j->out.fd);
	free(j->point);
	free(j);
}

static void measure(struct job *j)
{
	struct kan_measured *m = &j->out.size;
	if (S_ISDIR(j->out.st.stx_mode)) {
		kan_measure(m, j->out.fd, &j->limit);
		return;
	}
	m->entries = 1;
	m->octets = S_ISREG(j->out.st.stx_mode) ? j->out.st.stx_size : 0;
	m->small = m->octets <= j->limit.file;
}

static int enter(struct job *j)
{
	struct kan_err why = {0};
	struct kan_bytes point = {j->point, j->n};
	if (kan_open_in_root(&j->out.fd, j->root_fd, point, O_PATH | O_NOFOLLOW | O_CLOEXEC, &why) <
	    0) {
		if (why.code == KAN_ENOTFOUND || why.sys == ENOTDIR || why.sys == ELOOP)
			return kan_fail(
				&j->err, KAN_EUNSUPPORTED,
				"not reached: another mount covers it, or its place is gone");
		j->err = why;
		return -1;
	}
	if (statx(j->out.fd, "",
		  AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &j->out.st) < 0)
		return kan_fail_sys(&j->err, "stat");
	if (!(j->out.st.stx_mask & STATX_MNT_ID))
		return kan_fail(&j->err, KAN_EUNSUPPORTED, "this kernel does not tell mount ids");
	if (j->out.st.stx_mnt_id != (uint64_t)j->id)
		return kan_fail(&j->err, KAN_EUNSUPPORTED, "covered by mount %llu",
				(unsigned long long)j->out.st.stx_mnt_id);
	return 0;
}

static void work(void *arg)
{
	struct job *j = arg;
	j->rc = enter(j);
	if (j->rc == 0 && j->limit.entries)
		measure(j);
}

int kan_enter_mount(struct kan_entered *out, struct kan_bounded *b, const struct kan_planned *m,
		    struct kan_small limit, struct kan_err *err)
{
	struct job *j = kan_xalloc(sizeof(*j));
	*j = (struct job){.root_fd = fcntl(m->space->root_fd, F_DUPFD_CLOEXEC, 0),
			  .id = m->m.id,
			  .n = m->m.point.n,
			  .limit = limit,
			  .out.fd = -1};
	j->point = kan_xalloc(j->n + 1);
	if (j->n)
		memcpy(j->point, m->m.point.p, j->n);
	struct kan_err why = {0};
	const struct kan_bounded_work entering = {
		.job = j, .ms = KAN_BOUNDED_MS, .work = work, .drop = drop};
	if (kan_bounded_run(b, &entering, &why) < 0) {
		if (why.sys != ETIMEDOUT) /* else it is the blocked thread's */
			drop(j);
		if (err)
			*err = why;
		return -1;
	}
	int rc = j->rc;
	*out = j->out;
	if (rc == 0)
		j->out.fd = -1;
	else if (err)
		*err = j->err;
	drop(j);
	return rc;
}
