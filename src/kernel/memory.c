/* The memory of one process: a look at its mappings and pages, then reads of pages that are there.
 */
#include "kernel/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/pagemap.h"
#include "kernel/procfs.h"
#include "kernel/smaps.h"

enum { FIRST = 64, TEXT_OCTETS = 64 << 10, PIECE = 64 << 10, COMM_OCTETS = 256 };

/* Of who waits; then, left behind, of the thread. */
struct look {
	struct kan_memspace *m;
	int dir, pagemap;
	uint64_t page;
	int64_t until_ns;
	size_t room_maps, room_runs, room_tids;
	bool none; /* a zombie */
	struct kan_err err;
};

void kan_memory_free(struct kan_memspace *m)
{
	if (!m)
		return;
	free(m->maps);
	free(m->runs);
	free(m->tids);
	kan_buf_free(&m->comm);
	kan_buf_free(&m->auxv);
	kan_core_files_free(&m->files);
	kan_auto_close_fn(&m->mem);
	free(m);
}

static void drop(void *arg)
{
	struct look *l = arg;
	kan_memory_free(l->m);
	kan_auto_close_fn(&l->dir);
	kan_auto_close_fn(&l->pagemap);
	free(l);
}

/* Makes room for one more. */
static void *grown(void *v, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return v;
	*room = *room ? 2 * *room : FIRST;
	return kan_xrealloc(v, *room, size);
}

static void add_thread(struct look *l, pid_t tid)
{
	struct kan_memspace *m = l->m;
	if (m->tids_seen++ >= KAN_CORE_THREADS)
		return;
	m->tids = grown(m->tids, m->n_tids, &l->room_tids, sizeof(*m->tids));
	m->tids[m->n_tids++] = tid;
}

