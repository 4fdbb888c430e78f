/* The custody events of a case, made into plain rows. */
#include "cli/case.h"

#include <stdio.h>
#include <string.h>

#include <kanshiki/custody.h>

#include "base/row.h"
#include "cli/cmd.h"
#include "reports/case.h"

enum { TEXT_MAX = 2048, CASES_SHOWN = 10, CASES_KNOWN = 1000 };

static void cut(json_t *o, const char *key, const json_t *from, const char *name)
{
	const char *s = kan_json_str(from, name);
	size_t n = strlen(s), shown = n > TEXT_MAX ? TEXT_MAX : n;
	if (!json_object_get(from, name))
		return;
	while (shown < n && shown && ((unsigned char)s[shown] & 0xc0) == 0x80)
		shown--; /* not in the middle of a character */
	kan_json_set_bytes(o, key, (struct kan_bytes){(const uint8_t *)s, shown});
	if (shown < n) {
		char len[64];
		(void)snprintf(len, sizeof len, "%s_len", key);
		json_object_set_new(o, len, json_integer((json_int_t)n));
	}
}

static json_t *row_of(const json_t *e, const char *commit)
{
	const json_t *act = json_object_get(e, "act"), *note = json_object_get(e, "note"),
		     *what = json_array_get(json_object_get(e, "what"), 0);
	json_t *o = json_object();
	json_object_set(o, "seq", json_object_get(e, "seq"));
	json_object_set(o, "time_ns", json_object_get(json_object_get(e, "when"), "utc_ns"));
	json_object_set(o, "ok", json_object_get(json_object_get(e, "result"), "ok"));
	json_object_set_new(o, "commit", json_string(commit));
	cut(o, "type", e, "type");
	cut(o, "who", json_object_get(e, "who"), "name");
	cut(o, "host", json_object_get(e, "where"), "host");
	cut(o, "bundle", what, "bundle");
	cut(o, "seal", what, "seal");
	cut(o, "text", note, "text");
	cut(o, "finding", note, "finding");
	cut(o, "as", note, "as");
	cut(o, "do", act, "do");
	cut(o, "target", act, "target");
	cut(o, "undo", act, "undo");
	if (json_is_true(json_object_get(act, "already")))
		json_object_set_new(o, "already", json_true());
	return o;
}

static bool known(const json_t *bundles, const char *bundle, const char *seal)
{
	size_t i = 0;
	json_t *b = NULL;
	json_array_foreach ((json_t *)(uintptr_t)bundles, i, b)
		if (strcmp(kan_json_str(b, "bundle"), bundle) == 0 &&
		    strcmp(kan_json_str(b, "seal"), seal) == 0)
			return true;
	return false;
}

/* By name and seal: two bundles may have one name. */
static void bundle_of(struct kan_case_events *s, const json_t *row)
{
	const char *type = kan_json_str(row, "type"), *bundle = kan_json_str(row, "bundle"),
		   *seal = kan_json_str(row, "seal");
	if ((strcmp(type, "collect") != 0 && strcmp(type, "import") != 0) ||
	    known(s->bundles, bundle, seal))
		return;
	if (json_array_size(s->bundles) >= KAN_CASE_BUNDLES)
		s->bundles_left_out++;
	else
		json_array_append_new(s->bundles,
				      json_pack("{s:s,s:s}", "bundle", bundle, "seal", seal));
}

/* Over the limit there is still room for what the report counts on. */
static bool room(const struct kan_case_events *s, const json_t *row)
{
	static const char *const needed[] = {"collect", "act", "close"};
	size_t n = json_array_size(s->events);
	if (n < KAN_CASE_EVENTS)
		return true;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (strcmp(kan_json_str(row, "type"), needed[i]) == 0)
			return n < 2 * (size_t)KAN_CASE_EVENTS;
	return json_object_get(row, "as") && n < 2 * (size_t)KAN_CASE_EVENTS;
}

static int on_event(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	struct kan_case_events *s = arg;
	(void)err;
	(void)snprintf(s->id, sizeof s->id, "%s", kan_json_str(event, "case"));
	json_t *row = row_of(event, commit);
	bundle_of(s, row);
	if (room(s, row))
		json_array_append(s->events, row);
	else
		s->events_left_out++;
	json_decref(row);
	return 0;
}

static int on_any(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	json_t *names = arg;
	(void)commit;
	(void)err;
	if (json_array_size(names) < CASES_KNOWN)
		kan_json_add_word(names, kan_json_str(event, "case"));
	return 0;
}

static int none(struct kan_custody *c, const char *id, struct kan_err *err)
{
	json_t *names = json_array();
	char text[CASES_SHOWN * 68] = "";
	size_t at = 0, i = 0;
	int rc = kan_custody_log(c, NULL, on_any, names, err);
	for (; rc == 0 && i < json_array_size(names) && i < CASES_SHOWN; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "",
				       json_string_value(json_array_get(names, i)));
	size_t more = json_array_size(names) - i;
	json_decref(names);
	if (rc < 0)
		return -1;
	if (!at)
		return kan_fail(err, KAN_ENOTFOUND, "no case '%.64s': this home has none yet", id);
	if (more)
		return kan_fail(err, KAN_ENOTFOUND, "no case '%.64s' here; there are %s, +%zu more",
				id, text, more);
	return kan_fail(err, KAN_ENOTFOUND, "no case '%.64s' here; there are: %s", id, text);
}

int kan_case_events(struct kan_case_events *out, const char *home, const char *id,
		    struct kan_err *err)
{
	struct kan_case_events s = {.events = json_array(), .bundles = json_array()};
	struct kan_custody *c = NULL;
	int rc = kan_custody_there(home, err);
	if (rc == 0)
		rc = kan_custody_open(&c, home, NULL, err);
	if (rc == 0)
		rc = kan_custody_log(c, id, on_event, &s, err);
	if (rc == 0 && !json_array_size(s.events))
		rc = none(c, id, err);
	kan_custody_free(c);
	if (rc < 0) {
		json_decref(s.events);
		json_decref(s.bundles);
		return -1;
	}
	*out = s;
	return 0;
}
