/* Processes: the cgroup against the scan of /proc, and what runs against the file of its path. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/contradictions.h"
#include "base/row.h"

#define PROCESSES "data/processes/processes.ndjson"
#define CGROUP "data/processes/cgroup.ndjson"

enum { PID_TEXT = 24, LINK_OCTETS = 128 << 10, ROW_BITS = 32 };

static const uint64_t ROW_MASK = 0xffffffff;

/* Gaps that take no row away. */
static const char *const beside[] = {
	"threads", "proc.tar",       "held files", "mappings",      "memory",      "kmsg",
	"keys",    "message queues", "semaphores", "shared memory", "IPC",         "maps",
	"status",  "start times",    "groups of",  "content",       "descriptors", NULL};

struct by_cgroup {
	struct kan_contra *c;
	struct kan_ids listed, scanned, unscanned;
	bool unread; /* a directory whose members nobody told */
};

static bool frozen(const json_t *row)
{
	return json_is_true(json_object_get(row, "frozen"));
}

static int take_cgroup(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct by_cgroup *b = arg;
	const json_t *procs = json_object_get(row, "procs");
	size_t i = 0;
	json_t *pid = NULL;
	(void)line;
	(void)err;
	b->unread |= !json_is_array(procs);
	b->c->live += !frozen(row);
	json_array_foreach ((json_t *)(uintptr_t)procs, i, pid)
		kan_ids_add(&b->listed, (uint64_t)json_integer_value(pid));
	return 0;
}

static bool member_by(const json_t *row, const char *how)
{
	return kan_json_has_word(json_object_get(row, "member_by"), how);
}

static void add_pid(struct kan_contra *c, const char *artefact, uint64_t line, uint64_t pid,
		    const char *const says[2])
{
	char text[PID_TEXT];
	(void)snprintf(text, sizeof text, "%" PRIu64, pid);
	const struct kan_contra_case one = {artefact, line, kan_bytes_of(text), says[0], says[1]};
	kan_contra_add(c, &one);
}

/* A zombie is in no cgroup.procs. */
static bool is_dead(const json_t *row)
{
	const char *state = kan_json_str(row, "state");
	return *state == 'Z' || *state == 'X';
}

static int take_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	static const char *const unlisted[2] = {"not listed by any cgroup.procs of the container",
						"its own /proc/PID/cgroup names the container"};
	static const char *const outside[2] = {"in no cgroup of the container",
					       "runs in the container's namespaces"};
	struct by_cgroup *b = arg;
	uint64_t pid = (uint64_t)kan_get_int(row, "pid", 0);
	bool scan = member_by(row, "scan"),
	     listed = kan_ids_has(&b->listed, pid) || member_by(row, "cgroup");
	(void)err;
	if (scan)
		kan_ids_add(&b->scanned, pid);
	if (json_is_true(json_object_get(row, "neighbour")) || listed)
		return 0;
	if (!frozen(row))
		b->c->live++;
	else if (is_dead(row))
		b->c->normal++;
	else
		add_pid(b->c, PROCESSES, line, pid, scan ? unlisted : outside);
	return 0;
}

/* A pid and the first row that lists it, in one number. */
static int again_cgroup(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct by_cgroup *b = arg;
	size_t i = 0;
	json_t *v = NULL;
	(void)err;
	json_array_foreach (json_object_get(row, "procs"), i, v) {
		uint64_t pid = (uint64_t)json_integer_value(v);
		if (!pid)
			b->c->normal++; /* of a pid namespace that is not below ours */
		else if (!kan_ids_has(&b->scanned, pid))
			kan_ids_add(&b->unscanned, pid << ROW_BITS | (line & ROW_MASK));
	}
	return 0;
}

static void tell_unscanned(struct by_cgroup *b)
{
	static const char *const says[2] = {"listed by cgroup.procs of the container",
					    "the scan of /proc does not find it"};
	uint64_t last = 0;
	kan_ids_sort(&b->unscanned);
	for (size_t i = 0; i < b->unscanned.n; i++) {
		uint64_t pid = b->unscanned.v[i] >> ROW_BITS;
		if (pid != last)
			add_pid(b->c, CGROUP, b->unscanned.v[i] & ROW_MASK, pid, says);
		last = pid;
	}
}

