/* Executables whose digest is one that is looked for: held in the window, read after it. */
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collectors/carve.h"
#include "collectors/memory_parts.h"
#include "kernel/procfs.h"

static bool digests_asked(const struct kan_mem *m)
{
	return m->scan.look && m->scan.look->n_digests;
}

/* A zombie has none, and a process that has ended neither: it is told where its memory is. */
void kan_mem_exe_hold(struct kan_mem *m, pid_t pid, int dir)
{
	char what[32];
	struct statx st;
	struct kan_err why = {0};
	struct kan_held h = {.fd = -1};
	if (!digests_asked(m))
		return;
	(void)snprintf(what, sizeof(what), "%d/exe", (int)pid);
	if (kan_proc_magic(&h.fd, dir, "exe", &why) < 0) {
		if (why.code != KAN_ENOTFOUND)
			kan_sink_gap_err(m->sink, kan_bytes_of(what), &why);
		return;
	}
	if (statx(h.fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0) {
		(void)kan_fail_sys(&why, "stat");
		kan_sink_gap_err(m->sink, kan_bytes_of(what), &why);
		kan_auto_close_fn(&h.fd);
		return;
	}
	h.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	h.ino = st.stx_ino;
	h.size = st.stx_size;
	m->exes = kan_mem_grow(m->exes, m->n_exes, &m->room_exes, sizeof(*m->exes));
	m->exes[m->n_exes++] = (struct kan_mem_exe){pid, h.dev, h.ino};
	kan_held_add(&m->held, &h);
}

static void on_digest(size_t indicator, void *arg)
{
	struct kan_mem_hit *h = kan_mem_scan_hit(arg, indicator);
	if (h)
		h->as = KAN_MEM_EXE;
}

static void compare(struct kan_mem *m, const struct kan_carved *files)
{
	uint8_t raw[KAN_SHA256_SIZE];
	for (size_t i = 0; i < m->n_exes; i++) {
		int at = kan_held_find(&m->held, m->exes[i].dev, m->exes[i].ino);
		if (at == KAN_HELD_NONE || !files[at].digested || !files[at].whole)
			continue;
		kan_mem_unhex(raw, files[at].sha256);
		m->scan.pid = m->exes[i].pid;
		m->scan.region = NULL;
		kan_indicators_digest(m->scan.look, raw, on_digest, &m->scan);
	}
}

int kan_mem_exe_read(struct kan_mem *m, struct kan_err *err)
{
	if (!digests_asked(m))
		return 0;
	struct kan_carved *files = kan_xalloc((m->held.n + 1) * sizeof(*files));
	for (size_t i = 0; i < m->n_exes; i++) {
		int at = kan_held_find(&m->held, m->exes[i].dev, m->exes[i].ino);
		if (at == KAN_HELD_NONE || files[at].want == KAN_CARVE_DIGEST)
			continue;
		files[at].want = KAN_CARVE_DIGEST;
		(void)snprintf(files[at].who, sizeof(files[at].who), "%d/exe", (int)m->exes[i].pid);
	}
	int rc = kan_carve(files, &m->held, m->sink, err);
	if (rc == 0)
		compare(m, files);
	free(files);
	if (rc == 0 && m->held.left_out)
		kan_sink_limit(m->sink, KAN_LIT("held files"), m->held.n + m->held.left_out,
			       m->held.n, KAN_HELD_MAX);
	return rc;
}
