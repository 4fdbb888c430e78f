/* Capabilities by name: those that the kernel has in effect, and those that the engine gives. */
#include "analyze/caps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "image/xattrwords.h"

enum { BITS = 64, PREFIX = 4, NUMBER = 24 };

/* What Docker gives when nothing is said; Podman gives less and lists it. moby
 * oci/caps/defaults.go. */
static const uint64_t by_default = 0xa80425fb;

/* "SYS_ADMIN", "CAP_SYS_ADMIN", "cap_sys_admin"; 0: no name of a capability. */
static uint64_t bit_of(const char *name)
{
	if (strncasecmp(name, "cap_", PREFIX) == 0)
		name += PREFIX;
	for (unsigned bit = 0; bit < BITS && kan_cap_name(bit); bit++)
		if (strcasecmp(kan_cap_name(bit) + PREFIX, name) == 0)
			return UINT64_C(1) << bit;
	return 0;
}

static uint64_t mask_of(const json_t *names, bool *all)
{
	uint64_t mask = 0;
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)names, i, v) {
		const char *name = json_string_value(v);
		if (!name)
			continue;
		*all |= strcasecmp(name, "all") == 0;
		mask |= bit_of(name);
	}
	return mask;
}

bool kan_caps_given(uint64_t *out, const json_t *inspect)
{
	bool add_all = false, drop_all = false, ignored = false;
	const json_t *host = json_object_get(inspect, "HostConfig");
	const json_t *bounding = json_object_get(inspect, "BoundingCaps");
	if (!json_is_object(host))
		return false;
	if (json_is_true(json_object_get(host, "Privileged"))) {
		*out = UINT64_MAX;
		return true;
	}
	if (json_is_array(bounding)) {
		*out = mask_of(bounding, &ignored);
		return true;
	}
	uint64_t add = mask_of(json_object_get(host, "CapAdd"), &add_all);
	uint64_t drop = mask_of(json_object_get(host, "CapDrop"), &drop_all);
	if (add_all)
		*out = UINT64_MAX & ~drop;
	else
		*out = (drop_all ? 0 : by_default & ~drop) | add;
	return true;
}

/* Root in a user namespace of one's own has all capabilities, and none outside. An identity map is
 * no such namespace: it is the host's. */
static bool in_own_namespace(const json_t *row, const struct kan_facts *f)
{
	uint64_t users = kan_get_dec(kan_get(row, "ns"), "user");
	const json_t *first = json_array_get(json_object_get(row, "uid_map"), 0);
	bool identity = json_integer_value(json_array_get(first, 0)) == 0 &&
			json_integer_value(json_array_get(first, 1)) == 0 &&
			json_integer_value(json_array_get(first, 2)) == UINT32_MAX;
	return users && f->init_users && users != f->init_users && !identity;
}

bool kan_caps_effective(uint64_t *out, const json_t *row, const struct kan_facts *f)
{
	const char *text = kan_json_str(kan_get(row, "cap"), "eff");
	char *end = NULL;
	uint64_t mask = strtoull(text, &end, 16);
	if (!*text || *end)
		return false;
	*out = in_own_namespace(row, f) ? 0 : mask;
	return true;
}

json_t *kan_caps_names(uint64_t mask)
{
	json_t *list = json_array();
	for (unsigned bit = 0; bit < BITS; bit++) {
		char number[NUMBER];
		if (!(mask >> bit & 1))
			continue;
		(void)snprintf(number, sizeof number, "cap_%u", bit);
		json_array_append_new(list,
				      json_string(kan_cap_name(bit) ? kan_cap_name(bit) : number));
	}
	return list;
}

void kan_join_caps(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	uint64_t has = 0, given = 0;
	bool said = kan_caps_effective(&has, row, f), known = kan_caps_given(&given, f->inspect);
	if (json_is_true(json_object_get(row, "kthread")) ||
	    json_is_true(json_object_get(row, "neighbour")))
		return;
	if (said)
		json_object_set_new(extra, "caps", kan_caps_names(has));
	else if (kan_cover_gaps(f->cover, "processes"))
		json_object_set_new(extra, "caps", json_null());
	if (!said ? kan_cover_gaps(f->cover, "processes") : has && !known)
		json_object_set_new(extra, "caps.beyond", json_null());
	else if (said && (has & ~given))
		json_object_set_new(extra, "caps.beyond", kan_caps_names(has & ~given));
}
