/* Which container is meant, what its evidence says of itself, and what may be done to it. */
#include <stdlib.h>
#include <string.h>

#include <kanshiki/bundle.h>

#include "base/row.h"
#include "cli/quarantine.h"

enum { SHORT_ID = 12 };

static const char *name_of(const json_t *inspect)
{
	const char *name = kan_json_str(inspect, "Name");
	return name + (name[0] == '/');
}

/* Of those that were renamed, the ones that are there and still called so: their number. */
static int still_marked(json_t *were, struct kan_engine *e, struct kan_buf *list,
			struct kan_err *err)
{
	const char *id = NULL;
	json_t *to = NULL;
	void *next = NULL;
	int n = 0;
	json_object_foreach_safe(were, next, id, to)
	{
		json_auto_t *now = NULL;
		if (kan_respond_inspect(&now, e, id, err) < 0)
			return -1;
		if (!now || strcmp(kan_json_str(now, "Id"), id) != 0 ||
		    strcmp(name_of(now), json_string_value(to)) != 0) {
			json_object_del(were, id);
			continue;
		}
		kan_buf_addf(list, "%s%.64s (%.12s)", n++ ? ", " : "", name_of(now), id);
	}
	return n;
}

static int look_for_marked(struct kan_quarantine *q, struct kan_engine *e, struct kan_err *err)
{
	json_auto_t *were = NULL;
	kan_auto_buf struct kan_buf list = KAN_BUF(4096);
	if (kan_quarantine_renamed(&were, q, err) < 0)
		return -1;
	int n = still_marked(were, e, &list, err);
	if (n > 1)
		return kan_fail(err, KAN_EUSAGE,
				"'%.64s' is ambiguous: we renamed more than one of that name: "
				"%.300s: give the id",
				q->asked, kan_buf_str(&list));
	if (n <= 0)
		return n;
	free(q->asked);
	q->asked = kan_xstrdup(json_string_value(json_object_iter_value(json_object_iter(were))));
	return 0;
}

int kan_quarantine_marked_name(struct kan_quarantine *q, struct kan_err *err)
{
	struct kan_engine *e = NULL;
	json_auto_t *doc = NULL;
	int rc = kan_engine_open(&e, q->job.request.host, err);
	if (rc == 0)
		rc = kan_respond_inspect(&doc, e, q->asked, err);
	if (rc == 0 && !doc)
		rc = look_for_marked(q, e, err);
	kan_engine_free(e);
	return rc;
}

/* The full id where an act was recorded; the bundle's name has the beginning of it. */
static void id_of_request(char id[65], const struct kan_quarantine *q)
{
	size_t i = 0;
	json_t *event = NULL;
	const char *of = strrchr(q->receipt.bundle, 'z');
	(void)snprintf(id, SHORT_ID + 1, "%.12s", of && of[1] == '-' ? of + 2 : "");
	json_array_foreach (q->past, i, event) {
		const char *target = kan_json_str(json_object_get(event, "act"), "target");
		if (strlen(target) == 64 && strncmp(target, id, SHORT_ID) == 0)
			(void)snprintf(id, 65, "%s", target);
	}
}

/* As label cuts a long name. */
static bool called_so(const char *name, const char *id, const char *asked)
{
	kan_auto_buf struct kan_buf marked = KAN_BUF(512);
	kan_buf_addf(&marked, "%.220s-quarantined", asked);
	return strcmp(name, asked) == 0 || strncmp(id, asked, strlen(asked)) == 0 ||
	       strncmp(name, kan_buf_str(&marked), marked.len) == 0;
}

int kan_quarantine_same(struct kan_quarantine *q, struct kan_err *err)
{
	struct kan_engine *e = NULL;
	json_auto_t *doc = NULL;
	char id[65] = "";
	id_of_request(id, q);
	int rc = kan_engine_open(&e, q->job.request.host, err);
	if (rc == 0)
		rc = kan_respond_inspect(&doc, e, id, err);
	kan_engine_free(e);
	if (rc < 0)
		return -1;
	(void)snprintf(q->id, sizeof q->id, "%s", id);
	q->name = kan_xstrdup(doc ? name_of(doc) : q->asked);
	/* A container may be named like the id of another. */
	if (doc && strncmp(kan_json_str(doc, "Id"), id, strlen(id)) != 0)
		return kan_fail(err, KAN_EREFUSED,
				"the engine's answer for %.12s is about another container", id);
	if (!doc)
		return 0;
	(void)snprintf(q->id, sizeof q->id, "%s", kan_json_str(doc, "Id"));
	return called_so(q->name, q->id, q->asked)
		       ? 0
		       : kan_fail(err, KAN_EREFUSED,
				  "the request id %.80s was used for container %.12s, %.200s: "
				  "give another one",
				  q->request, q->id, q->name);
}

int kan_quarantine_whole(bool *whole, const char *path, struct kan_err *err)
{
	struct kan_bundle *b = NULL;
	*whole = false;
	if (kan_bundle_open(&b, path, false, err) < 0)
		return -1;
	*whole = !kan_bundle_partial(b) && kan_json_int(kan_bundle_capture(b), "gaps") == 0;
	kan_bundle_free(b);
	return 0;
}

int kan_quarantine_may(const struct kan_quarantine *q, const json_t *inspect,
		       bool (*done)(const struct kan_quarantine *q, const char *word),
		       struct kan_err *err)
{
	const json_t *host = json_object_get(inspect, "HostConfig");
	const struct kan_target t = {
		.name = q->name,
		.auto_remove = json_is_true(json_object_get(host, "AutoRemove")),
		.net_host = strcmp(kan_json_str(host, "NetworkMode"), "host") == 0,
		.inspect = (json_t *)(uintptr_t)inspect,
	};
	for (size_t i = 0; inspect && i < q->n; i++)
		if (!done(q, kan_respond_words[q->what[i]]) &&
		    kan_respond_allowed(&t, q->what[i], q->loses, err) < 0)
			return -1;
	return 0;
}
