/* cgroups: where the container's are, who is in them, are they frozen. */
#include "kernel/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/cgroup_walk.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

enum { TEXT_OCTETS = 1 << 20, PROCS_OCTETS = 8 << 20, PATH_OCTETS = 4096, HIERARCHIES = 32 };

struct hierarchy {
	char *controllers; /* "freezer", "cpu,cpuacct", "name=systemd", "" for v2 */
	char *path;        /* of the container, "/docker/ID" */
	int dir;           /* its directory; -1 when it is not mounted here */
};

struct kan_cgroup {
	struct hierarchy h[HIERARCHIES];
	size_t n;
	int freezer, members; /* index; -1 */
	bool v2;
	int state_fd; /* cgroup.events or freezer.state, kept open */
};

/* Asked of each component of each process of the host, within the pause: nothing is printed here.
 */
static bool component_names(struct kan_bytes part, const char *id)
{
	static const struct {
		const char *before, *after;
		size_t before_n, after_n;
	} shapes[] = {{"", "", 0, 0},
		      {"docker-", ".scope", 7, 6},
		      {"libpod-", "", 7, 0},
		      {"libpod-", ".scope", 7, 6},
		      {"cri-containerd-", ".scope", 15, 6}};
	size_t n = strlen(id);
	for (size_t i = 0; part.n >= n && i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		size_t before = shapes[i].before_n;
		if (part.n == before + n + shapes[i].after_n &&
		    memcmp(part.p, shapes[i].before, before) == 0 &&
		    memcmp(part.p + before, id, n) == 0 &&
		    memcmp(part.p + before + n, shapes[i].after, shapes[i].after_n) == 0)
			return true;
	}
	return false;
}

static bool path_names(struct kan_bytes path, const char *id)
{
	for (size_t from = 0, i = 0; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		if (component_names((struct kan_bytes){path.p + from, i - from}, id))
			return true;
		from = i + 1;
	}
	return false;
}

/* One line, "N:controllers:path"; the path may hold colons. */
static bool line_parts(struct kan_bytes line, struct kan_bytes *controllers, struct kan_bytes *path)
{
	const uint8_t *a = line.n ? memchr(line.p, ':', line.n) : NULL;
	if (!a)
		return false;
	size_t left = line.n - (size_t)(a + 1 - line.p);
	const uint8_t *b = left ? memchr(a + 1, ':', left) : NULL;
	if (!b)
		return false;
	*controllers = (struct kan_bytes){a + 1, (size_t)(b - a - 1)};
	*path = (struct kan_bytes){b + 1, line.n - (size_t)(b + 1 - line.p)};
	return true;
}

static bool next_line(struct kan_bytes *text, struct kan_bytes *line)
{
	if (!text->n)
		return false;
	const uint8_t *end = memchr(text->p, '\n', text->n);
	*line = (struct kan_bytes){text->p, end ? (size_t)(end - text->p) : text->n};
	text->p += line->n + (end ? 1 : 0);
	text->n -= line->n + (end ? 1 : 0);
	return true;
}

bool kan_cgroup_names(struct kan_bytes text, const char *id)
{
	struct kan_bytes line, controllers, path;
	if (!id[0])
		return false;
	while (next_line(&text, &line))
		if (line_parts(line, &controllers, &path) && path_names(path, id))
			return true;
	return false;
}

static char *copy(struct kan_bytes v)
{
	char *s = kan_xalloc(v.n + 1);
	if (v.n)
		memcpy(s, v.p, v.n);
	return s;
}

/* Up to the component that names the container: an inner cgroup of its own is below it. */
static struct kan_bytes up_to_id(struct kan_bytes path, const char *id)
{
	for (size_t from = 0, i = 0; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		if (component_names((struct kan_bytes){path.p + from, i - from}, id))
			return (struct kan_bytes){path.p, i};
		from = i + 1;
	}
	return (struct kan_bytes){0};
}

static void add(struct kan_cgroup *c, struct kan_bytes controllers, struct kan_bytes path)
{
	struct hierarchy *h = &c->h[c->n++];
	h->controllers = copy(controllers);
	h->path = copy(path);
	h->dir = -1;
}

