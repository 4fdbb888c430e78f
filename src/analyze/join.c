/* The joins of processes and files. Unknown is null; absent is no key. */
#include "analyze/join.h"

#include <string.h>

#include "analyze/caps.h"
#include "analyze/contradictions.h"
#include "base/row.h"

enum { NS_PER_S = 1000000000, DELETED = 2, PATH = 128 << 10 };

static void unknown(json_t *extra, const char *column)
{
	json_object_set_new(extra, column, json_null());
}

static void word(json_t *extra, const char *column, const char *value)
{
	if (value)
		json_object_set_new(extra, column, json_string(value));
	else
		unknown(extra, column);
}

static void flag(json_t *extra, const char *column, bool value)
{
	json_object_set_new(extra, column, json_boolean(value));
}

/* A mount other than the root that the executable's device belongs to. */
static const struct kan_mount *mount_of(const struct kan_facts *f, const struct kan_proc *p)
{
	const struct kan_mount *best = NULL;
	for (size_t i = 0; i < f->n_mounts; i++) {
		const struct kan_mount *m = &f->mounts[i];
		bool below = m->point.n > 1 && p->link.n > m->point.n &&
			     memcmp(p->link.p, m->point.p, m->point.n) == 0 &&
			     p->link.p[m->point.n] == '/';
		if (below && (!best || m->point.n > best->point.n))
			best = m;
	}
	return best;
}

static const char *exe_origin(const struct kan_facts *f, const struct kan_proc *p)
{
	if (p->memfd)
		return "memfd";
	if (p->deleted)
		return "gone";
	if (p->added || p->changed)
		return "upper";
	if (p->baseline_same)
		return "image";
	const struct kan_mount *m = mount_of(f, p);
	if (m)
		return strcmp(m->class_, "tmpfs") == 0 ? "tmpfs" : "mount";
	if (p->in_upper)
		return "upper";
	return f->whole_changes && f->whole_mounts && p->baseline_path ? "image" : NULL;
}

/* 1 yes, 0 no, -1 unknown. What the container added at a path is in no layer there, whatever the
 * baseline lacks. */
static int exe_in_image(const struct kan_facts *f, const struct kan_proc *p)
{
	if (p->baseline_same)
		return 1;
	if (p->memfd || p->added)
		return 0;
	if (!p->sha256[0])
		return -1;
	if (f->whole_baseline)
		return 0;
	/* No name now and no whiteout: the image never had one there. */
	return p->deleted && p->path_absent && f->whole_changes && !p->gone && !p->changed ? 0 : -1;
}

static void join_stdio(json_t *extra, const struct kan_facts *f, const struct kan_proc *p)
{
	static const struct {
		unsigned bit;
		const char *name;
	} kinds[] = {{KAN_STDIO_INET, "inet"}, {KAN_STDIO_UNIX, "unix"},
		     {KAN_STDIO_TTY, "tty"},   {KAN_STDIO_PIPE, "pipe"},
		     {KAN_STDIO_FILE, "file"}, {KAN_STDIO_MEMFD, "memfd"}};
	bool lost = (p->stdio & KAN_STDIO_SOCKET) && !(p->stdio & KAN_STDIO_INET);
	if (lost || (!p->stdio && !f->whole_fds)) {
		unknown(extra, "stdio.kind");
		unknown(extra, "stdio.of_init");
		return;
	}
	json_t *set = json_array();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (p->stdio & kinds[i].bit)
			json_array_append_new(set, json_string(kinds[i].name));
	json_object_set_new(extra, "stdio.kind", set);
	const struct kan_proc *init = kan_facts_proc(f, f->init_pid);
	flag(extra, "stdio.of_init", init && kan_proc_shares_stdio(p, init));
}

