/* ipc.ndjson: System V objects and message queues of each IPC namespace of the container. */
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "collectors/process_parts.h"
#include "kernel/maps.h"
#include "kernel/seen.h"

struct writer {
	struct kan_procs *c;
	struct kan_rows *rows;
	const struct kan_ipcspace *s;
	uint64_t nobodys;       /* semaphore sets of the host's namespace */
	struct kan_seen mapped; /* ids, plus 1, of segments that a member maps */
};

static struct kan_ipcspaces_ask ask_of(struct kan_procs *c)
{
	const struct kan_target *t = c->t;
	return (struct kan_ipcspaces_ask){.proc_fd = t->proc_fd,
					  .worker = c->worker,
					  .blocked = &c->ipc_blocked,
					  .frozen = kan_procs_frozen,
					  .stuck = kan_procs_stuck,
					  .arg = c->sink,
					  .init_dir = t->pid_dir,
					  .init_root = t->space_fd >= 0 ? t->space_fd : t->root_fd,
					  .init_mounts = kan_buf_bytes(&t->mountinfo)};
}

bool kan_procs_is_member(const struct kan_procs *c, pid_t pid)
{
	const struct kan_process *p = kan_processes_find(&c->all, pid);
	return p && p->who.by;
}

void kan_procs_add_ipc(struct kan_procs *c, int dir)
{
	const struct kan_ipcspaces_ask ask = ask_of(c);
	(void)kan_ipcspaces_add(&c->ipc, &ask, dir, NULL); /* who has ended is in none */
}

void kan_procs_read_ipc(struct kan_procs *c)
{
	const struct kan_ipcspaces_ask ask = ask_of(c);
	for (size_t i = 0; i < c->ipc.n; i++)
		kan_ipcspace_read(c->ipc.v[i], &ask);
}

/* A namespace that only the window has shown: of somebody who has come since, or of a thread. */
static void add_late(struct kan_procs *c, pid_t pid, uint64_t ino)
{
	const struct kan_ipcspaces_ask ask = ask_of(c);
	kan_auto_close int dir = -1;
	char what[64];
	struct kan_err why = {0};
	size_t before = c->ipc.n;
	if (!ino || kan_ipcspaces_have(&c->ipc, ino))
		return;
	(void)snprintf(what, sizeof(what), "ipc of %llu", (unsigned long long)ino);
	if (kan_proc_pid_dir(&dir, c->t->proc_fd, pid, &why) < 0 ||
	    kan_ipcspaces_add(&c->ipc, &ask, dir, &why) < 0)
		kan_sink_gap_err(c->sink, kan_bytes_of(what), &why);
	else if (!kan_ipcspaces_have(&c->ipc, ino) && !c->ipc.beyond.n)
		kan_sink_gap(c->sink, kan_bytes_of(what), KAN_GAP_VANISHED,
			     "%d went into another namespace", (int)pid);
	if (c->ipc.n > before)
		kan_ipcspace_read(c->ipc.v[before], &ask);
}

static void late(struct kan_procs *c)
{
	for (size_t i = 0; i < c->all.n; i++) {
		const struct kan_process *p = &c->all.v[i];
		if (!p->who.by || p->gone)
			continue;
		add_late(c, p->via_tid ? p->via_tid : p->who.pid, p->ns[KAN_NS_IPC]);
		for (size_t k = 0; k < p->n_threads; k++)
			add_late(c, p->threads[k].tid, p->threads[k].ns[KAN_NS_IPC]);
	}
}

/* "/SYSV0000002a (deleted)" of the kernel's own memory: its inode is the segment's id. */
static int note_mapping(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct writer *w = arg;
	(void)err;
	if (kan_bytes_starts(m->path, "/SYSV") &&
	    kan_held_memory(&w->c->all.held, makedev(m->major, m->minor), m->path))
		(void)kan_seen_first(&w->mapped, m->ino + 1);
	return 0;
}

