/* What the container can reach on its host, and which secrets lie in it. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

static const char *yes(const json_t *reach, const char *key)
{
	return json_is_true(json_object_get(reach, key)) ? "YES" : "no";
}

static void reach(struct kan_model *m)
{
	const json_t *r = json_object_get(m->doc, "reach");
	json_t *p = json_array();
	if (json_object_size(r) == 0)
		kan_part_text(p, "not assessed: the engine's inspect is missing");
	else
		kan_part_textf(p,
			       "engine socket %s; privileged %s; host mounts %" PRId64
			       ", network %s, pids %s",
			       yes(r, "engine_socket"), yes(r, "privileged"),
			       kan_json_int(r, "host_mounts"), yes(r, "host_network"),
			       yes(r, "host_pid"));
	kan_entry_add(&m->reach, p, 0);
}

/* How many there are to change, and where they lie; never one of them. */
static void secrets(struct kan_model *m)
{
	static const char *const places[][2] = {
		{"environment", "environment"},     {"argument", "arguments"},
		{"configuration", "configuration"}, {"history", "the image's history"},
		{"layer", "image layers"},          {"ghost", "hidden files of layers"}};
	const json_t *section = json_object_get(m->doc, "secrets");
	json_t *p = json_array(), *row = NULL;
	size_t said = 0;
	if (kan_json_int(section, "count") == 0) {
		kan_part_text(p, json_is_true(json_object_get(section, "seen"))
					 ? "none found by name or form"
					 : "not assessed: no environment was read");
		kan_entry_add(&m->secrets, p, 0);
		return;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		size_t k = 0, n = 0;
		json_array_foreach (json_object_get(section, "rows"), k, row)
			n += strcmp(kan_json_str(row, "where"), places[i][0]) == 0;
		if (n)
			kan_part_textf(p, "%s%s %zu",
				       said++ ? ", " : "to change, in: ", places[i][1], n);
	}
	kan_entry_add(&m->secrets, p, 0);
}

void kan_model_reach(struct kan_model *m)
{
	reach(m);
	secrets(m);
}