static void read_threads(struct look *l)
{
	int fd = openat(l->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		kan_auto_close_fn(&fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char *end = NULL;
		long tid = strtol(e->d_name, &end, 10);
		if (!*end && tid > 0)
			add_thread(l, (pid_t)tid);
	}
	(void)closedir(d);
}

/* A dead leader has no memory; its threads have, if there are any. */
static void live_dir(struct look *l)
{
	l->none = true;
	for (size_t i = 0; i < l->m->n_tids; i++) {
		char name[32];
		struct kan_proc_stat s;
		kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
		(void)snprintf(name, sizeof(name), "task/%d", (int)l->m->tids[i]);
		kan_auto_close int dir =
			openat(l->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0 || kan_proc_stat_read(&s, &text, dir, NULL) < 0 || s.state == 'Z' ||
		    s.state == 'X')
			continue;
		kan_auto_close_fn(&l->dir);
		l->dir = kan_take_fd(&dir);
		l->none = false;
		return;
	}
}

static int read_identity(struct look *l)
{
	struct kan_memspace *m = l->m;
	struct kan_proc_stat s;
	struct kan_proc_status st = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	if (kan_proc_stat_read(&s, &text, l->dir, &l->err) < 0)
		return -1;
	m->pid = s.pid;
	m->ppid = s.ppid;
	m->pgrp = s.pgrp;
	m->session = s.session;
	m->state = s.state;
	m->flags = s.flags;
	m->starttime = s.starttime;
	kan_buf_addb(&m->comm, s.comm);
	kan_buf_reset(&text);
	if (kan_proc_read_piece(&text, l->dir, "status", &l->err) == 0 &&
	    kan_proc_status_parse(&st, kan_buf_bytes(&text), NULL) == 0) {
		m->uid = st.uid[0];
		m->gid = st.gid[0];
	}
	read_threads(l);
	if (s.state == 'Z' || s.state == 'X')
		live_dir(l);
	return 0;
}

static int on_run(uint64_t start, uint64_t octets, void *arg)
{
	struct look *l = arg;
	struct kan_memspace *m = l->m;
	struct kan_memory_map *map = &m->maps[m->n_maps - 1];
	struct kan_memory_run *last = map->n ? &m->runs[m->n_runs - 1] : NULL;
	map->present += octets;
	if (last && last->start + last->octets == start) {
		last->octets += octets;
		return 0;
	}
	if (m->runs_seen++ >= KAN_MEMORY_RUNS) {
		map->cut = true;
		return 0;
	}
	m->runs = grown(m->runs, m->n_runs, &l->room_runs, sizeof(*m->runs));
	m->runs[m->n_runs++] = (struct kan_memory_run){start, octets};
	map->n++;
	return 0;
}

static void find_pages(struct look *l, struct kan_memory_map *map)
{
	struct kan_err why = {0};
	struct kan_pagemap_ask ask = {.fd = l->pagemap,
				      .start = map->start,
				      .end = map->end,
				      .page = l->page,
				      .until_ns = l->until_ns,
				      .fn = on_run,
				      .arg = l};
	map->first = l->m->n_runs;
	if (kan_pagemap_runs(&ask, &why) == 0)
		return;
	map->cut = true;
	l->m->late |= why.sys == ETIMEDOUT;
	l->m->unread |= why.sys != ETIMEDOUT && why.code != KAN_ELIMIT;
}

/* Half a path would name another file. */
static void add_name(struct look *l, const struct kan_smap *s)
{
	const struct kan_map *m = &s->map;
	if (!m->path.n || m->path.p[0] != '/')
		return;
	if (s->cut)
		l->m->files.left_out++;
	else
		kan_core_files_add(&l->m->files, m->start, m->end, m->offset / l->page, m->path);
}

static int on_map(const struct kan_smap *s, void *arg, struct kan_err *err)
{
	struct look *l = arg;
	struct kan_memspace *m = l->m;
	(void)err;
	if (m->maps_seen++ >= KAN_MEMORY_MAPS)
		return 0;
	m->maps = grown(m->maps, m->n_maps, &l->room_maps, sizeof(*m->maps));
	struct kan_memory_map *map = &m->maps[m->n_maps++];
	*map = (struct kan_memory_map){.start = s->map.start,
				       .end = s->map.end,
				       .offset = s->map.offset,
				       .device = s->device || !s->flags_known};
	memcpy(map->perms, s->map.perms, sizeof(map->perms));
	add_name(l, s);
	if (map->perms[1] == 'w' && !map->device)
		find_pages(l, map);
	return 0;
}

static int read_maps(struct look *l)
{
	kan_auto_free uint8_t *piece = kan_xalloc(PIECE);
	struct kan_smaps s = KAN_SMAPS(on_map, l);
	kan_auto_close int fd = openat(l->dir, "smaps", O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? kan_fail_sys(&l->err, "smaps") : 0;
	for (ssize_t n = 1; rc == 0 && n > 0;) {
		n = read(fd, piece, PIECE);
		if (n < 0)
			rc = kan_fail_sys(&l->err, "smaps");
		else
			rc = kan_smaps_add(&s, (struct kan_bytes){piece, (size_t)n}, &l->err);
		/* Millions of mappings: what is known by then is read. */
		l->m->late |= n > 0 && kan_bounded_now() >= l->until_ns;
		if (l->m->late)
			break;
	}
	if (rc == 0)
		rc = kan_smaps_end(&s, &l->err);
	kan_smaps_free(&s);
	return rc;
}

static int open_memory(struct look *l)
{
	l->m->mem = openat(l->dir, "mem", O_RDONLY | O_CLOEXEC);
	if (l->m->mem < 0)
		return kan_fail_sys(&l->err, "mem");
	l->pagemap = openat(l->dir, "pagemap", O_RDONLY | O_CLOEXEC);
	return l->pagemap < 0 ? kan_fail_sys(&l->err, "pagemap") : 0;
}

static void work(void *arg)
{
	struct look *l = arg;
	if (read_identity(l) < 0 || l->none || open_memory(l) < 0)
		return;
	(void)kan_proc_read(&l->m->auxv, l->dir, "auxv", NULL); /* empty: its note is */
	if (read_maps(l) < 0)
		return;
	if (l->m->n_maps == 0)
		(void)kan_fail(&l->err, KAN_ENOTFOUND, "no memory is mapped: it has ended");
}

static struct look *look_new(int pid_dir)
{
	struct look *l = kan_xalloc(sizeof(*l));
	l->m = kan_xalloc(sizeof(*l->m));
	l->m->mem = l->pagemap = -1;
	l->m->comm = KAN_BUF(COMM_OCTETS);
	l->m->auxv = KAN_BUF(KAN_CORE_AUXV);
	kan_core_files_init(&l->m->files);
	l->dir = fcntl(pid_dir, F_DUPFD_CLOEXEC, 0);
	l->page = (uint64_t)sysconf(_SC_PAGESIZE);
	l->until_ns = kan_bounded_now() + (int64_t)KAN_MEMORY_LOOK_MS * 1000000;
	return l;
}

int kan_memory_look(struct kan_memspace **out, struct kan_bounded *b, int pid_dir,
		    struct kan_err *err)
{
	struct look *l = look_new(pid_dir);
	struct kan_bounded_work what = {.job = l, .ms = KAN_BOUNDED_MS, .work = work, .drop = drop};
	if (kan_bounded_run(b, &what, err) < 0) {
		if (err->sys != ETIMEDOUT)
			drop(l);
		return -1;
	}
	int rc = l->err.code != KAN_OK ? -1 : l->none;
	if (rc == 0)
		*out = kan_take_ptr(l->m);
	else if (rc < 0 && err)
		*err = l->err;
	drop(l);
	return rc;
}

struct kan_core_process kan_memory_process(const struct kan_memspace *m)
{
	return (struct kan_core_process){
		.pid = m->pid,
		.ppid = m->ppid,
		.pgrp = m->pgrp,
		.session = m->session,
		.state = m->state,
		.flags = m->flags,
		.uid = m->uid,
		.gid = m->gid,
		.comm = kan_buf_bytes(&m->comm),
		/* The arguments are a page of the process, which may hang. */
		.args = kan_buf_bytes(&m->comm),
		.auxv = kan_buf_bytes(&m->auxv),
		.tids = m->tids,
		.n_tids = m->n_tids};
}

struct kan_memory_read *kan_memory_read_new(const struct kan_memspace *m)
{
	struct kan_memory_read *r = kan_xalloc(sizeof(*r));
	r->mem = fcntl(m->mem, F_DUPFD_CLOEXEC, 0);
	r->buffer = kan_io_buffer(KAN_MEMORY_OCTETS);
	return r;
}

void kan_memory_read_free(struct kan_memory_read *r)
{
	if (!r)
		return;
	kan_auto_close_fn(&r->mem);
	free(r->buffer);
	free(r);
}

static void drop_read(void *arg)
{
	kan_memory_read_free(arg);
}

static void read_piece(int mem, struct kan_memory_piece *p, uint8_t *to)
{
	p->got = 0;
	p->why = 0;
	while (p->got < p->octets) {
		ssize_t n = pread(mem, to + p->got, p->octets - p->got, (off_t)(p->start + p->got));
		if (n < 0)
			p->why = errno;
		if (n <= 0)
			return;
		p->got += (size_t)n;
	}
}

static void fetch(void *arg)
{
	struct kan_memory_read *r = arg;
	uint8_t *to = r->buffer;
	for (size_t i = 0; i < r->n; i++) {
		read_piece(r->mem, &r->v[i], to);
		to += r->v[i].octets;
	}
}

int kan_memory_fetch(struct kan_memory_read **r, struct kan_bounded *b, struct kan_err *err)
{
	struct kan_bounded_work what = {
		.job = *r, .ms = KAN_BOUNDED_MS, .work = fetch, .drop = drop_read};
	int rc = kan_bounded_run(b, &what, err);
	if (rc < 0 && err->sys == ETIMEDOUT)
		*r = NULL;
	return rc;
}
