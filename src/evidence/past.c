/* The journal of a capture that stopped, read for what has to be known to finish it. */
#include "evidence/past.h"

#include <string.h>

#include "base/row.h"

static json_t *collector(struct kan_past *p, const char *name)
{
	json_t *o = json_object_get(p->collectors, name);
	if (o)
		return o;
	o = json_pack("{s:s,s:s,s:i,s:i}", "name", name, "status", "skipped", "bytes", 0, "gaps",
		      0);
	json_object_set_new(p->collectors, name, o);
	return o;
}

/* The numbers are the journal's, and it may lie: a sum stops at the greatest one. */
static void add(json_t *o, const char *key, uint64_t n)
{
	json_int_t sum = json_integer_value(json_object_get(o, key));
	if (__builtin_add_overflow(sum, n, &sum))
		sum = INT64_MAX;
	json_object_set_new(o, key, json_integer(sum));
}

static void take_collector(struct kan_past *p, const json_t *record)
{
	const char *name = kan_journal_text(record, "name");
	bool ended = strcmp(kan_journal_text(record, "what"), "end") == 0;
	json_object_set_new(collector(p, name), "status",
			    json_string(ended ? kan_journal_text(record, "status") : ""));
}

static void take_artefact(struct kan_past *p, const json_t *record)
{
	char name[64];
	const char *path = kan_journal_text(record, "path");
	size_t n = strncmp(path, "data/", 5) == 0 ? strcspn(path + 5, "/") : 0;
	if (n == 0 || n >= sizeof(name))
		return;
	memcpy(name, path + 5, n);
	name[n] = 0;
	/* Only of a collector that began: the note that nothing was taken is nobody's. */
	if (json_object_get(p->collectors, name))
		add(collector(p, name), "bytes", kan_journal_number(record, "octets"));
}

static void take_gap(struct kan_past *p, const json_t *record)
{
	const char *name = kan_journal_text(record, "collector");
	json_t *o = json_object_get(p->collectors, name);
	if (o)
		add(o, "gaps", kan_journal_counts(record));
	if (strcmp(kan_journal_text(record, "code"), "crashed") == 0 &&
	    strcmp(kan_journal_text(record, "what"), name) == 0)
		json_object_set_new(p->told, name, json_true());
}

/* The keys of a record that are its own. */
static json_t *own(const json_t *record, const char *const *keys)
{
	json_t *o = json_object();
	for (; *keys; keys++)
		if (json_object_get(record, *keys))
			json_object_set(o, *keys, json_object_get(record, *keys));
	return o;
}

static void take_scope(struct kan_past *p, const json_t *record)
{
	static const char *const keys[] = {"collector", "collector_b64", "what", "what_b64",
					   "why",       "why_b64",       NULL};
	json_array_append_new(p->scope, own(record, keys));
}

static void keep(json_t **place, const json_t *record)
{
	json_decref(*place);
	*place = json_incref((json_t *)(uintptr_t)record); /* counts, changes nothing */
}

static int take(const json_t *record, void *arg, struct kan_err *err)
{
	struct kan_past *p = arg;
	const char *type = kan_journal_type(record);
	(void)err;
	if (!p->started_ns)
		p->started_ns = json_integer_value(json_object_get(record, "t_ns"));
	if (strcmp(type, "start") == 0)
		keep(&p->start, record);
	else if (strcmp(type, "target") == 0)
		keep(&p->target, record);
	else if (strcmp(type, "seal") == 0)
		keep(&p->seal, record);
	else if (strcmp(type, "collector") == 0)
		take_collector(p, record);
	else if (strcmp(type, "artefact") == 0)
		take_artefact(p, record);
	else if (strcmp(type, "gap") == 0 || strcmp(type, "limit") == 0)
		take_gap(p, record);
	else if (strcmp(type, "scope") == 0)
		take_scope(p, record);
	else if (strcmp(type, "impact") == 0)
		json_array_append_new(p->impact, json_string(kan_journal_text(record, "what")));
	else if (strcmp(type, "lease") == 0)
		p->paused |= strcmp(kan_journal_text(record, "what"), "paused") == 0;
	return 0;
}

int kan_past_read(struct kan_past *out, struct kan_bytes journal, struct kan_err *err)
{
	struct kan_past p = {.collectors = json_object(),
			     .told = json_object(),
			     .scope = json_array(),
			     .impact = json_array()};
	if (kan_journal_read(&p.end, journal, take, &p, err) < 0) {
		kan_past_free(&p);
		return -1;
	}
	if (p.end.torn.n || strcmp(p.end.last_type, "seal") != 0) {
		json_decref(p.seal);
		p.seal = NULL;
	}
	*out = p;
	return 0;
}

void kan_past_free(struct kan_past *p)
{
	json_t *held[] = {p->start, p->target, p->seal,  p->collectors,
			  p->told,  p->scope,  p->impact};
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		json_decref(held[i]);
	*p = (struct kan_past){0};
}

int kan_past_tell(const struct kan_past *p, struct kan_journal *j, struct kan_err *err)
{
	const char *name = NULL;
	json_t *o = NULL;
	json_object_foreach (p->collectors, name, o) {
		if (kan_journal_text(o, "status")[0] || json_object_get(p->told, name))
			continue;
		if (kan_journal_gap(j, name, name, "crashed", "the capture ended before it did",
				    err) < 0)
			return -1;
	}
	return 0;
}

static json_t *collectors_document(const struct kan_past *p)
{
	json_t *list = json_array(), *o = NULL;
	const char *name = NULL;
	json_object_foreach (p->collectors, name, o) {
		json_t *copy = json_deep_copy(o);
		if (!kan_journal_text(o, "status")[0]) {
			json_object_set_new(copy, "status", json_string("failed"));
			if (!json_object_get(p->told, name))
				add(copy, "gaps", 1); /* the one that kan_past_tell records */
		}
		json_array_append_new(list, copy);
	}
	return list;
}

json_t *kan_past_document(const struct kan_past *p, const char *bundle)
{
	static const char *const tool[] = {"tool", "version", "argv", "argv_b64", NULL};
	static const char *const target[] = {"id", "pid", "starttime", NULL};
	static const char *const named[] = {"case", "case_b64", NULL};
	json_t *o = json_object(), *impact = json_copy(p->impact);
	json_object_set_new(o, "schema", json_string("kanshiki.acquisition/1"));
	json_object_set_new(o, "bundle", json_string(bundle));
	for (const char *const *k = named; *k; k++)
		json_object_set(o, *k, json_object_get(p->start, *k));
	json_object_set_new(o, "started_ns", json_integer(p->started_ns));
	json_object_set_new(o, "tool", own(p->start, tool));
	json_object_set_new(o, "target", own(p->target, target));
	if (kan_journal_text(p->target, "depth")[0])
		json_object_set(o, "depth", json_object_get(p->target, "depth"));
	json_object_set_new(o, "collectors", collectors_document(p));
	json_object_set(o, "scope", p->scope);
	if (p->paused && json_array_size(impact) == 0)
		json_array_append_new(impact, json_string("the container was paused"));
	json_object_set_new(o, "impact", impact);
	return o;
}
