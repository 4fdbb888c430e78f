/* The pass over processes and their descriptors: who descends from whom, and what their stdio is.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "base/row.h"

enum {
	LINK_MAX_BYTES = 128 << 10,
	CHAIN_MAX = 4096, /* parents followed */
};

static const char deleted_suffix[] = " (deleted)";

/* A file may be named so: the suffix goes only when the kernel says that no name is left. */
static struct kan_bytes bare_link(const json_t *exe, bool deleted)
{
	kan_auto_buf struct kan_buf link = KAN_BUF(LINK_MAX_BYTES);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&link, exe, "link", &ignored) < 0)
		return (struct kan_bytes){NULL, 0};
	size_t n = link.len, k = sizeof deleted_suffix - 1;
	if (deleted && n > k && memcmp(link.data + n - k, deleted_suffix, k) == 0)
		n -= k;
	uint8_t *p = kan_xalloc(n + 1);
	memcpy(p, link.data, n);
	return (struct kan_bytes){p, n};
}

/* Config.Healthcheck.Test: ["CMD-SHELL", "..."] runs /bin/sh -c "..."; ["CMD", ...] runs the rest.
 */
static bool is_health_argv(const json_t *argv, const json_t *test)
{
	size_t n = json_array_size(argv), m = json_array_size(test);
	const char *how = json_string_value(json_array_get(test, 0));
	if (!how || m < 2 || n == 0)
		return false;
	if (strcmp(how, "CMD-SHELL") == 0) {
		const char *last = json_string_value(json_array_get(argv, n - 1));
		return last && strcmp(last, json_string_value(json_array_get(test, 1))) == 0;
	}
	if (n != m - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_equal(json_array_get(argv, i), json_array_get(test, i + 1)))
			return false;
	return true;
}

static int take_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	if (json_is_true(json_object_get(row, "neighbour")))
		return 0;
	struct kan_proc *p = kan_facts_more(&f->procs, &f->n_procs, KAN_FACTS_PROCS, sizeof *p);
	if (!p) {
		f->whole_procs = false;
		return 0;
	}
	const json_t *exe = json_object_get(row, "exe");
	p->pid = kan_get_int(row, "pid", 0);
	if (p->pid == f->init_pid)
		f->init_users = kan_get_dec(kan_get(row, "ns"), "user");
	p->ppid = kan_get_int(row, "ppid", -1);
	p->session = kan_get_int(row, "session", -1);
	const json_t *uid = json_array_get(json_object_get(row, "uid"), 1);
	p->uid = json_is_integer(uid) ? json_integer_value(uid) : -1;
	p->deleted = json_is_true(json_object_get(exe, "deleted"));
	p->memfd = json_is_true(json_object_get(exe, "memfd"));
	p->path_absent = strcmp(kan_json_str(exe, "path_now"), "absent") == 0;
	p->link = bare_link(exe, p->deleted);
	p->health_argv = is_health_argv(json_object_get(row, "argv"),
					kan_get(f->inspect, "Config.Healthcheck.Test"));
	strncpy(p->dev, kan_json_str(exe, "dev"), sizeof p->dev - 1);
	strncpy(p->sha256, kan_json_str(exe, "sha256"), sizeof p->sha256 - 1);
	const json_t *nspid = json_object_get(row, "nspid");
	size_t n = json_array_size(nspid);
	if (!f->init_pid && n > 1 && json_integer_value(json_array_get(nspid, n - 1)) == 1)
		f->init_pid = p->pid;
	return 0;
}

static unsigned stdio_kind(const struct kan_facts *f, const json_t *row)
{
	const char *kind = kan_json_str(row, "kind"), *link = kan_json_str(row, "link");
	if (strcmp(kind, "socket") == 0) {
		const struct kan_sock *s = kan_facts_sock(f, kan_get_dec(row, "ino"));
		if (!s)
			return KAN_STDIO_SOCKET;
		return s->family == 'i'   ? KAN_STDIO_INET
		       : s->family == 'u' ? KAN_STDIO_UNIX
					  : KAN_STDIO_FILE;
	}
	if (strcmp(kind, "fifo") == 0)
		return KAN_STDIO_PIPE;
	if (strcmp(kind, "memfd") == 0)
		return KAN_STDIO_MEMFD;
	if (strcmp(kind, "chr") == 0 &&
	    (strncmp(link, "/dev/pts/", 9) == 0 || strncmp(link, "/dev/tty", 8) == 0 ||
	     strcmp(link, "/dev/console") == 0))
		return KAN_STDIO_TTY;
	return KAN_STDIO_FILE;
}

