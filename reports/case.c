/* A case: its bundles and what people did, put together. Everything that is computed is here. */
#include "reports/case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/row.h"

enum { MESSAGE_MAX = 16 << 10, ID_SHOWN = 12, SHARED_MAX = 1000, ID_MAX = 8192, LOOK_BACK = 64 };

static json_t *list_of(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

const json_t *kan_case_bundle(const json_t *doc, int64_t n)
{
	return n > 0 ? json_array_get(list_of(doc, "bundles"), (size_t)n - 1) : NULL;
}

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++)
		if (json_object_get(from, *keys))
			json_object_set(to, *keys, json_object_get(from, *keys));
}

static void bundles(json_t *doc, const json_t *all)
{
	static const char *const ours[] = {"bundle", "seal", "why", NULL};
	static const char *const theirs[] = {"container",
					     "started_ns",
					     "level",
					     "confidence",
					     "counts",
					     "headline",
					     "about",
					     "not_assessed",
					     "not_seen",
					     "not_seen_left_out",
					     "marks_left_out",
					     "findings_left_out",
					     "timeline_left_out",
					     "generator",
					     NULL};
	json_t *list = json_array(), *b = NULL;
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)all, i, b) {
		json_t *o = json_pack("{s:I,s:b}", "n", (json_int_t)i + 1, "used",
				      json_object_get(b, "part") != NULL);
		copy(o, b, ours);
		copy(o, json_object_get(b, "part"), theirs);
		json_array_append_new(list, o);
	}
	json_object_set_new(doc, "bundles", list);
}

/* What undoes an act: the word of the event that reports it. */
static bool undoes(const char *undo, const char *act)
{
	static const char *const pairs[][2] = {{"resume", "pause"},
					       {"connect", "disconnect"},
					       {"start", "kill"},
					       {"start", "stop"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(pairs[i][0], undo) == 0 && strcmp(pairs[i][1], act) == 0)
			return true;
	return false;
}

static bool done(const json_t *e)
{
	return strcmp(kan_json_str(e, "type"), "act") == 0 &&
	       !json_is_false(json_object_get(e, "ok"));
}

static bool undone_later(const json_t *events, size_t at)
{
	const json_t *act = json_array_get(events, at);
	for (size_t i = at + 1; i < json_array_size(events); i++) {
		const json_t *e = json_array_get(events, i);
		if (done(e) && undoes(kan_json_str(e, "do"), kan_json_str(act, "do")) &&
		    strcmp(kan_json_str(e, "target"), kan_json_str(act, "target")) == 0)
			return true;
	}
	return false;
}

static bool contains(const json_t *e)
{
	const char *word = kan_json_str(e, "do");
	return done(e) && (strcmp(word, "pause") == 0 || strcmp(word, "disconnect") == 0 ||
			   strcmp(word, "kill") == 0 || strcmp(word, "stop") == 0);
}

static void first_time(json_t *times, const char *key, const json_t *e)
{
	static const char *const keys[] = {"time_ns", "seq", "who", "do", "bundle", NULL};
	if (json_object_get(times, key))
		return;
	json_t *o = json_object();
	copy(o, e, keys);
	json_object_set_new(times, key, o);
}

/* A time that no event tells is no key: a blank for people. */
static void times(json_t *doc, const json_t *events)
{
	json_t *o = json_object();
	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *e = json_array_get(events, i);
		const char *type = kan_json_str(e, "type");
		if (strcmp(type, "collect") == 0)
			first_time(o, "detected", e);
		if (strcmp(type, "close") == 0)
			first_time(o, "resolved", e);
		if (contains(e) && !undone_later(events, i))
			first_time(o, "contained", e);
	}
	json_object_set_new(doc, "times", o);
}

/* What more than one bundle has: by kind and exact bytes. */
static void count_mark(json_t *index, const json_t *mark, size_t n)
{
	kan_auto_buf struct kan_buf id = KAN_BUF(ID_MAX);
	kan_buf_addf(&id, "%s ", kan_json_str(mark, "kind"));
	kan_buf_adds(&id, kan_json_str(mark, "value"));
	kan_buf_adds(&id, kan_json_str(mark, "value_b64"));
	json_t *o = json_object_get(index, kan_buf_str(&id));
	if (!o) {
		o = json_copy((json_t *)(uintptr_t)mark);
		json_object_set_new(o, "bundles", json_array());
		json_object_set_new(index, kan_buf_str(&id), o);
	}
	json_array_append_new(json_object_get(o, "bundles"), json_integer((json_int_t)n));
}

static int kind_rank(const json_t *o)
{
	static const char *const kinds[] = {"digest", "peer", "account", "rule"};
	for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++)
		if (strcmp(kan_json_str(o, "kind"), kinds[i]) == 0)
			return i;
	return (int)(sizeof kinds / sizeof *kinds);
}

static int by_kind(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	size_t nx = json_array_size(list_of(x, "bundles")),
	       ny = json_array_size(list_of(y, "bundles"));
	if (kind_rank(x) != kind_rank(y))
		return kind_rank(x) - kind_rank(y);
	if (nx != ny)
		return nx > ny ? -1 : 1;
	int order = strcmp(kan_json_str(x, "value"), kan_json_str(y, "value"));
	return order ? order : strcmp(kan_json_str(x, "value_b64"), kan_json_str(y, "value_b64"));
}

