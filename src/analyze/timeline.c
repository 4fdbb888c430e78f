/* The timeline: when things happened, what each time means, and what it is worth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/mask.h"
#include "base/clock.h"
#include "base/row.h"

enum { NS_PER_S = 1000000000, EVENTS_MAX = 4096, MESSAGE_MAX = 8192, WHAT_MAX = 64 };

static void add(json_t *list, int64_t ns, const char *desc, const char *trust,
		struct kan_bytes message)
{
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, ns);
	json_t *o = json_pack("{s:I,s:s,s:s,s:s}", "time_ns", (json_int_t)ns, "time", when, "desc",
			      desc, "trust", trust);
	kan_json_set_bytes(o, "message", message);
	json_array_append_new(list, o);
}

static void add_stamp(json_t *list, const json_t *doc, const char *key, const char *desc,
		      const char *message)
{
	int64_t ns = 0;
	struct kan_err ignored = {0};
	const char *s = kan_json_str(doc, key);
	if (*s && kan_rfc3339_parse(&ns, s, &ignored) == 0 && ns > 0)
		add(list, ns, desc, "engine", kan_bytes_of(message));
}

static void life(json_t *list, const struct kan_facts *f)
{
	const json_t *freeze = json_object_get(f->capture, "freeze");
	add_stamp(list, f->image_inspect, "Created", "image created", "the image was built");
	add_stamp(list, f->inspect, "Created", "container created", "the container was created");
	add_stamp(list, json_object_get(f->inspect, "State"), "StartedAt", "container started",
		  "the container started");
	int64_t started = kan_get_int(f->capture, "started_ns", 0);
	if (!started)
		return;
	add(list, started, "capture", "host", KAN_LIT("this capture began"));
	if (json_is_true(json_object_get(freeze, "held")))
		add(list, started, "capture", "host",
		    KAN_LIT("the container was paused for this capture, and held for an act"));
	else if (json_is_true(json_object_get(freeze, "paused_by_us")))
		add(list, started, "capture", "host",
		    KAN_LIT("the container was paused for this capture, and resumed"));
}

static int64_t event_ns(const json_t *e)
{
	int64_t ns = kan_get_int(e, "timeNano", 0);
	return ns ? ns : kan_get_int(e, "time", 0) * NS_PER_S;
}

/* One event of the engine. A health check floods the list and says nothing. */
static void add_event(json_t *list, const struct kan_facts *f, const json_t *e)
{
	const char *action = kan_json_str(e, "Action"), *id = kan_json_str(e, "id");
	const char *actor = kan_json_str(json_object_get(e, "Actor"), "ID");
	const char *target = kan_json_str(json_object_get(f->capture, "target"), "id");
	bool mine = *target && (strcmp(id, target) == 0 || strcmp(actor, target) == 0);
	bool health = strncmp(action, "health_status", 13) == 0;
	bool end = strncmp(action, "exec_die", 8) == 0 || strncmp(action, "exec_create", 11) == 0;
	if (!mine || health || end || json_array_size(list) >= EVENTS_MAX)
		return;
	kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX);
	kan_buf_adds(&text, "engine: ");
	(void)kan_mask_text(&text, (struct kan_bytes){(const uint8_t *)action,
						      strnlen(action, MESSAGE_MAX / 4)});
	add(list, event_ns(e), "engine event", "engine", kan_buf_bytes(&text));
}

/* events.json is one document after another, or an array. */
int64_t kan_events_begin(const struct kan_facts *f, json_t *timeline)
{
	json_t *events = NULL, *e = NULL;
	struct kan_err ignored = {0};
	int64_t first = 0;
	size_t i = 0;
	if (kan_source_events(&events, f->source, "data/engine/events.json", &ignored) < 0)
		return 0;
	json_array_foreach (events, i, e) {
		int64_t ns = event_ns(e);
		if (ns > 0 && (!first || ns < first))
			first = ns;
		if (timeline)
			add_event(timeline, f, e);
	}
	json_decref(events);
	return first;
}

/* The engine writes the time of creation down before it tells of it. */
static bool saw_creation(const struct kan_facts *f)
{
	json_t *events = NULL, *e = NULL;
	struct kan_err ignored = {0};
	const char *target = kan_json_str(f->inspect, "Id");
	bool saw = false;
	size_t i = 0;
	if (kan_source_events(&events, f->source, "data/engine/events.json", &ignored) < 0)
		return false;
	json_array_foreach (events, i, e)
		saw |= *target && strcmp(kan_json_str(e, "Action"), "create") == 0 &&
		       strcmp(kan_json_str(json_object_get(e, "Actor"), "ID"), target) == 0;
	json_decref(events);
	return saw;
}

/* An exec before the oldest event that the engine still has would leave nothing to read. */
json_t *kan_events_unseen(const struct kan_facts *f)
{
	int64_t first = kan_events_begin(f, NULL);
	if (!first || !f->created_ns || first <= f->created_ns || saw_creation(f))
		return NULL;
	char text[KAN_RFC3339], what[WHAT_MAX];
	kan_rfc3339_s(text, first);
	(void)snprintf(what, sizeof what, "engine events before %s", text);
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "collector", "engine", "what", what, "kind",
			 "window", "why", "the engine keeps few events", "could_show",
			 "an exec before that");
}

