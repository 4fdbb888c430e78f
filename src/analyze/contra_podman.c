/* Podman answers out of libpod's database; its storage has lists of its own. What its answer takes
 * from the runtime's config.json it reads from that file each time: there is no second side. */
#include <string.h>

#include "analyze/contradictions.h"
#include "base/digest.h"
#include "image/engineconfig.h"

#define INSPECT "data/engine/inspect.json"

enum { LISTS = KAN_PODMAN_LISTS };

static const char *const lists[LISTS] = {KAN_FACTS_PODMAN_LIST, KAN_FACTS_PODMAN_VOLATILE};

/* In both: names are given at the start, and kept in step by podman rename. */
static const char *const fields[] = {"Id", "Name", "Image", "Config.Image"};

static void differs(struct kan_contra *c, const char *list, const char *what, const char *other)
{
	const struct kan_contra_case found = {list, 0, kan_bytes_of(what),
					      "the engine: another value", other};
	kan_contra_add(c, &found);
}

/* An image's id has a scheme or has none, as the version likes it. */
static const char *text_at(const json_t *doc, const char *key)
{
	const char *text = json_string_value(kan_get(doc, key));
	return text ? kan_digest_bare(text) : "";
}

static void each_field(struct kan_contra *c, const char *list, const json_t *entry)
{
	json_auto_t *kept = kan_podman_inspect(entry, NULL);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *file = text_at(kept, fields[i]);
		if (strcmp(text_at(c->facts->inspect, fields[i]), file) != 0)
			differs(c, list, fields[i],
				*file ? "its file: another value" : "its file: nothing");
	}
}

static void compare(struct kan_contra *c, json_t *const docs[LISTS])
{
	const char *id = text_at(c->facts->inspect, "Id");
	struct kan_err why = {0};
	const json_t *entry = kan_podman_entry(docs, LISTS, id, &why);
	if (entry)
		each_field(c, lists[kan_podman_entry(docs, 1, id, NULL) == NULL], entry);
	else
		differs(c, lists[0], "Id",
			why.code == KAN_EFORMAT ? "its file: several entries"
						: "its file: nothing");
}

/* The second list is there only when a container needs it. */
static bool whole(struct kan_contra *c, const char *list)
{
	/* Gaps about the engine's other answers say nothing of these. */
	static const char *const beside[] = {"events",     "image",    "version", "info",
					     "containers", "networks", "volumes", "oci-spec",
					     "runc-state", NULL};
	const struct kan_contra_side sides[] = {{"engine", INSPECT, beside, NULL},
						{"engine", list, beside, NULL}};
	return kan_contra_whole(c, &sides[0]) && kan_contra_whole(c, &sides[1]);
}

bool kan_contra_podman(struct kan_contra *c)
{
	const struct kan_source *s = c->facts->source;
	json_t *docs[LISTS] = {NULL};
	struct kan_err why = {0};
	bool good = true;
	if (!kan_source_has(s, lists[0]))
		return false;
	c->other = lists[0];
	for (size_t i = 0; i < LISTS && good; i++)
		if (kan_source_has(s, lists[i]))
			good = whole(c, lists[i]) && kan_source_json(&docs[i], s, lists[i],
								     KAN_FACTS_DOCUMENT, &why) == 0;
	if (good && c->facts->inspect)
		compare(c, docs);
	else
		kan_contra_missing(c, "engine", lists[0], "malformed", "it cannot be read");
	for (size_t i = 0; i < LISTS; i++)
		json_decref(docs[i]);
	return true;
}