static void shared(json_t *doc, const json_t *all)
{
	json_t *index = json_object(), *list = json_array(), *b = NULL, *mark = NULL;
	size_t i = 0, k = 0, n = 0;
	const char *key = NULL;
	json_array_foreach ((json_t *)(uintptr_t)all, i, b)
		json_array_foreach (list_of(json_object_get(b, "part"), "marks"), k, mark)
			count_mark(index, mark, i + 1);
	json_t **found = kan_xalloc((json_object_size(index) + 1) * sizeof(*found));
	json_object_foreach (index, key, mark)
		if (json_array_size(list_of(mark, "bundles")) > 1)
			found[n++] = mark;
	qsort((void *)found, n, sizeof(*found), by_kind);
	for (i = 0; i < n && i < SHARED_MAX; i++)
		json_array_append(list, found[i]);
	json_object_set_new(doc, "shared", list);
	json_object_set_new(doc, "shared_left_out", json_integer((json_int_t)(n - i)));
	free((void *)found);
	json_decref(index);
}

static json_t *judgements_of(const json_t *events, const char *id)
{
	static const char *const keys[] = {"as", "who", "time_ns", "text", "seq", NULL};
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *e = json_array_get(events, i);
		if (!json_object_get(e, "as") || strcmp(kan_json_str(e, "finding"), id) != 0)
			continue;
		json_t *o = json_object();
		copy(o, e, keys);
		json_array_append_new(list, o);
	}
	return list;
}

static void findings(json_t *doc, const json_t *all, const json_t *events)
{
	json_t *list = json_array(), *b = NULL, *f = NULL;
	size_t i = 0, k = 0;
	json_array_foreach ((json_t *)(uintptr_t)all, i, b)
		json_array_foreach (list_of(json_object_get(b, "part"), "findings"), k, f) {
			json_t *o = json_copy(f);
			json_object_set_new(o, "bundle", json_integer((json_int_t)i + 1));
			json_object_set_new(o, "judgements",
					    judgements_of(events, kan_json_str(f, "id")));
			json_array_append_new(list, o);
		}
	json_object_set_new(doc, "findings", list);
}

static bool has_finding(const json_t *doc, const char *id)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (list_of(doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "id"), id) == 0)
			return true;
	return false;
}

/* Judged, but in no bundle that was used: it is told, not lost. */
static void unmatched(json_t *doc, const json_t *events)
{
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(events); i++) {
		json_t *e = json_array_get(events, i);
		if (json_object_get(e, "as") && !has_finding(doc, kan_json_str(e, "finding")))
			json_array_append(list, e);
	}
	json_object_set_new(doc, "judgements_unmatched", list);
}

/* "act: disconnect 3f2a9c41d0be, undo: docker network connect ..." */
static void say_event(struct kan_buf *out, const json_t *e)
{
	const char *type = kan_json_str(e, "type"), *undo = kan_json_str(e, "undo");
	kan_buf_adds(out, type);
	if (json_object_get(e, "do")) {
		const char *target = kan_json_str(e, "target");
		kan_buf_addf(out, ": %.64s ", kan_json_str(e, "do"));
		kan_buf_add(out, target, strnlen(target, ID_SHOWN));
	}
	if (json_is_false(json_object_get(e, "ok")))
		kan_buf_adds(out, ", failed");
	if (json_is_true(json_object_get(e, "already")))
		kan_buf_adds(out, ", found done");
	if (*undo) {
		kan_buf_adds(out, ", undo: ");
		kan_buf_adds(out, undo);
	}
	if (json_object_get(e, "as"))
		kan_buf_addf(out, ": %.64s %.64s", kan_json_str(e, "finding"),
			     kan_json_str(e, "as"));
	if (*kan_json_str(e, "text")) {
		kan_buf_adds(out, ": ");
		kan_buf_adds(out, kan_json_str(e, "text"));
	}
	if (strcmp(type, "collect") == 0 || strcmp(type, "import") == 0)
		kan_buf_addf(out, ": %.64s", kan_json_str(e, "bundle"));
}

static bool on_timeline(const json_t *e)
{
	static const char *const quiet[] = {"derive", "anchor", "verify"};
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
		if (strcmp(kan_json_str(e, "type"), quiet[i]) == 0)
			return false;
	return true;
}

static json_t *event_moment(const json_t *e)
{
	static const char *const keys[] = {"time_ns", "seq", "who", "undo", "finding", NULL};
	char when[KAN_RFC3339];
	kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX);
	json_t *o = json_pack("{s:s,s:s}", "desc", "custody event", "trust", "custody");
	copy(o, e, keys);
	kan_rfc3339_s(when, kan_json_int(e, "time_ns"));
	json_object_set_new(o, "time", json_string(when));
	say_event(&text, e);
	kan_json_set_bytes(o, "message", kan_buf_bytes(&text));
	return o;
}