static bool same_controllers(const char *want, const struct kan_mount *m)
{
	if (!*want)
		return kan_bytes_eq(m->fstype, KAN_LIT("cgroup2"));
	if (!kan_bytes_eq(m->fstype, KAN_LIT("cgroup")))
		return false;
	/* Every controller of the line is an option of the superblock. */
	for (const char *at = want; *at;) {
		char one[64];
		kan_auto_buf struct kan_buf value = KAN_BUF(256);
		size_t n = strcspn(at, ",");
		(void)snprintf(one, sizeof(one), "%.*s", (int)n, at);
		char *equals = strchr(one, '=');
		if (equals)
			*equals = 0;
		if (!kan_mount_option(&value, m->super, one) ||
		    (equals && strcmp(kan_buf_str(&value), equals + 1) != 0))
			return false;
		at += n + (at[n] == ',');
	}
	return true;
}

static int open_below(int *fd, const struct kan_mount *m, const char *path, struct kan_err *err)
{
	char point[PATH_OCTETS], root[PATH_OCTETS];
	(void)snprintf(point, sizeof(point), "%.*s", (int)m->point.n, (const char *)m->point.p);
	(void)snprintf(root, sizeof(root), "%.*s", (int)m->root.n, (const char *)m->root.p);
	size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, skip) != 0 || path[skip] != '/' || !path[skip + 1])
		return kan_fail(err, KAN_ENOTFOUND, "cgroup %.200s is not below %.200s", path,
				root);
	kan_auto_close int top = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return kan_fail_sys(err, "%.200s", point);
	return kan_open_beneath(fd, top, path + skip + 1, O_RDONLY | O_DIRECTORY, 0, err);
}

static int on_mount(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct kan_cgroup *c = arg;
	(void)err;
	for (size_t i = 0; i < c->n; i++)
		if (c->h[i].dir < 0 && same_controllers(c->h[i].controllers, m))
			(void)open_below(&c->h[i].dir, m, c->h[i].path,
					 NULL); /* another mount of it may do */
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		if (len == n && strncmp(at, word, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

static void choose(struct kan_cgroup *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->h[i].dir < 0)
			continue;
		bool v1 = has_word(c->h[i].controllers, "freezer");
		bool v2 = !*c->h[i].controllers &&
			  faccessat(c->h[i].dir, "cgroup.freeze", F_OK, 0) == 0;
		if (v1 || (v2 && c->freezer < 0)) {
			c->freezer = (int)i;
			c->v2 = v2 && !v1;
		}
		if (c->members < 0 || v1)
			c->members = (int)i;
	}
	if (c->freezer >= 0)
		c->state_fd =
			openat(c->h[c->freezer].dir, c->v2 ? "cgroup.events" : "freezer.state",
			       O_RDONLY | O_CLOEXEC);
}

static int gather(struct kan_cgroup *c, int pid_dir, const char *id, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	struct kan_bytes rest, line, controllers, path;
	if (kan_proc_read(&text, pid_dir, "cgroup", err) < 0)
		return -1;
	rest = kan_buf_bytes(&text);
	while (next_line(&rest, &line) && c->n < HIERARCHIES) {
		if (!line_parts(line, &controllers, &path))
			continue;
		struct kan_bytes own = up_to_id(path, id);
		if (own.n > 1)
			add(c, controllers, own); /* "/" and "" are the root cgroup, every process
						     of the host: never taken */
	}
	if (c->n == 0)
		return kan_fail(err, KAN_EREFUSED, "no cgroup of the process names the container");
	return 0;
}

int kan_cgroup_open(struct kan_cgroup **out, int proc_fd, int pid_dir, const char *id,
		    struct kan_err *err)
{
	kan_auto_buf struct kan_buf mounts = KAN_BUF(KAN_MOUNTINFO_MAX);
	kan_auto_close int self = -1;
	struct kan_cgroup *c = kan_xalloc(sizeof(*c));
	c->freezer = c->members = c->state_fd = -1;
	if (gather(c, pid_dir, id, err) < 0 ||
	    kan_proc_pid_dir(&self, proc_fd, getpid(), err) < 0 ||
	    kan_proc_read(&mounts, self, "mountinfo", err) < 0 ||
	    kan_mountinfo_each(kan_buf_bytes(&mounts), on_mount, c, err) < 0) {
		kan_cgroup_free(c);
		return -1;
	}
	choose(c);
	*out = c;
	return 0;
}

void kan_cgroup_free(struct kan_cgroup *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->h[i].controllers);
		free(c->h[i].path);
		kan_auto_close_fn(&c->h[i].dir);
	}
	kan_auto_close_fn(&c->state_fd);
	free(c);
}