void kan_contra_cgroup(struct kan_contra *c)
{
	static const struct kan_contra_side cgroup = {"processes", CGROUP, beside, NULL},
					    processes = {"processes", PROCESSES, beside, NULL};
	struct by_cgroup b = {.c = c};
	if (!kan_contra_whole(c, &cgroup) || !kan_contra_whole(c, &processes) ||
	    !kan_contra_rows(c, CGROUP, take_cgroup, &b))
		return;
	kan_ids_sort(&b.listed);
	if (b.unread)
		kan_contra_missing(c, "processes", CGROUP, "unsupported",
				   "a cgroup does not tell its members");
	else if (c->live)
		kan_contra_missing(c, "processes", CGROUP, "live",
				   "it was read while the container ran");
	else if (kan_contra_rows(c, PROCESSES, take_process, &b)) {
		kan_ids_sort(&b.scanned);
		if (kan_contra_rows(c, CGROUP, again_cgroup, &b))
			tell_unscanned(&b);
	}
	if (b.listed.over || b.scanned.over || b.unscanned.over)
		kan_contra_missing(c, "processes", CGROUP, "limit", "too many processes");
	free(b.listed.v);
	free(b.scanned.v);
	free(b.unscanned.v);
}

/* Then its path is not one of the container's own layer. */
static bool on_a_mount(const struct kan_facts *f, const struct kan_proc *p)
{
	for (size_t i = 0; i < f->n_mounts; i++) {
		struct kan_bytes point = f->mounts[i].point;
		if (point.n > 1 && p->link.n >= point.n &&
		    memcmp(p->link.p, point.p, point.n) == 0 &&
		    (p->link.n == point.n || p->link.p[point.n] == '/'))
			return true;
	}
	return !f->whole_mounts;
}

/*
 * Overlay keeps the inode number when a file is copied up, so that the path still looks the same:
 * then the digests tell.
 */
static bool other_bytes(const struct kan_facts *f, const json_t *row)
{
	const struct kan_proc *p = kan_facts_proc(f, kan_get_int(row, "pid", -1));
	return p && p->other_bytes && !on_a_mount(f, p);
}

static const char *exe_says(const struct kan_facts *f, const json_t *row, const json_t *exe)
{
	const char *now = kan_json_str(exe, "path_now");
	if (json_is_true(json_object_get(exe, "memfd")))
		return "only in memory: it never had a path";
	if (json_is_true(json_object_get(exe, "deleted")))
		return strcmp(now, "other") == 0
			       ? "its file has no name left; the path names another"
			       : "its file has no name left";
	if (strcmp(now, "other") == 0)
		return "the path names another file";
	if (strcmp(now, "absent") == 0)
		return "the path names nothing";
	return other_bytes(f, row) ? "the container's own layer has other bytes at that path"
				   : NULL;
}

static int take_exe(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_contra *c = arg;
	const json_t *exe = json_object_get(row, "exe");
	kan_auto_buf struct kan_buf link = KAN_BUF(LINK_OCTETS);
	char one[64];
	struct kan_err ignored = {0};
	(void)err;
	if (!exe || json_is_true(json_object_get(row, "neighbour")))
		return 0;
	const char *says = exe_says(c->facts, row, exe);
	if (!says)
		return 0;
	if (!frozen(row)) {
		c->live++;
		return 0;
	}
	(void)kan_json_bytes(&link, exe, "link", &ignored);
	(void)snprintf(one, sizeof one, "process %" PRId64 " runs it", kan_get_int(row, "pid", 0));
	const struct kan_contra_case what = {PROCESSES, line, kan_buf_bytes(&link), one, says};
	kan_contra_add(c, &what);
	return 0;
}

/* What was read of a process stays true whatever is missing of others; that there is none does not.
 */
void kan_contra_exe(struct kan_contra *c)
{
	static const struct kan_contra_side processes = {"processes", PROCESSES, beside, "/exe"};
	if (c->facts->capture && kan_source_has(c->facts->source, PROCESSES))
		(void)kan_contra_rows(c, PROCESSES, take_exe, c);
	if (!c->count)
		(void)kan_contra_whole(c, &processes);
}
