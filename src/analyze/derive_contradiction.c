/* Contradictions of processes as rows, so that a rule can look at them. */
#include <string.h>

#include "analyze/contradictions.h"
#include "analyze/kinds.h"

const struct kan_column kan_contradiction_columns[] = {
	WORD("view_a", "the artefact of one view"),
	WORD("view_b", "that of the other"),
	BYTES("object", "what they do not agree about: a process"),
	BYTES("a", "what the one view says"),
	BYTES("b", "what the other says"),
	WORD("artefact", "where the example is"),
	END,
};
const char *const kan_contradiction_identity[] = {"object", "a", "b", NULL};

#define CGROUP "data/processes/cgroup.ndjson"
#define PROCESSES "data/processes/processes.ndjson"

static json_t *compared(json_t **missing, const struct kan_facts *f)
{
	struct kan_contra c = {.facts = f, .rows = json_array()};
	kan_contra_cgroup(&c);
	*missing = c.missing;
	return c.rows;
}

int kan_derive_contradiction(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
			     struct kan_err *err)
{
	json_t *missing = NULL, *examples = compared(&missing, f), *v = NULL;
	size_t i = 0;
	int rc = 0;
	json_array_foreach (examples, i, v) {
		json_t *row = json_pack(
			"{s:s,s:s,s:O,s:O,s:O,s:O,s:O*}", "view_a", CGROUP, "view_b", PROCESSES,
			"a", json_object_get(v, "one"), "b", json_object_get(v, "other"),
			"artefact", json_object_get(v, "artefact"), "object",
			json_object_get(v, "what"), "row", json_object_get(v, "row"));
		if (rc == 0 && !missing)
			rc = fn(row, 0, arg, err);
		json_decref(row);
	}
	json_decref(examples);
	json_decref(missing);
	return rc;
}

json_t *kan_contradiction_unseen(const struct kan_facts *f)
{
	json_t *missing = NULL;
	json_decref(compared(&missing, f));
	if (missing && strcmp(kan_json_str(missing, "code"), "not-applicable") == 0) {
		json_decref(missing);
		return NULL;
	}
	return missing;
}
