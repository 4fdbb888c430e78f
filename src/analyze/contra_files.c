/* What the engine answers about the container against what its own files say: whoever edits the
 * files waits for its restart. */
#include <stdio.h>
#include <string.h>

#include "analyze/contradictions.h"
#include "image/engineconfig.h"

#define INSPECT "data/engine/inspect.json"
#define CONFIG "data/engine/config.v2.json"
#define HOST "data/engine/hostconfig.json"

enum { WORD_OCTETS = 48, WHAT_OCTETS = 512 };

/* What does not change by itself while a container lives: no state, no times of it, no addresses.
 */
static const struct {
	const char *key, *file;
} fields[] = {
	{"Id", CONFIG},
	{"Name", CONFIG},
	{"Created", CONFIG},
	{"Path", CONFIG},
	{"Args", CONFIG},
	{"Image", CONFIG},
	{"Driver", CONFIG},
	{"LogPath", CONFIG},
	{"ResolvConfPath", CONFIG},
	{"HostnamePath", CONFIG},
	{"HostsPath", CONFIG},
	{"AppArmorProfile", CONFIG},
	{"MountLabel", CONFIG},
	{"ProcessLabel", CONFIG},
	{"Config.Hostname", CONFIG},
	{"Config.User", CONFIG},
	{"Config.Env", CONFIG},
	{"Config.Cmd", CONFIG},
	{"Config.Entrypoint", CONFIG},
	{"Config.Image", CONFIG},
	{"Config.WorkingDir", CONFIG},
	{"Config.Labels", CONFIG},
	{"Config.Tty", CONFIG},
	{"Config.Volumes", CONFIG},
	{"Config.ExposedPorts", CONFIG},
	{"Config.Healthcheck", CONFIG},
	{"Config.StopSignal", CONFIG},
	{"HostConfig.Binds", HOST},
	{"HostConfig.Mounts", HOST},
	{"HostConfig.Tmpfs", HOST},
	{"HostConfig.VolumesFrom", HOST},
	{"HostConfig.Privileged", HOST},
	{"HostConfig.CapAdd", HOST},
	{"HostConfig.CapDrop", HOST},
	{"HostConfig.SecurityOpt", HOST},
	{"HostConfig.PidMode", HOST},
	{"HostConfig.IpcMode", HOST},
	{"HostConfig.UTSMode", HOST},
	{"HostConfig.UsernsMode", HOST},
	{"HostConfig.CgroupnsMode", HOST},
	{"HostConfig.NetworkMode", HOST},
	{"HostConfig.PortBindings", HOST},
	{"HostConfig.Devices", HOST},
	{"HostConfig.DeviceCgroupRules", HOST},
	{"HostConfig.GroupAdd", HOST},
	{"HostConfig.ReadonlyRootfs", HOST},
	{"HostConfig.MaskedPaths", HOST},
	{"HostConfig.ReadonlyPaths", HOST},
	{"HostConfig.RestartPolicy", HOST},
	{"HostConfig.AutoRemove", HOST},
	{"HostConfig.LogConfig", HOST},
	{"HostConfig.Runtime", HOST},
	{"HostConfig.Sysctls", HOST},
	{"HostConfig.ExtraHosts", HOST},
	{"HostConfig.Dns", HOST},
};

/* Absent, null and empty are one: which of them is written is a matter of the engine's version. */
static bool nothing(const json_t *v)
{
	if (json_is_string(v))
		return json_string_length(v) == 0;
	if (json_is_integer(v))
		return json_integer_value(v) == 0;
	return !v || json_is_null(v) || json_is_false(v) ||
	       (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

static bool same(const json_t *a, const json_t *b);

static bool same_objects(const json_t *a, const json_t *b)
{
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)a, key, v)
		if (!same(v, json_object_get(b, key)))
			return false;
	json_object_foreach ((json_t *)(uintptr_t)b, key, v)
		if (!json_object_get(a, key) && !nothing(v))
			return false;
	return true;
}

static bool same(const json_t *a, const json_t *b)
{
	if (nothing(a) || nothing(b))
		return nothing(a) && nothing(b);
	if (json_is_object(a) && json_is_object(b))
		return same_objects(a, b);
	return json_equal(a, b);
}

/* "default" is the bridge: newer engines answer with the one for the other. */
static bool same_network(const json_t *a, const json_t *b)
{
	const char *one = json_string_value(a), *other = json_string_value(b);
	bool bridge = one && other && (strcmp(one, "default") == 0 || strcmp(one, "bridge") == 0) &&
		      (strcmp(other, "default") == 0 || strcmp(other, "bridge") == 0);
	return bridge || same(a, b);
}

