/* By the namespace's inode, over members and their threads: the init's first. */
#include "collectors/mountspaces.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/hostmap.h"
#include "kernel/members.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

enum { UNREAD_MAX = 64, WHAT_OCTETS = 64 };

/* A namespace whose table could not be read through one of its members: another may still tell it.
 */
struct unread {
	uint64_t ino;
	struct kan_err why;
};

struct gather {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_plan *plan;
	struct kan_hostmap *host;
	uint64_t first, own; /* of pid 1 and of us */
	uint64_t left_out;
	struct unread unread[UNREAD_MAX];
	size_t n_unread;
	uint64_t unread_more; /* beyond UNREAD_MAX */
	int member;           /* the held directory of the member whose threads are looked at */
	int rc;
	struct kan_err err;
};

static bool known(const struct gather *g, uint64_t ino)
{
	for (size_t i = 0; i < g->plan->n_spaces; i++)
		if (g->plan->spaces[i].ino == ino)
			return true;
	return false;
}

static struct kan_hostmap *map_of_engine(const struct gather *g)
{
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	struct kan_hostmap *map = NULL;
	struct kan_err why = {0};
	if (kan_proc_pid_dir(&dir, g->t->proc_fd, g->t->engine_pid, &why) < 0 ||
	    kan_proc_read(&text, dir, "mountinfo", &why) < 0 ||
	    kan_hostmap_new(&map, kan_buf_bytes(&text), g->t->data_root, &why) < 0)
		kan_sink_gap(g->sink, KAN_LIT("host_path"), kan_gap_of_err(&why),
			     "the engine's mount table: %s; binds count as the host's system",
			     why.text);
	return map;
}

static int put_raw(struct gather *g, uint64_t ino, struct kan_bytes text)
{
	char name[48];
	(void)snprintf(name, sizeof(name), "mountinfo-%" PRIu64 ".txt", ino);
	return kan_sink_put(g->sink, name, text, &g->err);
}

static struct kan_space make_space(const struct gather *g, uint64_t ino, int dir)
{
	struct kan_space s = {.ino = ino, .root_fd = -1, .host = ino == g->first || ino == g->own};
	struct kan_err why = {0};
	int held = g->t->space_fd >= 0 ? g->t->space_fd : g->t->root_fd;
	if (dir == g->t->pid_dir && held >= 0)
		s.root_fd = fcntl(held, F_DUPFD_CLOEXEC, 0);
	else if (kan_proc_magic(&s.root_fd, dir, "root", &why) < 0)
		kan_sink_gap_err(g->sink, KAN_LIT("root of a mount namespace"), &why);
	return s;
}

static int read_table(struct kan_buf *text, const struct gather *g, int dir, struct kan_err *err)
{
	if (dir != g->t->pid_dir || g->t->mountinfo.len == 0)
		return kan_proc_read(text, dir, "mountinfo", err);
	kan_buf_addb(text, kan_buf_bytes(&g->t->mountinfo));
	return 0;
}

static bool is_unread(const struct gather *g, uint64_t ino)
{
	for (size_t i = 0; i < g->n_unread; i++)
		if (g->unread[i].ino == ino)
			return true;
	return false;
}

static void keep_unread(struct gather *g, uint64_t ino, const struct kan_err *why)
{
	struct kan_err chroot = {0};
	if (why->code == KAN_OK) {
		(void)kan_fail(&chroot, KAN_EUNSUPPORTED,
			       "the table is empty: a chroot that holds no mount");
		why = &chroot;
	}
	if (is_unread(g, ino))
		return;
	if (g->n_unread < UNREAD_MAX)
		g->unread[g->n_unread++] = (struct unread){ino, *why};
	else
		g->unread_more++;
}

/* Those that no other member told either. */
static void tell_unread(const struct gather *g)
{
	for (size_t i = 0; i < g->n_unread; i++) {
		char what[WHAT_OCTETS];
		if (known(g, g->unread[i].ino))
			continue;
		(void)snprintf(what, sizeof(what), "mountinfo-%" PRIu64 ".txt", g->unread[i].ino);
		kan_sink_gap_err(g->sink, kan_bytes_of(what), &g->unread[i].why);
	}
	if (g->unread_more)
		kan_sink_limit(g->sink, KAN_LIT("mount tables that cannot be read"),
			       UNREAD_MAX + g->unread_more, UNREAD_MAX, UNREAD_MAX);
}