struct moment {
	int64_t ns;
	size_t order;
	json_t *entry;
	bool event;
};
struct moments {
	struct moment *at;
	size_t n;
};

static void add_moment(struct moments *s, json_t *entry, bool event)
{
	s->at = kan_xrealloc(s->at, s->n + 1, sizeof *s->at);
	s->at[s->n] = (struct moment){kan_json_int(entry, "time_ns"), s->n, entry, event};
	s->n++;
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void all_moments(struct moments *s, const json_t *all, const json_t *events)
{
	json_t *b = NULL, *e = NULL;
	size_t i = 0, k = 0;
	json_array_foreach ((json_t *)(uintptr_t)all, i, b)
		json_array_foreach (list_of(json_object_get(b, "part"), "timeline"), k, e) {
			json_t *o = json_copy(e);
			json_object_set_new(o, "bundle", json_integer((json_int_t)i + 1));
			add_moment(s, o, false);
		}
	json_array_foreach ((json_t *)(uintptr_t)events, i, e)
		if (on_timeline(e))
			add_moment(s, event_moment(e), true);
}

static const char *container_of(const json_t *doc, const json_t *e)
{
	const json_t *b = kan_case_bundle(doc, kan_json_int(e, "bundle"));
	return kan_json_str(json_object_get(b, "container"), "id");
}

static bool same_moment(const json_t *doc, const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"message", "message_b64", "desc", "finding"};
	const char *container = container_of(doc, a);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
		if ((x || y) && !json_equal(x, y))
			return false;
	}
	return *container && strcmp(container, container_of(doc, b)) == 0;
}

/* A container that was captured twice tells of one moment twice: it is one, and also of the other
 * bundle. */
static void fold(struct moments *s, const json_t *doc)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		json_t *twin = NULL, *e = s->at[i].entry;
		for (size_t k = kept;
		     !twin && k-- > 0 && kept - k <= LOOK_BACK && s->at[k].ns == s->at[i].ns;)
			if (same_moment(doc, s->at[k].entry, e))
				twin = s->at[k].entry;
		if (!twin) {
			s->at[kept++] = s->at[i];
			continue;
		}
		if (!json_object_get(twin, "also"))
			json_object_set_new(twin, "also", json_array());
		if (kan_json_int(twin, "bundle") != kan_json_int(e, "bundle"))
			json_array_append(list_of(twin, "also"), json_object_get(e, "bundle"));
		json_decref(e);
	}
	s->n = kept;
}

/* Too many: what people did stays, and of the rest the last ones. */
static void timeline(json_t *doc, const json_t *all, const json_t *events)
{
	struct moments s = {0};
	json_t *list = json_array(), *b = NULL;
	all_moments(&s, all, events);
	if (s.n)
		qsort(s.at, s.n, sizeof *s.at, by_time);
	fold(&s, doc);
	size_t skip = s.n > KAN_CASE_TIMELINE ? s.n - KAN_CASE_TIMELINE : 0, i = 0;
	json_int_t out = 0;
	for (i = 0; i < s.n; i++) {
		if (skip && !s.at[i].event) {
			skip--;
			out++;
		} else {
			json_array_append(list, s.at[i].entry);
		}
		json_decref(s.at[i].entry);
	}
	json_array_foreach ((json_t *)(uintptr_t)all, i, b)
		out += kan_json_int(json_object_get(b, "part"), "timeline_left_out");
	json_object_set_new(doc, "timeline", list);
	json_object_set_new(doc, "timeline_left_out", json_integer(out));
	free(s.at);
}

json_t *kan_case_merge(const struct kan_case_input *in)
{
	json_t *doc =
		json_pack("{s:s,s:s}", "schema", "kanshiki.case-report/1", "case", in->case_id);
	if (in->tlp)
		json_object_set_new(doc, "tlp", json_string(in->tlp));
	bundles(doc, in->bundles);
	times(doc, in->events);
	shared(doc, in->bundles);
	findings(doc, in->bundles, in->events);
	unmatched(doc, in->events);
	timeline(doc, in->bundles, in->events);
	json_object_set(doc, "events", (json_t *)(uintptr_t)in->events);
	json_object_set_new(doc, "bundles_left_out",
			    json_integer((json_int_t)in->bundles_left_out));
	json_object_set_new(doc, "events_left_out", json_integer((json_int_t)in->events_left_out));
	return doc;
}

const struct kan_case_report kan_case_reports[] = {
	{"html", "report.html", kan_case_html}, {"md", "report.md", kan_case_md},
	{"json", "report.json", kan_json_dump}, {"timeline", "timeline.jsonl", kan_case_timeline},
	{"csv", "timeline.csv", kan_case_csv},  {NULL, NULL, NULL},
};

const char *kan_case_refused(const char *format)
{
	for (const struct kan_case_report *r = kan_case_reports; r->name; r++)
		if (strcmp(r->name, format) == 0)
			return NULL;
	if (strcmp(format, "bodyfile") == 0)
		return "inodes of several containers would be mixed: use timeline or csv";
	return "it tells of one container: make it of each bundle";
}
