/* An engine's own files about a container: whatever they say, inspect's parts have their types. */
#include "engine/config.h"

#include <stdlib.h>

#include "base/row.h"

enum { DEPTH = 64 };

static void mounts_are_named(const json_t *inspect)
{
	size_t i = 0;
	json_t *mount = NULL;
	json_array_foreach (json_object_get(inspect, "Mounts"), i, mount)
		if (!json_is_string(json_object_get(mount, "Destination")))
			abort();
}

static void docker(const json_t *doc)
{
	json_t *inspect = kan_config_inspect(doc, doc);
	if (!json_is_string(json_object_get(json_object_get(inspect, "State"), "Status")) ||
	    !json_is_object(json_object_get(inspect, "Config")))
		abort();
	mounts_are_named(inspect);
	json_decref(inspect);
}

/* One document is the list, its entry and the runtime's config. */
static void podman(json_t *doc)
{
	struct kan_err why = {0};
	const json_t *first = json_is_array(doc) ? json_array_get(doc, 0) : doc;
	const json_t *entry = kan_podman_entry(&doc, 1, kan_json_str(first, "id"), &why);
	if (why.code == KAN_EFORMAT && json_array_size(doc) < 2)
		abort();
	json_t *inspect = kan_podman_inspect(entry, first);
	char *root = kan_podman_root(inspect);
	if (root[0] != '/' || !json_is_object(json_object_get(inspect, "Config")) ||
	    !json_is_object(json_object_get(inspect, "State")))
		abort();
	mounts_are_named(inspect);
	free(root);
	json_decref(inspect);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, (struct kan_bytes){data, size}, size, DEPTH, NULL) < 0)
		return 0;
	docker(doc);
	podman(doc);
	json_decref(doc);
	return 0;
}