static int take_fd(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	int64_t fd = kan_get_int(row, "fd", -1);
	if (fd < 0 || fd > 2)
		return 0;
	struct kan_proc *p =
		(struct kan_proc *)(uintptr_t)kan_facts_proc(f, kan_get_int(row, "pid", -1));
	if (!p)
		return 0;
	/* /dev/null is everybody's: it ties nobody to the init. */
	if (strcmp(kan_json_str(row, "link"), "/dev/null") != 0)
		p->stdio_ino[fd] = kan_get_dec(row, "ino");
	p->stdio |= stdio_kind(f, row);
	return 0;
}

bool kan_proc_shares_stdio(const struct kan_proc *a, const struct kan_proc *b)
{
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++)
			if (a->stdio_ino[i] && a->stdio_ino[i] == b->stdio_ino[k])
				return true;
	return false;
}

/* A child of init with neither init's session nor its stdio was left behind by somebody else. */
static enum kan_ancestor below_init(const struct kan_proc *child, const struct kan_proc *init)
{
	if (child->session == init->session || kan_proc_shares_stdio(child, init))
		return KAN_ANC_SERVICE;
	return KAN_ANC_ORPHAN;
}

/* By the chain of parents. *top: the child of init that it leads to, if it does. */
static enum kan_ancestor by_parents(const struct kan_proc **top, const struct kan_facts *f,
				    const struct kan_proc *init, const struct kan_proc *p)
{
	for (unsigned i = 0; i < CHAIN_MAX && p->ppid > 0; i++) {
		*top = p;
		if (p->ppid == init->pid)
			return below_init(p, init);
		const struct kan_proc *parent = kan_facts_proc(f, p->ppid);
		if (!parent)
			return !f->whole_procs  ? KAN_ANC_UNKNOWN
			       : p->health_argv ? KAN_ANC_HEALTH
						: KAN_ANC_EXEC;
		p = parent;
	}
	return KAN_ANC_UNKNOWN;
}

/* A session is only ever inherited, so who was left behind in one comes from whoever leads it. */
static enum kan_ancestor ancestor_of(const struct kan_facts *f, const struct kan_proc *p)
{
	const struct kan_proc *init = f->init_pid ? kan_facts_proc(f, f->init_pid) : NULL;
	const struct kan_proc *top = p;
	if (!init)
		return KAN_ANC_UNKNOWN;
	if (p->pid == init->pid)
		return KAN_ANC_INIT;
	enum kan_ancestor ancestor = by_parents(&top, f, init, p);
	const struct kan_proc *leader = kan_facts_proc(f, top->session);
	if (ancestor == KAN_ANC_ORPHAN && leader && leader != top)
		return by_parents(&top, f, init, leader);
	return ancestor;
}

int kan_facts_processes(struct kan_facts *f, struct kan_err *err)
{
	struct kan_err missing = {0};
	const char *rows = "data/processes/processes.ndjson", *fds = "data/processes/fds.ndjson";
	if (!f->init_pid)
		f->init_pid = kan_get_int(kan_get(f->inspect, "State"), "Pid", 0);
	if (kan_source_rows(f->source, rows, take_process, f, &missing) < 0 &&
	    missing.code != KAN_ENOTFOUND)
		return kan_fail(err, missing.code, "%s", missing.text);
	kan_facts_sort(f);
	missing = (struct kan_err){0};
	if (kan_source_rows(f->source, fds, take_fd, f, &missing) < 0 &&
	    missing.code != KAN_ENOTFOUND)
		return kan_fail(err, missing.code, "%s", missing.text);
	for (size_t i = 0; i < f->n_procs; i++)
		f->procs[i].ancestor = ancestor_of(f, &f->procs[i]);
	return 0;
}