void kan_join_process(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const struct kan_proc *p = kan_facts_proc(f, kan_get_int(row, "pid", -1));
	const json_t *tty = json_object_get(row, "tty");
	flag(extra, "is_kthread", json_is_true(json_object_get(row, "kthread")));
	kan_join_caps(extra, row, f);
	if (tty)
		flag(extra, "tty", json_is_true(tty) || json_integer_value(tty) != 0);
	else
		unknown(extra, "tty");
	if (!p || json_is_true(json_object_get(row, "neighbour")))
		return;
	word(extra, "ancestor", kan_ancestor_name(p->ancestor));
	kan_join_argv(extra, row);
	join_stdio(extra, f, p);
	if (p->same_as)
		json_object_set(extra, "exe.same_as", p->same_as);
	/* A zombie and a thread of the kernel have no executable: nothing to ask, and nothing lost.
	 */
	if (!p->link.n && !p->memfd)
		return;
	word(extra, "exe.origin", exe_origin(f, p));
	kan_join_exe_package(extra, row, p, f);
	int in_image = exe_in_image(f, p);
	if (in_image < 0)
		unknown(extra, "exe.in_image");
	else
		flag(extra, "exe.in_image", in_image);
}

/* The engine lists a deleted directory and not what was in it. Of one that became something else it
 * says "modified". */
static bool parent_listed(const struct kan_facts *f, const char *path, bool by_type)
{
	kan_auto_free char *p = kan_xstrdup(path);
	for (size_t n = strlen(p); n > 1; n--) {
		if (p[n - 1] != '/')
			continue;
		p[n - 1] = '\0';
		const struct kan_engine_path *e =
			n - 1 <= f->longest_engine ? kan_facts_engine(f, p) : NULL;
		if (e && (e->kind == DELETED || by_type))
			return true;
	}
	return false;
}

static bool hidden(const struct kan_facts *f, const json_t *row, const char *change)
{
	const char *path = kan_json_str(row, "path");
	if (kan_facts_engine(f, path))
		return false;
	bool by_type = strcmp(kan_json_str(row, "deleted_by"), "type") == 0;
	return strcmp(change, "deleted") != 0 || !parent_listed(f, path, by_type);
}

static void join_file(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const json_t *uid = json_object_get(row, "uid");
	if (f->whole_procs && json_is_integer(uid))
		flag(extra, "of_service_user", kan_facts_service_uid(f, json_integer_value(uid)));
	else
		unknown(extra, "of_service_user");
}

/* A builder's header may have whole seconds: then the rest of the time is no difference. */
static void same_second(json_t *below, const json_t *row)
{
	int64_t theirs = kan_get_int(below, "mtime_ns", 0), ours = kan_get_int(row, "mtime_ns", 0);
	if (theirs % NS_PER_S == 0 && theirs / NS_PER_S == ours / NS_PER_S)
		json_object_set(below, "mtime_ns", json_object_get(row, "mtime_ns"));
}

/* "below.KEY" of the image's facts. Of a capability, a tar that has none says so. */
static void join_image(json_t *extra, const char *column, const json_t *below)
{
	static const char capability[] = "below.capability.permitted";
	const char *key = strchr(column, '.');
	bool is_capability = strcmp(column, capability) == 0;
	json_t *value = key ? json_object_get(below, key + 1) : NULL;
	if (is_capability)
		value = json_object_get(json_object_get(below, "capability"), "permitted");
	if (value)
		json_object_set(extra, column, value);
	else if (!below || !is_capability)
		unknown(extra, column);
}

static json_t *image_of(const json_t *row, const struct kan_facts *f)
{
	struct kan_err ignored = {0};
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH);
	if (kan_json_bytes(&path, row, "path", &ignored) < 0)
		return NULL;
	json_t *below = json_copy((json_t *)(uintptr_t)kan_facts_image_of(f, kan_buf_bytes(&path)));
	same_second(below, row);
	return below;
}

/* What an engine's export does not have is not known to be none: nor what the image has at a path
 * that the engine calls modified or deleted, unless the baseline tells. */