bool kan_cgroup_v2(const struct kan_cgroup *c)
{
	return c->v2;
}

int kan_cgroup_frozen(struct kan_cgroup *c, struct kan_err *err)
{
	char text[256];
	if (c->state_fd < 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"no freezer of the container is mounted here");
	ssize_t n = pread(c->state_fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return kan_fail_sys(err, "freezer");
	text[n] = 0;
	return c->v2 ? strstr(text, "frozen 1") != NULL : strncmp(text, "FROZEN", 6) == 0;
}

int kan_cgroup_thawed(struct kan_cgroup *c, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_CGROUP_FILE);
	struct kan_err why = {0};
	if (c->freezer < 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"no freezer of the container is mounted here");
	if (kan_read_pseudo(&text, c->h[c->freezer].dir, c->v2 ? "cgroup.freeze" : "freezer.state",
			    &why) < 0) {
		if (err)
			*err = why;
		/* A cgroup that went away with its tasks holds nobody. */
		return why.code == KAN_ENOTFOUND ? 1 : -1;
	}
	return strncmp(kan_buf_str(&text), c->v2 ? "0" : "THAWED", c->v2 ? 1 : 6) == 0;
}

bool kan_cgroup_gone(const struct kan_cgroup *c)
{
	char octet;
	return c->state_fd >= 0 && pread(c->state_fd, &octet, 1, 0) < 0 && errno == ENODEV;
}

static int set_freezer(struct kan_cgroup *c, bool freeze, struct kan_err *err)
{
	if (c->freezer < 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"no freezer of the container is mounted here");
	const char *file = c->v2 ? "cgroup.freeze" : "freezer.state",
		   *word = c->v2 ? (freeze ? "1" : "0") : (freeze ? "FROZEN" : "THAWED");
	kan_auto_close int fd = openat(c->h[c->freezer].dir, file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "%s", file);
	return kan_write_all(fd, word, strlen(word), err);
}

int kan_cgroup_freezer_path(char *out, size_t cap, const struct kan_cgroup *c)
{
	char link[64], dir[PATH_OCTETS];
	if (c->freezer < 0)
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", c->h[c->freezer].dir);
	ssize_t n = readlink(link, dir, sizeof(dir));
	if (n <= 0 || (size_t)n >= sizeof(dir))
		return -1;
	int m = snprintf(out, cap, "%.*s/%s", (int)n, dir,
			 c->v2 ? "cgroup.freeze" : "freezer.state");
	return m > 0 && (size_t)m < cap ? 0 : -1;
}

int kan_cgroup_freeze(struct kan_cgroup *c, struct kan_err *err)
{
	return set_freezer(c, true, err);
}

int kan_cgroup_thaw(struct kan_cgroup *c, struct kan_err *err)
{
	return set_freezer(c, false, err);
}

struct pid_call {
	kan_cgroup_pid_fn *fn;
	void *arg;
	struct kan_err *err;
};

static int pids_of(int dir, const char *path, void *arg)
{
	struct pid_call *call = arg;
	kan_auto_buf struct kan_buf text = KAN_BUF(PROCS_OCTETS);
	struct kan_err why = {0};
	(void)path;
	/* A threaded cgroup refuses (EOPNOTSUPP): its processes are listed at the domain above. */
	if (kan_read_pseudo(&text, dir, "cgroup.procs", &why) < 0)
		return why.code == KAN_EUNSUPPORTED || why.code == KAN_ENOTFOUND
			       ? 0
			       : (*call->err = why, -1);
	for (const char *at = kan_buf_str(&text); *at;) {
		char *end = NULL;
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		at = *end == '\n' ? end + 1 : end;
		if (pid > 0 && call->fn((pid_t)pid, call->arg) < 0)
			return -1;
	}
	return 0;
}