static void note_mappings(struct writer *w)
{
	for (size_t i = 0; i < w->c->all.n; i++)
		(void)kan_maps_each(kan_buf_bytes(&w->c->all.v[i].raw[KAN_PF_MAPS]), note_mapping,
				    w, NULL);
}

/* In the host's namespace, only what the container has made, used or mapped. */
static bool ours(const struct writer *w, const struct kan_sysv *o)
{
	const struct kan_sysv_table *t = &kan_sysv_tables[o->kind];
	for (size_t i = 0; t->told && i < 2; i++)
		if (kan_procs_is_member(w->c, (pid_t)o->v[t->pids[i]]))
			return true;
	return o->kind == KAN_SYSV_SHM && kan_seen_has(&w->mapped, (uint64_t)o->id + 1);
}

static int object(const struct kan_sysv *o, void *arg, struct kan_err *err)
{
	struct writer *w = arg;
	const struct kan_sysv_table *t = &kan_sysv_tables[o->kind];
	char perms[16];
	if (w->s->host && !ours(w, o)) {
		w->nobodys += o->kind == KAN_SYSV_SEM;
		return 0;
	}
	struct kan_row *r = kan_rows_begin(w->rows);
	(void)snprintf(perms, sizeof(perms), "%04o", o->perms);
	kan_row_str(r, "kind", t->name);
	kan_row_dec(r, "ipcns", w->s->ino);
	kan_row_mask(r, "key", o->key);
	kan_row_int(r, "id", o->id);
	kan_row_str(r, "perms", perms);
	for (size_t i = 0; i < o->n; i++)
		kan_row_uint(r, t->fields[i], o->v[i]);
	kan_row_bool(r, "frozen", w->s->frozen);
	return kan_rows_end(w->rows, err);
}

static void gap(const struct writer *w, const char *of, const struct kan_err *why)
{
	kan_procs_ipc_gap(w->c, w->s, of, why);
}

static int space(struct writer *w, struct kan_err *err)
{
	gap(w, "objects", &w->s->closed);
	for (enum kan_sysv_kind k = 0; k < KAN_SYSV_KINDS; k++) {
		struct kan_err said = {0};
		gap(w, kan_sysv_tables[k].name, &w->s->err[k]);
		if (kan_sysv_each(kan_buf_bytes(&w->s->text[k]), k, object, w, &said) == 0)
			continue;
		if (said.code != KAN_EFORMAT) {
			if (err)
				*err = said;
			return -1;
		}
		gap(w, kan_sysv_tables[k].name, &said);
	}
	return kan_procs_queues(w->c, w->rows, w->s, err);
}

/* Of segments and queues the kernel tells who made and used them; of semaphores it does not. */
static void tell_nobodys(const struct writer *w)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "%llu sets: the kernel does not tell whose they are",
		       (unsigned long long)w->nobodys);
	if (w->nobodys)
		kan_sink_scope(w->c->sink, KAN_LIT("semaphores of the host's IPC namespace"), text);
}

int kan_procs_ipc(struct kan_procs *c, struct kan_err *err)
{
	struct writer w = {.c = c};
	late(c);
	if (kan_rows_open(&w.rows, c->sink, "ipc.ndjson", err) < 0)
		return -1;
	note_mappings(&w);
	int rc = 0;
	for (size_t i = 0; i < c->ipc.n && rc == 0; i++) {
		w.s = c->ipc.v[i];
		rc = space(&w, err);
	}
	tell_nobodys(&w);
	kan_seen_free(&w.mapped);
	if (c->ipc.beyond.n)
		kan_sink_limit(c->sink, KAN_LIT("IPC namespaces"), c->ipc.n + c->ipc.beyond.n,
			       c->ipc.n, KAN_IPCSPACES_MAX);
	if (rc < 0) {
		kan_rows_abandon(w.rows);
		return -1;
	}
	return kan_rows_close(w.rows, err);
}