static void join_export(json_t *extra, const json_t *row, const char *change,
			const struct kan_facts *f)
{
	static const char *const of_host[] = {"ctime_ns", "btime_ns", "ino", "nlink",
					      "acl",      "label",    NULL};
	static const char *const of_entry[] = {"mode",     "uid",  "gid",    "size",
					       "mtime_ns", "link", "sha256", "capability.permitted",
					       "type",     NULL};
	static const char *const of_image[] = {"below.layer",
					       "below.type",
					       "below.mode",
					       "below.uid",
					       "below.size",
					       "below.mtime_ns",
					       "below.nlink",
					       "below.sha256",
					       "below.capability.permitted",
					       "how",
					       NULL};
	for (size_t i = 0; of_host[i]; i++)
		unknown(extra, of_host[i]);
	for (size_t i = 0; !json_object_get(row, "mode") && of_entry[i]; i++)
		unknown(extra, of_entry[i]);
	json_t *below = image_of(row, f);
	for (size_t i = 0; strcmp(change, "added") != 0 && of_image[i]; i++)
		join_image(extra, of_image[i], below);
	if (below)
		json_object_set_new(extra, "below", below);
	unknown(extra, "file.hidden_from_engine"); /* the list is the engine's own */
}

/* Other content with the time of the image's version: no program that writes leaves it so. */
static void join_time(json_t *extra, const json_t *row, const char *change)
{
	const json_t *m = json_object_get(row, "mtime_ns"), *c = json_object_get(row, "ctime_ns");
	const json_t *was = json_object_get(json_object_get(row, "below"), "mtime_ns");
	if (m && c)
		json_object_set_new(
			extra, "file.ctime_gap",
			json_integer((json_integer_value(c) - json_integer_value(m)) / NS_PER_S));
	if (m && was)
		flag(extra, "file.time_forged",
		     strcmp(change, "changed") == 0 && json_equal(m, was));
}

void kan_join_change(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const char *change = kan_json_str(row, "change");
	const char *source = kan_json_str(row, "source");
	bool export = strcmp(source, "export") == 0;
	bool merged = strcmp(source, "merged") == 0 || (export && !*change);
	kan_join_how(extra, row, f);
	word(extra, "file.origin", merged ? NULL : "upper");
	join_file(extra, row, f);
	kan_join_package(extra, row, f);
	kan_join_package_db(extra, row, f);
	join_time(extra, row, change);
	if (export)
		join_export(extra, row, change, f);
	if (merged) { /* nobody knows whose it is */
		unknown(extra, "file.hidden_from_engine");
		unknown(extra, "change");
		return;
	}
	if (export)
		return;
	if (!*change) /* the content could not be compared; what differs beside it is a change */
		unknown(extra, "change");
	bool differs = json_array_size(json_object_get(row, "differs")) > 0;
	if (!*change && !differs) {
		unknown(extra, "file.hidden_from_engine");
		return;
	}
	bool seen = !*change || strcmp(change, "added") == 0 || strcmp(change, "changed") == 0 ||
		    strcmp(change, "metadata") == 0 || strcmp(change, "deleted") == 0;
	if (!seen) {
		flag(extra, "file.hidden_from_engine", false);
		return;
	}
	if (f->have_engine_list)
		flag(extra, "file.hidden_from_engine", hidden(f, row, change));
	else
		unknown(extra, "file.hidden_from_engine");
}

void kan_join_mount(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	if (!f->whole_strange)
		unknown(extra, "mount.known");
	else if (kan_get_dec(row, "mntns") == f->init_mntns)
		flag(extra, "mount.known",
		     !kan_ids_has(&f->strange, (uint64_t)kan_get_int(row, "id", -1)));
}

void kan_join_mountfile(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const struct kan_mount *m = kan_facts_mount(f, kan_get_int(row, "mnt_id", -1));
	const json_t *ctime = json_object_get(row, "ctime_ns");
	join_file(extra, row, f);
	if (f->started_ns && ctime)
		flag(extra, "after_start", json_integer_value(ctime) > f->started_ns);
	else
		unknown(extra, "after_start");
	if (!m) {
		unknown(extra, "file.origin");
		unknown(extra, "mount.point");
		return;
	}
	word(extra, "file.origin", m->class_);
	kan_json_set_bytes(extra, "mount.point", m->point);
}