int kan_cgroup_pids(struct kan_cgroup *c, kan_cgroup_pid_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_err why = {0};
	struct pid_call call = {fn, arg, &why};
	if (c->members < 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"no cgroup of the container is mounted here");
	struct kan_cgroup_walk w = {.fn = pids_of, .arg = &call};
	if (kan_cgroup_walk(&w, c->h[c->members].dir, c->h[c->members].path) < 0) {
		if (err)
			*err = why;
		return -1;
	}
	return 0; /* of cgroups that were left out the processes are found by the scan of /proc */
}

struct file_call {
	kan_cgroup_file_fn *fn;
	const char *controllers;
	void *arg;
};

/* State, limits and counters of each controller, in both versions' names. */
static const struct {
	const char *file, *group, *key;
	bool lines;
} wanted[] = {
	{"cgroup.procs", "procs", "text", false},
	{"cgroup.events", "freezer", "events", true},
	{"cgroup.freeze", "freezer", "freeze", false},
	{"freezer.state", "freezer", "state", false},
	{"freezer.self_freezing", "freezer", "self", false},
	{"memory.current", "memory", "current", false},
	{"memory.max", "memory", "max", false},
	{"memory.peak", "memory", "peak", false},
	{"memory.events", "memory", "events", true},
	{"memory.usage_in_bytes", "memory", "current", false},
	{"memory.limit_in_bytes", "memory", "max", false},
	{"memory.max_usage_in_bytes", "memory", "peak", false},
	{"memory.oom_control", "memory", "events", true},
	{"cpu.stat", "cpu", "stat", true},
	{"cpu.max", "cpu", "max", false},
	{"cpuacct.usage", "cpu", "usage", false},
	{"cpuset.cpus.effective", "cpu", "cpus", false},
	{"pids.current", "pids", "current", false},
	{"pids.max", "pids", "max", false},
	{"io.stat", "io", "stat", true},
	{"io.max", "io", "max", true},
	{"blkio.throttle.io_service_bytes", "io", "stat", true},
	{"devices.list", "devices", "list", true},
};

static int files_of(int dir, const char *path, void *arg)
{
	const struct file_call *call = arg;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(KAN_CGROUP_FILE);
		struct kan_err why = {0};
		if (kan_read_pseudo(&text, dir, wanted[i].file, &why) < 0 && why.code != KAN_ELIMIT)
			continue; /* this controller is not here, or has no such file */
		struct kan_cgroup_file f = {.controllers = call->controllers,
					    .dir = kan_bytes_of(path),
					    .group = wanted[i].group,
					    .key = wanted[i].key,
					    .lines = wanted[i].lines,
					    .content = kan_buf_bytes(&text),
					    .cut = why.code == KAN_ELIMIT};
		if (call->fn(&f, call->arg) < 0)
			return -1;
	}
	return 0;
}

int kan_cgroup_files(struct kan_cgroup *c, kan_cgroup_file_fn *fn, void *arg, struct kan_err *err)
{
	bool left_out = false;
	for (size_t i = 0; i < c->n; i++) {
		struct file_call call = {fn, c->h[i].controllers, arg};
		struct kan_cgroup_walk w = {.fn = files_of, .arg = &call};
		if (c->h[i].dir >= 0 && kan_cgroup_walk(&w, c->h[i].dir, c->h[i].path) < 0)
			return kan_fail(err, KAN_EIO, "cgroup files");
		left_out |= w.left_out;
	}
	return left_out ? kan_fail(err, KAN_ELIMIT,
				   "over %d cgroups of one hierarchy, or nested too deep; the "
				   "rest is left out",
				   KAN_CGROUP_DIRS)
			: 0;
}
