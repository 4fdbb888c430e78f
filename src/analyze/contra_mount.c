/* Mounts: what the kernel has in the init's namespace, what the engine says, and what every
 * container has. */
#include <stdlib.h>
#include <string.h>

#include "analyze/contradictions.h"
#include "base/row.h"

#define MOUNTS "data/mounts/mounts.ndjson"
#define INSPECT "data/engine/inspect.json"

enum { POINT_OCTETS = 128 << 10 };

struct mount {
	int64_t id, parent;
	char *point, *host_path; /* as text, clean; owned */
	char *covers;
	uint64_t line;
	bool claimed;
};

struct both {
	struct kan_contra *c;
	struct mount *v; /* of the init's namespace, in the order of the table */
	size_t n;
	uint64_t mntns;
	json_t *linked; /* tmpfs of the engine's at no such point: there may be a link on the way */
};

/* The init's namespace comes first. */
static int take_mount(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct both *b = arg;
	uint64_t mntns = kan_get_dec(row, "mntns");
	(void)err;
	if (!b->mntns)
		b->mntns = mntns;
	if (mntns != b->mntns)
		return 0;
	struct mount *m = kan_facts_more(&b->v, &b->n, KAN_CONTRA_MOUNTS, sizeof *m);
	if (!m) {
		kan_contra_missing(b->c, "mounts", MOUNTS, "limit", "too many mounts");
		return 0;
	}
	m->id = kan_get_int(row, "id", -1);
	m->parent = kan_get_int(row, "parent", -1);
	m->point = kan_xstrdup(kan_json_str(row, "point"));
	m->host_path = kan_xstrdup(kan_json_str(row, "host_path"));
	m->covers = kan_xstrdup(kan_json_str(json_object_get(row, "covers"), "what"));
	m->line = line;
	return 0;
}

static void free_all(struct both *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].point);
		free(b->v[i].host_path);
		free(b->v[i].covers);
	}
	free(b->v);
	json_decref(b->linked);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The n-th way to tell that a mount is the one that the engine names: its point; else, as links in
 * the image may lead elsewhere, where it comes from, or how it is called. */
static bool is_it(const struct mount *m, const json_t *named, int way)
{
	const char *to = kan_json_str(named, "Destination"), *from = kan_json_str(named, "Source");
	if (way == 0)
		return strcmp(m->point, to) == 0;
	if (way == 1)
		return *from && strcmp(m->host_path, from) == 0;
	return strcmp(last_part(m->point), last_part(to)) == 0;
}

static bool claim(struct both *b, const json_t *named, int way)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].claimed || !is_it(&b->v[i], named, way))
			continue;
		b->v[i].claimed = true;
		return true;
	}
	return false;
}

static void claim_point(struct both *b, const char *point)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->v[i].claimed && strcmp(b->v[i].point, point) == 0) {
			b->v[i].claimed = true;
			return;
		}
}

/* "/tmp/" is "/tmp" to the kernel, and not to the engine. */
static void claim_tmpfs(struct both *b, const char *point)
{
	size_t n = strlen(point);
	while (n > 1 && point[n - 1] == '/')
		n--;
	json_t *named = json_pack("{s:s%}", "Destination", point, n);
	if (claim(b, named, 0))
		json_decref(named);
	else
		json_array_append_new(b->linked, named);
}

static void claim_list(struct both *b, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v))
			claim_point(b, json_string_value(v));
}

