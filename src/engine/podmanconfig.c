/* Podman's files about a container: what of them inspect would say, under its names. Its settings
 * as they were given are in libpod's database alone; the runtime's config has what became of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "engine/config.h"

enum { ID_OCTETS = 64, METADATA_MAX = 64 << 10, METADATA_DEPTH = 8, WORD_OCTETS = 48 };

static const char usual_root[] = "/var/lib/containers/storage";

const char *const kan_podman_lists[KAN_PODMAN_LISTS] = {"containers.json",
							"volatile-containers.json"};

const json_t *kan_podman_entry(json_t *const *lists, size_t n, const char *id, struct kan_err *err)
{
	size_t times = 0, k = 0;
	json_t *one = NULL;
	const json_t *found = NULL;
	for (size_t i = 0; i < n; i++)
		json_array_foreach (lists[i], k, one)
			if (strcmp(kan_json_str(one, "id"), id) == 0) {
				found = one;
				times++;
			}
	if (times == 1)
		return found;
	(void)kan_fail(err, times ? KAN_EFORMAT : KAN_ENOTFOUND, "%.12s is %s", id,
		       times ? "listed more than once" : "not listed");
	return NULL;
}

/* path without tail; 0: it does not end so. */
static size_t before(const char *path, size_t n, const char *tail)
{
	size_t t = strlen(tail);
	return n > t && memcmp(path + n - t, tail, t) == 0 ? n - t : 0;
}

/* "/var/lib/containers/storage/overlay/<layer>/merged", ".../vfs/dir/<layer>": the octets before
 * "/overlay" or "/vfs". */
static size_t root_of(const char *path, char layer[ID_OCTETS + 1])
{
	size_t merged = before(path, strlen(path), "/merged");
	size_t n = merged ? merged : strlen(path);
	if (path[0] != '/' || n <= ID_OCTETS)
		return 0;
	memcpy(layer, path + n - ID_OCTETS, ID_OCTETS);
	layer[ID_OCTETS] = 0;
	return kan_is_sha256_hex(layer)
		       ? before(path, n - ID_OCTETS, merged ? "/overlay/" : "/vfs/dir/")
		       : 0;
}

static const char *root_path(const json_t *spec)
{
	return kan_json_str(json_object_get(spec, "root"), "path");
}

bool kan_podman_is_of(const json_t *spec, const json_t *entry)
{
	char layer[ID_OCTETS + 1];
	const char *own = kan_json_str(entry, "layer");
	return !*own || !root_of(root_path(spec), layer) || strcmp(layer, own) == 0;
}

char *kan_podman_root(const json_t *inspect)
{
	const json_t *data = json_object_get(json_object_get(inspect, "GraphDriver"), "Data");
	char layer[ID_OCTETS + 1];
	const char *path = kan_json_str(data, "MergedDir");
	size_t n = root_of(path, layer);
	return strndup(n ? path : usual_root, n ? n : sizeof(usual_root) - 1);
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(o, key, json_string(text));
}

static void take(json_t *out, const char *key, const json_t *from, const char *name)
{
	json_t *v = json_object_get(from, name);
	if (v && !json_is_null(v))
		json_object_set(out, key, v);
}

/* A document as a text inside of the list: what the engine above the storage has noted. */
static void of_metadata(json_t *out, json_t *config, const json_t *entry)
{
	json_t *doc = NULL;
	const char *text = kan_json_str(entry, "metadata");
	if (kan_json_parse(&doc, kan_bytes_of(text), METADATA_MAX, METADATA_DEPTH, NULL) == 0)
		set_text(config, "Image", kan_json_str(doc, "image-name"));
	json_decref(doc);
	const json_t *flags = json_object_get(entry, "flags");
	take(out, "MountLabel", flags, "MountLabel");
	take(out, "ProcessLabel", flags, "ProcessLabel");
}

/* The first is its name; inspect has no word for others, which storage lets be. */
static void of_names(json_t *out, const json_t *names)
{
	size_t i = 0;
	json_t *one = NULL, *others = json_array();
	kan_auto_buf struct kan_buf slashed = KAN_BUF(SIZE_MAX);
	json_array_foreach (names, i, one)
		if (json_is_string(one) && slashed.len)
			json_array_append(others, one);
		else if (json_is_string(one))
			kan_buf_addf(&slashed, "/%s", json_string_value(one));
	set_text(out, "Name", kan_buf_str(&slashed));
	if (json_array_size(others))
		json_object_set(out, "OtherNames", others);
	json_decref(others);
}

