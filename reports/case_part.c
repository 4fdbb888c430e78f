/* What a case keeps of one of its bundles, in bounded room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "reports/case.h"

enum { FINDINGS = 400, MOMENTS = 4096, MARKS = 1000, UNSEEN = 100, RAW_MAX = 2 * KAN_ROW_MAX };

/* How much of each list: all of them shrink together until the part fits. */
struct room {
	size_t findings, moments, marks, unseen;
};

/* The exact bytes up to KAN_CASE_VALUE. */
static void clip(json_t *to, const json_t *from, const char *key)
{
	char name[64];
	kan_auto_buf struct kan_buf v = KAN_BUF(RAW_MAX);
	struct kan_err ignored = {0};
	if (json_is_integer(json_object_get(from, key))) {
		json_object_set(to, key, json_object_get(from, key));
		return;
	}
	if (kan_json_bytes(&v, from, key, &ignored) < 0)
		return;
	struct kan_bytes b = kan_buf_bytes(&v);
	size_t whole = b.n;
	b.n = b.n > KAN_CASE_VALUE ? KAN_CASE_VALUE : b.n;
	kan_json_set_bytes(to, key, b);
	if (whole == b.n)
		return;
	(void)snprintf(name, sizeof name, "%s_len", key);
	json_object_set_new(to, name, json_integer((json_int_t)whole));
}

static void clip_all(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++)
		clip(to, from, *keys);
}

static json_t *clip_parts(const json_t *parts)
{
	static const char *const keys[] = {"text", "command", "value", NULL};
	json_t *list = json_array(), *p = NULL;
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)parts, i, p) {
		json_t *o = json_object();
		clip_all(o, p, keys);
		json_array_append_new(list, o);
	}
	return list;
}

static void left_out(json_t *part, const char *key, size_t n)
{
	if (n)
		json_object_set_new(part, key, json_integer((json_int_t)n));
}

/* The gravest are the first of the document. */
static void findings(json_t *part, const struct kan_model *m, size_t max)
{
	static const char *const keys[] = {"id", "n", "rule", "severity", "title", NULL};
	json_t *list = json_array(), *f = NULL;
	const json_t *all = json_object_get(m->doc, "findings");
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)all, i, f) {
		if (i >= max)
			break;
		json_t *o = json_object();
		clip_all(o, f, keys);
		json_object_set_new(o, "parts", clip_parts(json_object_get(f, "parts")));
		json_array_append_new(list, o);
	}
	left_out(part, "findings_left_out", json_array_size(all) - json_array_size(list));
	json_object_set_new(part, "findings", list);
}

/* The last ones are nearest to what was found. */
static void moments(json_t *part, const struct kan_model *m, size_t max)
{
	static const char *const keys[] = {"time_ns", "time",    "desc", "trust",
					   "message", "finding", NULL};
	json_t *list = json_array();
	const json_t *all = json_object_get(m->doc, "timeline");
	size_t n = json_array_size(all), skip = n > max ? n - max : 0;
	for (size_t i = skip; i < n; i++) {
		json_t *o = json_object();
		clip_all(o, json_array_get(all, i), keys);
		json_array_append_new(list, o);
	}
	left_out(part, "timeline_left_out",
		 skip + (size_t)kan_json_int(m->doc, "timeline_left_out"));
	json_object_set_new(part, "timeline", list);
}

static void unseen(json_t *part, const struct kan_model *m, size_t max)
{
	static const char *const keys[] = {"kind", "collector",  "what", "code",
					   "why",  "could_show", NULL};
	json_t *list = json_array(), *o = NULL;
	const json_t *all = json_object_get(m->doc, "not_seen");
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)all, i, o) {
		if (i >= max)
			break;
		json_t *row = json_object();
		clip_all(row, o, keys);
		json_array_append_new(list, row);
	}
	left_out(part, "not_seen_left_out", json_array_size(all) - json_array_size(list));
	json_object_set_new(part, "not_seen", list);
}

/* Marks: what another bundle may have too. Once each, counted when there is no room. */
struct marks {
	json_t *list, *known;
	size_t max, left_out;
};