/* What engines mount in every container, once each: a second one there is no more theirs. */
static void claim_usual(struct both *b)
{
	static const char *const usual[] = {
		"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/sys",
		"/sys/fs/cgroup", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
		"/run/.containerenv", "/run/secrets", "/sbin/docker-init", "/usr/sbin/docker-init",
		"/dev/init", "/run/podman-init",
		/* read-only and masked, where inspect does not list them */
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
		"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
		"/proc/scsi", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block",
		"/sys/devices/virtual/powercap", NULL};
	const json_t *host = json_object_get(b->c->facts->inspect, "HostConfig");
	const char *point = NULL;
	json_t *options = NULL;
	for (size_t i = 0; usual[i]; i++)
		claim_point(b, usual[i]);
	claim_list(b, json_object_get(host, "MaskedPaths"));
	claim_list(b, json_object_get(host, "ReadonlyPaths"));
	json_object_foreach (json_object_get(host, "Tmpfs"), point, options)
		claim_tmpfs(b, point);
	json_t *one = NULL;
	size_t i = 0;
	json_array_foreach (json_object_get(host, "Devices"), i, one)
		claim_point(b, kan_json_str(one, "PathInContainer"));
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return n > 1 && strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* A bind takes the mounts below it along; cgroup version 1 has one for each controller; devices of
 * a container without the right to make them are binds; the thermal files of each CPU are masked.
 */
static bool comes_along(const struct both *b, const struct mount *m)
{
	static const char cpus[] = "/sys/devices/system/cpu/cpu";
	const char *throttle = strstr(m->point, "/thermal_throttle");
	size_t i = 0;
	json_t *named = NULL;
	if (strcmp(m->covers, "mount") == 0)
		return false; /* over a whole other one: nobody's habit */
	if (below(m->point, "/sys/fs/cgroup") || below(m->point, "/run/secrets") ||
	    (strncmp(m->point, cpus, sizeof cpus - 1) == 0 && throttle && !throttle[17]))
		return true;
	json_array_foreach (json_object_get(b->c->facts->inspect, "Mounts"), i, named)
		if (strcmp(kan_json_str(named, "Type"), "bind") == 0 &&
		    below(m->point, kan_json_str(named, "Destination")))
			return true;
	return false;
}

static void unclaimed(struct both *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct mount *m = &b->v[i];
		const struct kan_contra_case one = {
			MOUNTS, m->line, kan_bytes_of(m->point),
			strcmp(m->covers, "process") == 0
				? "the kernel has it mounted, over a process of /proc"
				: "the kernel has it mounted",
			"the engine does not know of it"};
		if (!m->claimed && comes_along(b, m))
			b->c->normal++;
		else if (!m->claimed)
			kan_contra_add(b->c, &one);
	}
}

/* Each way for all, before the next way for any. */
static void named_ones(struct both *b)
{
	const json_t *mounts = json_object_get(b->c->facts->inspect, "Mounts");
	size_t n = json_array_size(mounts);
	bool *found = kan_xalloc(n + 1);
	for (int way = 0; way < 3; way++) {
		for (size_t i = 0; i < n; i++)
			if (!found[i])
				found[i] = claim(b, json_array_get(mounts, i), way);
		if (way == 0)
			claim_usual(b);
	}
	for (size_t i = 0; i < json_array_size(b->linked); i++)
		(void)claim(b, json_array_get(b->linked, i), 2);
	for (size_t i = 0; i < n; i++) {
		const char *to = kan_json_str(json_array_get(mounts, i), "Destination");
		const struct kan_contra_case one = {INSPECT, 0, kan_bytes_of(to),
						    "the kernel has no such mount",
						    "the engine says that it is mounted"};
		if (!found[i])
			kan_contra_add(b->c, &one);
	}
	free(found);
}

/* false: it cannot be assessed, and c says why. free_all in both cases. */
static bool compare(struct both *b)
{
	/* A gap that names a mount point is about what is in the mount. */
	static const char *const beside[] = {"/",           "host_path", "root of",
					     "words about", "content",   NULL};
	static const struct kan_contra_side mounts = {"mounts", MOUNTS, beside, NULL};
	if (!kan_contra_whole(b->c, &mounts))
		return false;
	if (!b->c->facts->inspect) {
		kan_contra_missing(b->c, "engine", INSPECT, "absent",
				   "the bundle does not have it");
		return false;
	}
	b->linked = json_array();
	if (!kan_contra_rows(b->c, MOUNTS, take_mount, b) || b->c->missing)
		return false;
	named_ones(b);
	return true;
}

void kan_contra_mounts(struct kan_contra *c)
{
	struct both b = {.c = c};
	if (compare(&b))
		unclaimed(&b);
	free_all(&b);
}

bool kan_mounts_strange(struct kan_ids *out, uint64_t *mntns, const struct kan_facts *f)
{
	struct kan_contra c = {.facts = f, .rows = json_array()};
	struct both b = {.c = &c};
	bool told = compare(&b);
	for (size_t i = 0; told && i < b.n; i++)
		if (!b.v[i].claimed && !comes_along(&b, &b.v[i]))
			kan_ids_add(out, (uint64_t)b.v[i].id);
	kan_ids_sort(out);
	*mntns = b.mntns;
	free_all(&b);
	json_decref(c.rows);
	json_decref(c.missing);
	return told;
}
