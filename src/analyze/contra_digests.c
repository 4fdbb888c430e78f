/* The digests that the engine says registries know the image by, against the manifests that its
 * store keeps under them. */
#include <string.h>

#include "analyze/contradictions.h"

#define ROWS "data/image/integrity.ndjson"
#define NAMED "data/engine/image-inspect.json"

struct claims {
	struct kan_contra *contra;
	uint64_t claims, compared;
};

static int take_claim(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct claims *c = arg;
	const char *result = kan_json_str(row, "result");
	(void)err;
	if (!json_is_true(json_object_get(row, "claimed")))
		return 0;
	c->claims++;
	c->compared += strcmp(result, "not-done") != 0;
	if (strcmp(result, "damaged") != 0)
		return 0;
	const struct kan_contra_case found = {
		ROWS, line, kan_bytes_of(kan_json_str(row, "expected_digest")),
		"the engine: of this image", "its store: of another, or altered"};
	kan_contra_add(c->contra, &found);
	return 0;
}

/* Why no row is of such a digest. That the engine names none, its own answer has to say. */
static void none_compared(struct kan_contra *c)
{
	const json_t *named = json_object_get(c->facts->image_inspect, "RepoDigests");
	if (!c->facts->image_inspect)
		kan_contra_missing(c, "engine", NAMED, "absent",
				   "no answer of the engine about the image");
	else if (json_array_size(named))
		kan_contra_missing(c, "image", ROWS, "unsupported",
				   "no store was looked at for these manifests");
	else
		kan_contra_missing(c, "image", ROWS, "not-applicable",
				   "the engine names no registry's digest of the image");
}

void kan_contra_digests(struct kan_contra *c)
{
	/* A gap about the rows themselves leaves them cut, whatever else the collector lacks. */
	static const char *const beside[] = {"", NULL};
	static const struct kan_contra_side side = {"image", ROWS, beside, NULL};
	struct claims all = {.contra = c};
	if (!kan_contra_whole(c, &side) || !kan_contra_rows(c, ROWS, take_claim, &all))
		return;
	if (!all.claims)
		none_compared(c);
	else if (!all.compared)
		kan_contra_missing(c, "image", ROWS, "unsupported",
				   "the store keeps none of these manifests");
}