static void of_entry(json_t *out, json_t *config, const json_t *entry)
{
	char image[KAN_DIGEST];
	const char *id = kan_json_str(entry, "image");
	set_text(out, "Id", kan_json_str(entry, "id"));
	of_names(out, json_object_get(entry, "names"));
	set_text(out, "Created", kan_json_str(entry, "created"));
	kan_digest_name(image, id);
	if (kan_is_sha256_hex(id))
		set_text(out, "Image", image);
	of_metadata(out, config, entry);
}

static void put_user(json_t *config, const json_t *user)
{
	char word[WORD_OCTETS];
	long long uid = kan_json_int(user, "uid"), gid = kan_json_int(user, "gid");
	(void)snprintf(word, sizeof(word), "%lld:%lld", uid, gid);
	if (uid || gid) /* inspect has no word for root */
		set_text(config, "User", word);
}

static void of_process(json_t *out, json_t *config, const json_t *spec)
{
	const json_t *process = json_object_get(spec, "process");
	json_t *args = json_object_get(process, "args"), *rest = json_array();
	for (size_t i = 1; i < json_array_size(args); i++)
		json_array_append(rest, json_array_get(args, i));
	take(config, "Env", process, "env");
	take(config, "Tty", process, "terminal");
	take(config, "Hostname", spec, "hostname");
	set_text(config, "WorkingDir", kan_json_str(process, "cwd"));
	put_user(config, json_object_get(process, "user"));
	if (json_is_string(json_array_get(args, 0))) {
		json_object_set(out, "Path", json_array_get(args, 0));
		json_object_set(out, "Args", rest);
	}
	json_decref(rest);
}

static bool has_namespace(const json_t *list, const char *type)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (list, i, one)
		if (strcmp(kan_json_str(one, "type"), type) == 0)
			return true;
	return false;
}

/* What the runtime was told, which is what held: a namespace that it does not name is the host's.
 */
static json_t *host_of(const json_t *spec)
{
	static const struct {
		const char *type, *key;
	} modes[] = {{"pid", "PidMode"},
		     {"network", "NetworkMode"},
		     {"ipc", "IpcMode"},
		     {"uts", "UTSMode"}};
	json_t *o = json_object();
	const json_t *list = json_object_get(json_object_get(spec, "linux"), "namespaces");
	const json_t *notes = json_object_get(spec, "annotations");
	for (size_t i = 0; json_is_array(list) && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!has_namespace(list, modes[i].type))
			set_text(o, modes[i].key, "host");
	if (strcmp(kan_json_str(notes, "io.podman.annotations.privileged"), "TRUE") == 0)
		json_object_set_new(o, "Privileged", json_true());
	take(o, "ReadonlyRootfs", json_object_get(spec, "root"), "readonly");
	return o;
}

/* What follows "userdata" of a source: at which place does Podman itself mount it? What a user
 * gives of such a directory is a bind as any other. */
static bool is_made_for(const char *tail, const char *at)
{
	static const struct {
		const char *tail, *at;
	} made[] = {{"/hosts", "/etc/hosts"},
		    {"/hostname", "/etc/hostname"},
		    {"/resolv.conf", "/etc/resolv.conf"},
		    {"/.containerenv", "/run/.containerenv"},
		    {"/shm", "/dev/shm"},
		    {"/passwd", "/etc/passwd"},
		    {"/group", "/etc/group"},
		    {"/localtime", "/etc/localtime"},
		    {"/notify", "/run/notify"},
		    {"/run/secrets", "/run/secrets"}};
	static const char secrets[] = "/secrets/", theirs[] = "/run/secrets/";
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (strcmp(tail, made[i].tail) == 0 && strcmp(at, made[i].at) == 0)
			return true;
	return strncmp(tail, secrets, sizeof(secrets) - 1) == 0 &&
	       strncmp(at, theirs, sizeof(theirs) - 1) == 0;
}

/* Podman writes whole paths: who writes ".." means another place. */
static bool leads_up(const char *path)
{
	for (const char *p = strstr(path, ".."); p; p = strstr(p + 1, ".."))
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == 0))
			return true;
	return false;
}

/* Files that Podman makes for each container, of this one or of one whose network it has; inspect
 * leaves them out: ".../overlay-containers/<id>/userdata/hosts", of the data or of the run root. */
