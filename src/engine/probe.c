/* An engine, looked at from outside: its word, the proof of it, and where evidence would lie. */
#include "engine/probe.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/row.h"
#include "base/within.h"
#include "engine/claims.h"
#include "kernel/procfs.h"

enum { NAMES_MAX = 16 };

static void add_clean(json_t *list, const char *text)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	(void)kan_text_clean(&clean, kan_bytes_of(text));
	json_array_append_new(list, json_string(kan_buf_str(&clean)));
}

/* What does not answer is a word in lacks: the rest is still told. */
static json_t *answer(json_t *doc, struct kan_engine *e, const char *path)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	struct kan_err why = {0};
	json_t *o = NULL;
	if (kan_engine_get_raw(&raw, e, path, &why) == 0 &&
	    kan_engine_parse(&o, kan_buf_bytes(&raw), &why) == 0)
		return o;
	add_clean(json_object_get(doc, "lacks"), why.text);
	return NULL;
}

static void copy(json_t *doc, const char *key, const json_t *from, const char *name)
{
	const char *text = kan_json_str(from, name);
	if (*text)
		kan_json_set_bytes(doc, key, kan_bytes_of(text));
}

static void words(json_t *doc, struct kan_engine *e)
{
	json_auto_t *version = answer(doc, e, "/version"), *info = answer(doc, e, "/info");
	const json_t *first = json_array_get(json_object_get(version, "Components"), 0);
	copy(doc, "name", first, "Name");
	copy(doc, "version", version, "Version");
	copy(doc, "storage", info, "Driver");
	copy(doc, "cgroup_version", info, "CgroupVersion");
	copy(doc, "data_root", info, "DockerRootDir");
}

static const char *name_of(const json_t *container)
{
	const char *name =
		json_string_value(json_array_get(json_object_get(container, "Names"), 0));
	return name ? name + (name[0] == '/') : kan_json_str(container, "Id");
}

/* Followed as the engine follows it; only its inode is looked at. A bind of "/" has all there is.
 */
static bool has(const struct kan_target *t, const struct kan_ancestors *up, const json_t *container)
{
	size_t i = 0;
	json_t *m = NULL;
	json_array_foreach (json_object_get(container, "Mounts"), i, m) {
		const char *source = kan_json_str(m, "Source");
		if (source[0] != '/')
			continue;
		kan_auto_close int fd =
			openat(t->engine_root_fd, source[1] ? source + 1 : ".", O_PATH | O_CLOEXEC);
		if (fd >= 0 && kan_ancestors_have(up, fd))
			return true;
	}
	return false;
}

static void reach(json_t *doc, const struct kan_target *t, struct kan_engine *e, int place)
{
	struct kan_ancestors up;
	json_auto_t *list = answer(doc, e, "/containers/json?all=1");
	json_t *names = json_object_get(doc, "mounted_by"), *c = NULL;
	size_t i = 0;
	kan_ancestors_of(&up, place);
	json_array_foreach (list, i, c)
		if (json_array_size(names) < NAMES_MAX && has(t, &up, c))
			add_clean(names, name_of(c));
}

static void where(json_t *doc, const struct kan_target *t, struct kan_engine *e, const char *path)
{
	struct stat ours, engines;
	kan_auto_close int place = kan_nearest_dir(path);
	if (place < 0)
		return;
	if (t->data_root_fd >= 0 && fstat(place, &ours) == 0 &&
	    fstat(t->data_root_fd, &engines) == 0)
		json_object_set_new(doc, "same_disk", json_boolean(ours.st_dev == engines.st_dev));
	reach(doc, t, e, place);
}

static void prove(json_t *doc, struct kan_engine *e, const char *place)
{
	struct kan_err why = {0};
	struct kan_policy policy = {0};
	struct kan_target *t = kan_target_new(e, &policy);
	bool local = kan_proc_open(&t->proc_fd, &why) == 0 && kan_prove_engine(t, e, &why) == 0;
	json_object_set_new(doc, "local", json_boolean(local));
	if (local)
		where(doc, t, e, place);
	else
		kan_json_set_bytes(doc, "why_not_local", kan_bytes_of(why.text));
	kan_target_free(t);
}

int kan_engine_probe(json_t **out, const char *host, const char *place, struct kan_err *err)
{
	struct kan_engine *e = NULL;
	if (kan_engine_open(&e, host, err) < 0)
		return -1;
	json_t *doc = json_object();
	kan_json_set_bytes(doc, "host", kan_bytes_of(kan_engine_host(e)));
	json_object_set_new(doc, "api", json_string(kan_engine_api(e)));
	json_object_set_new(doc, "mounted_by", json_array());
	json_object_set_new(doc, "lacks", json_array());
	words(doc, e);
	prove(doc, e, place);
	kan_engine_free(e);
	*out = doc;
	return 0;
}
