/* One job of a thread that can be left behind: open, compare the mount's id, count. */
#include "image/entermount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "image/mountplan.h"
#include "kernel/bounded.h"

enum { MEASURE_MS = 1000, NS_PER_MS = 1000000 }; /* who takes longer to count is not small */

struct job {
	int root_fd, id;
	uint8_t *point;
	size_t n;
	struct kan_small limit;
	int64_t until_ns;
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

static bool over(const struct job *j)
{
	return j->out.entries > j->limit.entries || j->out.octets > j->limit.octets ||
	       kan_boot_ns() > j->until_ns;
}

static enum kan_tree_next count(const struct kan_tree_entry *e, void *arg)
{
	struct job *j = arg;
	j->out.entries++;
	if (S_ISREG(e->st->stx_mode))
		j->out.octets += e->st->stx_size;
	return over(j) ? KAN_TREE_STOP : KAN_TREE_GO;
}

static void measure(struct job *j)
{
	struct kan_tree_walk w = {.fn = count, .arg = j};
	struct kan_err err = {0};
	if (S_ISDIR(j->out.st.stx_mode)) {
		j->out.small = kan_tree_walk(&w, j->out.fd, &err) == 0 && !over(j);
		return;
	}
	j->out.entries = 1;
	j->out.octets = S_ISREG(j->out.st.stx_mode) ? j->out.st.stx_size : 0;
	j->out.small = j->out.octets <= j->limit.file;
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
			  .until_ns = kan_boot_ns() + (int64_t)MEASURE_MS * NS_PER_MS,
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