static void mark(struct marks *s, const char *kind, const json_t *holder, const char *key)
{
	kan_auto_buf struct kan_buf id = KAN_BUF(8 * KAN_CASE_VALUE);
	json_t *o = json_pack("{s:s}", "kind", kind), *v = json_object();
	clip(v, holder, key);
	const json_t *exact = json_object_get(v, key);
	char twin[64];
	(void)snprintf(twin, sizeof twin, "%s_b64", key);
	char whole[64];
	(void)snprintf(whole, sizeof whole, "%s_len", key);
	/* One that was cut may be like another that is not the same. */
	if (json_is_string(exact) && *json_string_value(exact) && !json_object_get(v, whole)) {
		json_object_set(o, "value", json_object_get(v, key));
		if (json_object_get(v, twin))
			json_object_set(o, "value_b64", json_object_get(v, twin));
		kan_buf_addf(&id, "%s ", kind);
		kan_buf_adds(&id, kan_json_str(o, "value"));
		kan_buf_adds(&id, kan_json_str(o, "value_b64"));
		if (!json_object_get(s->known, kan_buf_str(&id))) {
			json_object_set_new(s->known, kan_buf_str(&id), json_true());
			if (json_array_size(s->list) < s->max)
				json_array_append(s->list, o);
			else
				s->left_out++;
		}
	}
	json_decref(v);
	json_decref(o);
}

/* Every image has an empty file; and its own programs are no news in a second container of it. */
static void digest(struct marks *s, const json_t *o, const char *key)
{
	static const char empty[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	const char *origin = kan_json_str(o, "exe_origin");
	if (strcmp(kan_json_str(o, key), empty) != 0 && strcmp(origin, "image") != 0)
		mark(s, "digest", o, key);
}

static void of_object(struct marks *s, const json_t *o)
{
	digest(s, o, "sha256");
	digest(s, o, "exe_sha256");
	if (strcmp(kan_json_str(o, "kind"), "login") != 0)
		return;
	mark(s, "account", o, "user");
	mark(s, "peer", o, "source");
}

static void of_findings(struct marks *s, const struct kan_model *m)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *o = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		mark(s, "rule", f, "rule");
		json_array_foreach (json_object_get(f, "objects"), k, o)
			of_object(s, o);
	}
}

/* The address alone: the port at the near end is another one each time. */
static void of_peers(struct marks *s, const struct kan_model *m)
{
	size_t i = 0;
	json_t *p = NULL;
	json_array_foreach (m->peers, i, p) {
		const char *scope = kan_json_str(p, "peer_scope");
		if (*scope && strcmp(scope, "loopback") != 0 &&
		    strcmp(kan_json_str(p, "state"), "LISTEN") != 0)
			mark(s, "peer", p, "raddr");
	}
}

/* What a package manager put there says nothing. */
static void of_changes(struct marks *s, const struct kan_model *m)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach ((json_t *)(uintptr_t)kan_model_rows(m, "changes"), i, row)
		if (!json_is_true(json_object_get(row, "explained")) &&
		    strcmp(kan_json_str(row, "change"), "identical") != 0)
			digest(s, row, "sha256");
}

static void shared_with_others(json_t *part, const struct kan_model *m, size_t max)
{
	struct marks s = {json_array(), json_object(), max, 0};
	of_findings(&s, m);
	of_peers(&s, m);
	of_changes(&s, m);
	left_out(part, "marks_left_out", s.left_out);
	json_object_set_new(part, "marks", s.list);
	json_decref(s.known);
}

static json_t *take(const struct kan_model *m, const struct room *r)
{
	static const char *const keys[] = {"id", "name", "image", "image_id", "state", NULL};
	json_t *part = json_object(), *container = json_object();
	const json_t *verdict = json_object_get(m->doc, "verdict");
	clip_all(container, json_object_get(m->doc, "container"), keys);
	json_object_set_new(part, "container", container);
	clip(part, json_object_get(m->doc, "record"), "started_ns");
	clip(part, verdict, "level");
	clip(part, verdict, "confidence");
	json_object_set(part, "counts", json_object_get(m->doc, "counts"));
	json_object_set(part, "generator", json_object_get(m->doc, "generator"));
	json_object_set_new(part, "headline", clip_parts(m->headline));
	json_object_set_new(part, "about", clip_parts(m->about));
	json_object_set_new(part, "not_assessed", json_integer((json_int_t)m->not_assessed));
	findings(part, m, r->findings);
	moments(part, m, r->moments);
	unseen(part, m, r->unseen);
	shared_with_others(part, m, r->marks);
	return part;
}

json_t *kan_case_part(const struct kan_model *m, size_t max)
{
	struct room r = {FINDINGS, MOMENTS, MARKS, UNSEEN};
	for (;;) {
		json_t *part = take(m, &r);
		if (json_dumpb(part, NULL, 0, JSON_COMPACT) <= max || !r.findings)
			return part;
		json_decref(part);
		r = (struct room){r.findings / 2, r.moments / 2, r.marks / 2, r.unseen / 2};
	}
}
