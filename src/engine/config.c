/* config.v2.json and hostconfig.json of Docker: what of them inspect would say, under its names. */
#include "engine/config.h"

#include <string.h>

#include "base/row.h"

/* The same in both, but for the name. */
static const struct {
	const char *ours, *theirs;
} same[] = {
	{"Id", "ID"},
	{"Name", "Name"},
	{"Created", "Created"},
	{"Path", "Path"},
	{"Args", "Args"},
	{"Image", "Image"},
	{"Driver", "Driver"},
	{"LogPath", "LogPath"},
	{"ResolvConfPath", "ResolvConfPath"},
	{"HostnamePath", "HostnamePath"},
	{"HostsPath", "HostsPath"},
	{"RestartCount", "RestartCount"},
	{"ImageManifestDescriptor", "ImageManifest"}, /* from Docker 28 on */
	{"AppArmorProfile", "AppArmorProfile"},
	{"MountLabel", "MountLabel"},
	{"ProcessLabel", "ProcessLabel"},
	{"Config", "Config"},
	{"NetworkSettings", "NetworkSettings"},
};

static void take(json_t *out, const char *key, const json_t *from, const char *name)
{
	json_t *v = json_object_get(from, name);
	if (v && !json_is_null(v))
		json_object_set(out, key, v);
}

static bool set(const json_t *state, const char *flag)
{
	return json_is_true(json_object_get(state, flag));
}

static bool never_started(const json_t *state)
{
	const char *when = kan_json_str(state, "StartedAt");
	return !*when || strncmp(when, "0001-01-01T00:00:00", 19) == 0;
}

/* The files have flags; the word that inspect gives is made of them. */
static const char *status(const json_t *state)
{
	if (set(state, "Running")) {
		if (set(state, "Paused"))
			return "paused";
		return set(state, "Restarting") ? "restarting" : "running";
	}
	if (set(state, "RemovalInProgress"))
		return "removing";
	if (set(state, "Dead"))
		return "dead";
	return never_started(state) ? "created" : "exited";
}

static json_t *state_of(const json_t *config)
{
	const json_t *state = json_object_get(config, "State");
	json_t *o = json_object();
	if (json_is_object(state))
		json_object_update(o, (json_t *)(uintptr_t)state);
	json_object_set_new(o, "Status", json_string(status(state)));
	return o;
}

static json_t *mount_of(const char *destination, const json_t *point)
{
	static const char *const names[] = {"Type", "Name",        "Source", "Driver",
					    "RW",   "Propagation", NULL};
	json_t *o = json_object();
	for (const char *const *n = names; *n; n++)
		take(o, *n, point, *n);
	take(o, "Mode", point, "Relabel");
	json_object_set_new(o, "Destination", json_string(destination));
	return o;
}

/* NULL: which there are is not known. Of a damaged one its place is. */
static json_t *mounts_of(const json_t *config)
{
	json_t *list = NULL, *points = json_object_get(config, "MountPoints");
	const char *destination = NULL;
	json_t *point = NULL;
	if (!json_is_object(points) && !json_is_null(points))
		return NULL;
	list = json_array();
	json_object_foreach (points, destination, point)
		json_array_append_new(list, mount_of(destination, point));
	return list;
}

json_t *kan_config_inspect(const json_t *config, const json_t *host)
{
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		take(o, same[i].ours, config, same[i].theirs);
	json_object_set_new(o, "State", state_of(config));
	json_t *mounts = mounts_of(config);
	if (mounts)
		json_object_set_new(o, "Mounts", mounts);
	if (json_is_object(host))
		json_object_set(o, "HostConfig", (json_t *)(uintptr_t)host);
	if (!json_is_object(json_object_get(o, "Config")))
		json_object_set_new(o, "Config", json_object());
	return o;
}