/* dir: a held /proc/PID or task directory. -1: evidence cannot be written. */
static int look_at(struct gather *g, int dir)
{
	uint64_t ino = 0;
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	if (kan_proc_ns(&ino, dir, "mnt", &why) < 0) {
		if (why.code != KAN_ENOTFOUND) /* else it ended */
			kan_sink_gap_err(g->sink, KAN_LIT("mount namespace of a member"), &why);
		return 0;
	}
	if (known(g, ino))
		return 0;
	if (g->plan->n_spaces == KAN_PLAN_SPACES) {
		g->left_out++;
		return 0;
	}
	if (read_table(&text, g, dir, &why) < 0 || text.len == 0) {
		keep_unread(g, ino, &why);
		return 0;
	}
	if (put_raw(g, ino, kan_buf_bytes(&text)) < 0)
		return -1;
	if (kan_plan_add(g->plan, make_space(g, ino, dir), kan_buf_bytes(&text), g->host, &why) < 0)
		kan_sink_gap_err(g->sink, KAN_LIT("mountinfo"), &why);
	return 0;
}

static int thread(pid_t tid, void *arg)
{
	struct gather *g = arg;
	char path[32];
	(void)snprintf(path, sizeof(path), "task/%d", (int)tid);
	kan_auto_close int dir = openat(g->member, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	g->rc = dir < 0 ? 0 : look_at(g, dir);
	return g->rc;
}

static int members(struct gather *g)
{
	struct kan_members found = {0};
	struct kan_members_ask ask = {.proc_fd = g->t->proc_fd,
				      .init_dir = g->t->pid_dir,
				      .id = g->t->id,
				      .cgroup = g->t->cgroup,
				      .pid_private = g->t->pid_private};
	struct kan_err why = {0};
	if (kan_members_find(&found, &ask, &why) < 0) {
		kan_sink_gap_err(g->sink, KAN_LIT("members"), &why);
		return 0;
	}
	for (size_t i = 0; i < found.n && g->rc == 0; i++) {
		g->member = found.v[i].dir;
		kan_auto_close int task =
			openat(g->member, "task", O_PATH | O_DIRECTORY | O_CLOEXEC);
		g->rc = look_at(g, g->member);
		if (g->rc == 0 && task >= 0 && kan_proc_each(task, thread, g, &why) < 0 &&
		    g->rc == 0 && why.code != KAN_ENOTFOUND)
			kan_sink_gap_err(g->sink, KAN_LIT("threads of a member"), &why);
	}
	if (found.seen > found.n)
		kan_sink_limit(g->sink, KAN_LIT("members"), found.seen, found.n, found.limit);
	kan_members_free(&found);
	return g->rc;
}

static uint64_t ns_of(int proc_fd, const char *path)
{
	struct stat st;
	return fstatat(proc_fd, path, &st, 0) == 0 ? st.st_ino : 0;
}

int kan_mountspaces_read(struct kan_plan *p, const struct kan_target *t, struct kan_sink *sink,
			 struct kan_err *err)
{
	struct gather g = {.t = t,
			   .sink = sink,
			   .plan = p,
			   .first = ns_of(t->proc_fd, "1/ns/mnt"),
			   .own = ns_of(t->proc_fd, "self/ns/mnt")};
	g.host = map_of_engine(&g);
	int rc = look_at(&g, t->pid_dir);
	if (rc == 0)
		rc = members(&g);
	if (rc < 0 && err)
		*err = g.err;
	if (p->seen > p->n)
		kan_sink_limit(sink, KAN_LIT("mounts"), p->seen, p->n, KAN_PLAN_LINES);
	if (g.left_out)
		kan_sink_limit(sink, KAN_LIT("mount namespaces"), p->n_spaces + g.left_out,
			       p->n_spaces, KAN_PLAN_SPACES);
	tell_unread(&g);
	kan_hostmap_free(g.host);
	kan_plan_finish(p);
	return rc;
}

void kan_mountspaces_close(struct kan_plan *p)
{
	for (size_t i = 0; i < p->n_spaces; i++)
		kan_auto_close_fn(&p->spaces[i].root_fd);
	kan_plan_free(p);
}
