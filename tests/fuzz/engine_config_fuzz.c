/* An engine's own files about a container: whatever they say, inspect's parts have their types. */
#include "engine/config.h"

#include <stdlib.h>

#include "base/row.h"

enum { DEPTH = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, (struct kan_bytes){data, size}, size, DEPTH, NULL) < 0)
		return 0;
	json_t *inspect = kan_config_inspect(doc, doc);
	size_t i = 0;
	json_t *mount = NULL;
	if (!json_is_string(json_object_get(json_object_get(inspect, "State"), "Status")) ||
	    !json_is_object(json_object_get(inspect, "Config")))
		abort();
	json_array_foreach (json_object_get(inspect, "Mounts"), i, mount)
		if (!json_is_string(json_object_get(mount, "Destination")))
			abort();
	json_decref(inspect);
	json_decref(doc);
	return 0;
}