/* What kind of thing it is: never its text, which is not ours. */
static void word_of(char out[WORD_OCTETS], const json_t *v, const char *whose)
{
	if (nothing(v))
		(void)snprintf(out, WORD_OCTETS, "%s: nothing", whose);
	else if (json_is_true(v))
		(void)snprintf(out, WORD_OCTETS, "%s: true", whose);
	else if (json_is_integer(v))
		(void)snprintf(out, WORD_OCTETS, "%s: %lld", whose,
			       (long long)json_integer_value(v));
	else if (json_is_array(v))
		(void)snprintf(out, WORD_OCTETS, "%s: %zu entries", whose, json_array_size(v));
	else if (json_is_object(v))
		(void)snprintf(out, WORD_OCTETS, "%s: %zu keys", whose, json_object_size(v));
	else
		(void)snprintf(out, WORD_OCTETS, "%s: another value", whose);
}

static void differs(struct kan_contra *c, const char *what, const char *file, const json_t *answer,
		    const json_t *kept)
{
	char one[WORD_OCTETS], other[WORD_OCTETS];
	word_of(one, answer, "the engine");
	word_of(other, kept, "its file");
	const struct kan_contra_case found = {file, 0, kan_bytes_of(what), one, other};
	kan_contra_add(c, &found);
}

static void each_field(struct kan_contra *c, const json_t *files)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const json_t *answer = kan_get(c->facts->inspect, fields[i].key);
		const json_t *kept = kan_get(files, fields[i].key);
		bool agree = strcmp(fields[i].key, "HostConfig.NetworkMode") == 0
				     ? same_network(answer, kept)
				     : same(answer, kept);
		if (!agree)
			differs(c, fields[i].key, fields[i].file, answer, kept);
	}
}

static const json_t *mount_at(const json_t *list, const char *destination)
{
	size_t i = 0;
	json_t *m = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, m)
		if (strcmp(kan_json_str(m, "Destination"), destination) == 0)
			return m;
	return NULL;
}

/* The source of a volume is worked out by the engine; its file has the name. */
static bool same_mount(const json_t *answer, const json_t *kept)
{
	static const char *const keys[] = {"Type", "Name", "Driver", "RW", NULL};
	const json_t *from = json_object_get(answer, "Source"),
		     *file = json_object_get(kept, "Source");
	for (const char *const *k = keys; *k; k++)
		if (!same(json_object_get(answer, *k), json_object_get(kept, *k)))
			return false;
	return nothing(file) || nothing(from) || json_equal(from, file);
}

static void each_mount(struct kan_contra *c, const json_t *files)
{
	const json_t *answered = json_object_get(c->facts->inspect, "Mounts");
	const json_t *kept = json_object_get(files, "Mounts");
	size_t i = 0;
	json_t *m = NULL;
	char what[WHAT_OCTETS];
	json_array_foreach ((json_t *)(uintptr_t)answered, i, m) {
		const char *at = kan_json_str(m, "Destination");
		const json_t *other = mount_at(kept, at);
		(void)snprintf(what, sizeof what, "MountPoints %s", at);
		if (!other || !same_mount(m, other))
			differs(c, what, CONFIG, m, other);
	}
	json_array_foreach ((json_t *)(uintptr_t)kept, i, m) {
		const char *at = kan_json_str(m, "Destination");
		(void)snprintf(what, sizeof what, "MountPoints %s", at);
		if (!mount_at(answered, at))
			differs(c, what, CONFIG, NULL, m);
	}
}

static json_t *document(struct kan_contra *c, const char *path)
{
	json_t *doc = NULL;
	struct kan_err why = {0};
	if (kan_source_json(&doc, c->facts->source, path, KAN_FACTS_DOCUMENT, &why) == 0 &&
	    json_is_object(doc))
		return doc;
	json_decref(doc);
	kan_contra_missing(c, "engine", path, "malformed", "it is no JSON object");
	return NULL;
}

void kan_contra_files(struct kan_contra *c)
{
	/* Gaps about the engine's other answers say nothing of these. */
	static const char *const beside[] = {"events",     "image",    "version", "info",
					     "containers", "networks", "volumes", "oci-spec",
					     "runc-state", NULL};
	static const struct kan_contra_side sides[] = {{"engine", CONFIG, beside, NULL},
						       {"engine", HOST, beside, NULL},
						       {"engine", INSPECT, beside, NULL}};
	if (kan_contra_podman(c))
		return;
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
		if (!kan_contra_whole(c, &sides[i]))
			return;
	if (!c->facts->inspect) {
		kan_contra_missing(c, "engine", INSPECT, "malformed", "it is no JSON object");
		return;
	}
	json_auto_t *config = document(c, CONFIG);
	json_auto_t *host = document(c, HOST);
	if (!config || !host)
		return;
	json_auto_t *files = kan_config_inspect(config, host);
	each_field(c, files);
	if (json_array_size(json_object_get(files, "Mounts")) > KAN_CONTRA_MOUNTS ||
	    json_array_size(json_object_get(c->facts->inspect, "Mounts")) > KAN_CONTRA_MOUNTS)
		kan_contra_missing(c, "engine", INSPECT, "limit", "more mounts than are compared");
	else
		each_mount(c, files);
}