/* One value of a row of a log, as it is shown. */
static void word_of(struct kan_buf *text, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf value = KAN_BUF(MESSAGE_MAX);
	struct kan_err ignored = {0};
	const json_t *n = json_object_get(o, key);
	if (json_is_integer(n))
		kan_buf_addf(text, "%lld", (long long)json_integer_value(n));
	else if (kan_json_bytes(&value, o, key, &ignored) == 0)
		kan_buf_addb(text, kan_buf_bytes(&value));
}

/* false: it is no row of a log. */
static bool log_message(struct kan_buf *text, const json_t *o)
{
	static const struct {
		const char *kind, *words[8]; /* ours and keys in turn */
	} forms[] = {
		{"http",
		 {"request ", "method", " ", "path", " from ", "source", ", answered ", "status"}},
		{"login", {"login ", "result", ": ", "user", " from ", "source", " by ", "method"}},
		{"log", {"log line: ", "text"}}};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (strcmp(kan_json_str(o, "kind"), forms[i].kind) != 0)
			continue;
		for (size_t k = 0; k + 1 < 8 && forms[i].words[k]; k += 2) {
			kan_buf_adds(text, forms[i].words[k]);
			word_of(text, o, forms[i].words[k + 1]);
		}
		return true;
	}
	return false;
}

static void named_by(json_t *list, const json_t *finding)
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);
	json_object_set(last, "finding", json_object_get(finding, "id"));
	json_object_set(last, "n", json_object_get(finding, "n"));
}

/* The time of a line is the logger's, or the container's own word. */
static bool add_line(json_t *list, const json_t *finding, const json_t *o)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX);
	int64_t ns = kan_get_int(o, "time_ns", 0);
	if (!log_message(&text, o))
		return false;
	if (ns) {
		add(list, ns, "log line (what it says is the container's own word)",
		    "container-text", kan_buf_bytes(&text));
		named_by(list, finding);
	}
	return true;
}

static void add_object(json_t *list, const json_t *finding, const json_t *o)
{
	if (add_line(list, finding, o))
		return;
	const char *kind = kan_json_str(o, "kind");
	kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX), value = KAN_BUF(MESSAGE_MAX);
	struct kan_err ignored = {0};
	bool file = strcmp(kind, "change") == 0 || strcmp(kind, "mountfile") == 0;
	int64_t ns = kan_get_int(o, file ? "ctime_ns" : "start_ns", 0);
	if (ns == 0)
		return;
	if (kan_json_bytes(&value, o, file ? "path" : "exe_link", &ignored) < 0)
		return;
	if (file)
		kan_buf_addf(&text, "%s ",
			     *kan_json_str(o, "change") ? kan_json_str(o, "change") : "file");
	else
		kan_buf_addf(&text, "process %lld started: ", (long long)kan_get_int(o, "pid", 0));
	kan_buf_addb(&text, kan_buf_bytes(&value));
	add(list, ns, file ? "ctime of the inode" : "process start",
	    file ? "storage" : "kernel-process", kan_buf_bytes(&text));
	named_by(list, finding);
}

/* A whiteout shares its inode with others: its times are not the deletion's. */
static bool is_deleted(const json_t *o)
{
	return strcmp(kan_json_str(o, "change"), "deleted") == 0;
}

static bool same_moment(const json_t *list, const json_t *o)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, e)
		if (json_equal(json_object_get(e, "time_ns"), json_object_get(o, "time_ns")) &&
		    json_equal(json_object_get(e, "message"), json_object_get(o, "message")))
			return true;
	return false;
}

/* The heaviest findings come first, so of one moment told twice the heavier claim stays. */
static void findings_in_time(json_t *list, const json_t *findings)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *o = NULL;
	json_array_foreach ((json_t *)(uintptr_t)findings, i, f) {
		json_array_foreach (json_object_get(f, "objects"), k, o) {
			json_t *one = json_array();
			if (!is_deleted(o) && json_array_size(list) < EVENTS_MAX)
				add_object(one, f, o);
			if (json_array_size(one) && !same_moment(list, json_array_get(one, 0)))
				json_array_append(list, json_array_get(one, 0));
			json_decref(one);
		}
	}
}

struct moment {
	int64_t ns;
	size_t order;
	json_t *entry;
};

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

json_t *kan_timeline(const struct kan_facts *f, const json_t *findings, uint64_t *left_out)
{
	json_t *all = json_array(), *sorted = json_array();
	life(all, f);
	findings_in_time(all, findings);
	(void)kan_events_begin(f, all);
	size_t n = json_array_size(all);
	struct moment *m = kan_xalloc((n + 1) * sizeof *m);
	for (size_t i = 0; i < n; i++) {
		json_t *e = json_array_get(all, i);
		m[i] = (struct moment){kan_get_int(e, "time_ns", 0), i, e};
	}
	qsort(m, n, sizeof *m, by_time);
	/* Too many: the last ones are nearest to what was found. */
	size_t from = n > KAN_LIST_TIMELINE ? n - KAN_LIST_TIMELINE : 0;
	for (size_t i = from; i < n; i++)
		json_array_append(sorted, m[i].entry);
	*left_out = from;
	free(m);
	json_decref(all);
	return sorted;
}