static bool is_podmans(const char *source, const char *at)
{
	static const char mark[] = "-containers/", behind[] = "/userdata";
	if (leads_up(source) || leads_up(at))
		return false;
	for (const char *p = strstr(source, mark); p; p = strstr(p, mark)) {
		char id[ID_OCTETS + 1];
		bool driver = before(source, (size_t)(p - source), "/overlay") ||
			      before(source, (size_t)(p - source), "/vfs");
		p += sizeof(mark) - 1;
		if (!driver)
			continue;
		(void)snprintf(id, sizeof(id), "%s", p);
		if (kan_is_sha256_hex(id) &&
		    strncmp(p + ID_OCTETS, behind, sizeof(behind) - 1) == 0)
			return is_made_for(p + ID_OCTETS + sizeof(behind) - 1, at);
	}
	return false;
}

/* "<root>/volumes/<name>/_data": its name. Yours; NULL: another directory. */
static char *volume_of(const char *source, const char *root, size_t n)
{
	static const char volumes[] = "/volumes/";
	if (n == 0 || strncmp(source, root, n) != 0 ||
	    strncmp(source + n, volumes, sizeof(volumes) - 1) != 0)
		return NULL;
	const char *name = source + n + sizeof(volumes) - 1;
	size_t end = before(name, strlen(name), "/_data");
	return end && !memchr(name, '/', end) ? strndup(name, end) : NULL;
}

static bool has_option(const json_t *m, const char *word)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (json_object_get(m, "options"), i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
			return true;
	return false;
}

/* A directory of the host, of which a volume is one; the rest is of the runtime. */
static bool is_bound(const json_t *m)
{
	const char *type = kan_json_str(m, "type");
	return strcmp(type, "bind") == 0 || strcmp(type, "overlay") == 0 || has_option(m, "bind") ||
	       has_option(m, "rbind");
}

/* Of a volume with ":O" Podman mounts an overlay of its own first: the directory of the host is the
 * one below. */
static const char *source_of(const json_t *m)
{
	static const char below[] = "lowerdir=";
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (json_object_get(m, "options"), i, one) {
		const char *word = json_string_value(one);
		if (word && strncmp(word, below, sizeof(below) - 1) == 0)
			return word + sizeof(below) - 1;
	}
	return kan_json_str(m, "source");
}

static json_t *mount_of(const json_t *m, const char *root, size_t n)
{
	const char *source = source_of(m);
	char *volume = volume_of(source, root, n);
	json_t *o = json_object();
	set_text(o, "Type", volume ? "volume" : "bind");
	set_text(o, "Name", volume ? volume : "");
	set_text(o, "Driver", volume ? "local" : "");
	set_text(o, "Source", source);
	json_object_set_new(o, "Destination", json_string(kan_json_str(m, "destination")));
	json_object_set_new(o, "RW", json_boolean(!has_option(m, "ro")));
	free(volume);
	return o;
}

/* NULL: which there are is not known. */
static json_t *mounts_of(const json_t *spec)
{
	char layer[ID_OCTETS + 1];
	const char *root = root_path(spec);
	size_t i = 0, n = root_of(root, layer);
	json_t *list = json_object_get(spec, "mounts"), *m = NULL;
	if (!json_is_array(list))
		return NULL;
	json_t *out = json_array();
	json_array_foreach (list, i, m)
		if (is_bound(m) && !is_podmans(source_of(m), kan_json_str(m, "destination")))
			json_array_append_new(out, mount_of(m, root, n));
	return out;
}

static void of_spec(json_t *out, json_t *config, const json_t *spec)
{
	json_t *mounts = mounts_of(spec);
	of_process(out, config, spec);
	json_object_set_new(out, "HostConfig", host_of(spec));
	if (mounts)
		json_object_set_new(out, "Mounts", mounts);
	json_object_set_new(out, "GraphDriver",
			    json_pack("{s:{s:s}}", "Data", "MergedDir", root_path(spec)));
}

json_t *kan_podman_inspect(const json_t *entry, const json_t *spec)
{
	json_t *o = json_object(), *config = json_object();
	json_object_set_new(o, "State", json_object());
	json_object_set_new(o, "Config", config);
	of_entry(o, config, entry);
	if (json_is_object(spec) && kan_podman_is_of(spec, entry))
		of_spec(o, config, spec);
	return o;
}
