/* containerd's manifests and Podman's lists: whatever they say, what comes out is a digest or an
 * id. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "engine/config.h"
#include "engine/store.h"

enum { TEXT_MAX = 1 << 20 };

static void must_be_hex(const char *s)
{
	if (strspn(s, "0123456789abcdef") != 64 || s[64])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char id[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct kan_bytes text = {data, size};
	struct kan_podman_layer layer;
	char out[72];
	json_t *doc = NULL;
	static struct kan_leads leads;
	if (kan_manifest_leads(&leads, text, NULL) == 0)
		for (size_t i = 0; i < leads.n; i++)
			must_be_hex(leads.v[i] + 7);
	if (kan_json_parse(&doc, text, TEXT_MAX, 64, NULL) == 0 &&
	    kan_podman_layer_of(out, kan_podman_entry(&doc, 1, id, NULL), NULL) == 0)
		must_be_hex(out);
	if (kan_podman_layer(&layer, doc, id, NULL) == 0) {
		must_be_hex(layer.diff_id + 7);
		if (*layer.parent)
			must_be_hex(layer.parent);
	}
	static struct kan_podman_digests digests;
	(void)kan_podman_digests_of(&digests, doc, id, NULL);
	for (size_t i = 0; i < digests.n; i++)
		must_be_hex(digests.v[i] + 7);
	static struct kan_idmap map;
	(void)kan_podman_map(&map, doc, NULL);
	if (map.n > KAN_IDMAP_LINES)
		abort();
	json_decref(doc);
	return 0;
}
