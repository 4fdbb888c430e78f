/* A row a process: identity, what it runs, where it lives; and its parents outside the container.
 */
#include "base/row.h"
#include "collectors/process_parts.h"
#include "image/file.h"

static void words(struct kan_row *r, const struct kan_member *who)
{
	static const char *const names[] = {"cgroup", "scan", "pidns", "mntns"};
	kan_row_arr(r, "member_by");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (who->by & 1u << i)
			kan_row_str(r, NULL, names[i]);
	kan_row_arr_end(r);
}

static void from_stat(struct kan_row *r, const struct kan_procs *c, const struct kan_process *p)
{
	const struct kan_proc_stat *s = &p->stat;
	char state[2] = {s->state, 0};
	kan_row_int(r, "pid", p->who.pid);
	kan_row_int(r, "ppid", s->ppid);
	kan_row_uint(r, "starttime", s->starttime);
	if (c->btime_ns)
		kan_row_int(r, "start_ns", kan_proc_started(c->btime_ns, s->starttime));
	kan_row_int(r, "pgrp", s->pgrp);
	kan_row_int(r, "session", s->session);
	kan_row_int(r, "tty", s->tty);
	kan_row_str(r, "state", state);
	kan_row_mask(r, "flags", s->flags);
	kan_row_bool(r, "kthread", kan_process_kthread(p));
	kan_row_bytes(r, "comm", s->comm);
}

/* What does not fit stays whole in proc.tar: no gap for it. */
static void argv(struct kan_row *r, const struct kan_process *p)
{
	bool cut = r->cut;
	if (!(p->has & 1u << KAN_PF_CMDLINE))
		return;
	kan_row_argv0(r, "argv", kan_buf_bytes(&p->raw[KAN_PF_CMDLINE]));
	r->cut = cut;
}

static const char *path_now(enum kan_path_now now)
{
	switch (now) {
	case KAN_PATH_SAME:
		return "same";
	case KAN_PATH_OTHER:
		return "other";
	case KAN_PATH_ABSENT:
		return "absent";
	case KAN_PATH_UNKNOWN:
		break;
	}
	return NULL;
}

static void exe(struct kan_row *r, const struct kan_procs *c, const struct kan_process *p)
{
	const struct statx *st = &p->exe.st;
	const struct kan_carved *f = kan_procs_file(c, kan_statx_dev(st), st->stx_ino);
	const char *now = path_now(p->path_now);
	if (!p->exe.known)
		return;
	kan_row_obj(r, "exe");
	kan_row_bytes(r, "link", kan_buf_bytes(&p->exe.link));
	kan_row_dev(r, "dev", kan_statx_dev(st));
	kan_row_dec(r, "ino", st->stx_ino);
	kan_row_uint(r, "nlink", st->stx_nlink);
	kan_row_uint(r, "size", st->stx_size);
	kan_row_mode(r, "mode", st->stx_mode);
	kan_row_int(r, "mtime_ns", kan_statx_ns(&st->stx_mtime));
	kan_row_int(r, "ctime_ns", kan_statx_ns(&st->stx_ctime));
	kan_row_bool(r, "deleted", st->stx_nlink == 0);
	kan_row_bool(r, "memfd", kan_procs_is_memfd(c, p));
	if (now)
		kan_row_str(r, "path_now", now);
	if (f && f->digested)
		kan_row_str(r, "sha256", f->sha256);
	if (f)
		kan_row_bool(r, "content", f->content);
	kan_row_obj_end(r);
}

static bool same(const struct statx *st, const struct kan_file_id *id)
{
	return id->known && kan_statx_dev(st) == id->dev && st->stx_ino == id->ino;
}

static void places(struct kan_row *r, const struct kan_procs *c, const struct kan_process *p)
{
	if (p->cwd.known)
		kan_row_bytes(r, "cwd", kan_buf_bytes(&p->cwd.link));
	if (!p->root.known)
		return;
	kan_row_obj(r, "root");
	kan_row_bytes(r, "link", kan_buf_bytes(&p->root.link));
	kan_row_dev(r, "dev", kan_statx_dev(&p->root.st));
	kan_row_dec(r, "ino", p->root.st.stx_ino);
	kan_row_bool(r, "is_init_root", same(&p->root.st, &c->init_root));
	kan_row_bool(r, "is_host_root", same(&p->root.st, &c->host_root));
	kan_row_obj_end(r);
}

static void dead(struct kan_row *r, const struct kan_process *p)
{
	if (kan_process_ended(p))
		kan_row_int(r, "exit_code", p->stat.exit_code);
	if (p->leader_dead)
		kan_row_bool(r, "leader_dead", true);
	if (p->via_tid)
		kan_row_int(r, "via_tid", p->via_tid);
}

static void process(struct kan_row *r, struct kan_procs *c, const struct kan_process *p)
{
	from_stat(r, c, p);
	kan_procs_row_before(r, c, p);
	words(r, &p->who);
	if (!p->who.by) {
		kan_row_bool(r, "neighbour", true);
		kan_row_bool(r, "frozen", p->frozen_a);
		return;
	}
	argv(r, p);
	exe(r, c, p);
	places(r, c, p);
	kan_procs_row_who(r, c, p);
	dead(r, p);
	kan_row_bool(r, "frozen", p->frozen_a && p->frozen_b);
}

int kan_procs_rows(struct kan_procs *c, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	uint64_t n = 0;
	if (kan_rows_open(&rows, c->sink, "processes.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < c->all.n; i++) {
		const struct kan_process *p = &c->all.v[i];
		if (p->gone)
			continue; /* its gap is told */
		process(kan_rows_begin(rows), c, p);
		n += p->who.by != 0;
		if (kan_rows_end(rows, err) < 0) {
			kan_rows_abandon(rows);
			return -1;
		}
	}
	kan_sink_items(c->sink, n);
	return kan_rows_close(rows, err);
}

static void ancestor(struct kan_row *r, const struct kan_procs *c, const struct kan_process *p)
{
	const struct statx *st = &p->exe.st;
	int at = p->exe.known ? kan_held_find(&c->up.held, kan_statx_dev(st), st->stx_ino)
			      : KAN_HELD_NONE;
	from_stat(r, c, p);
	argv(r, p);
	if (p->exe.known)
		kan_row_bytes(r, "exe", kan_buf_bytes(&p->exe.link));
	if (at != KAN_HELD_NONE && c->up_files[at].digested)
		kan_row_str(r, "sha256", c->up_files[at].sha256);
	kan_row_bool(r, "frozen", false); /* parents outside are not paused */
}

int kan_procs_ancestry(struct kan_procs *c, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	if (kan_rows_open(&rows, c->sink, "ancestry.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < c->up.n; i++) {
		if (c->up.v[i].gone)
			continue;
		ancestor(kan_rows_begin(rows), c, &c->up.v[i]);
		if (kan_rows_end(rows, err) < 0) {
			kan_rows_abandon(rows);
			return -1;
		}
	}
	return kan_rows_close(rows, err);
}
