/* Events of the engine as rows: what was done with the container, and what was made beside it. */
#include <string.h>

#include "analyze/facts.h"
#include "analyze/kinds.h"

enum { NS_PER_S = 1000000000, WORD_MAX = 64, FIRST_LINE = 2 };

const struct kan_column kan_event_columns[] = {
	INT("time_ns", "of the engine, UTC"),
	WORD("type", "container, image, network, volume"),
	WORD("action", "create, start, exec_create, exec_start, ..."),
	{.name = "command",
	 .type = KAN_TYPE_BYTES,
	 .speaks = true,
	 .doc = "of an exec, as the engine has it"},
	WORD("id", "of what it is about"),
	BYTES("name", "of a container"),
	BYTES("image", "of a container"),
	BOOL("mine", "about this container"),
	BOOL("health", "a health check's: its command is the configured one"),
	BOOL("after_start", "later than the last start of this container"),
	END,
};
const char *const kan_event_identity[] = {"time_ns", "action", "command", "id",
					  "name",    "image",  "mine",    NULL};

static int64_t time_of(const json_t *e)
{
	int64_t ns = kan_get_int(e, "timeNano", 0);
	return ns ? ns : kan_get_int(e, "time", 0) * NS_PER_S;
}

static void put(json_t *row, const char *key, const json_t *from, const char *of)
{
	json_t *v = json_object_get(from, of);
	if (json_is_string(v))
		json_object_set(row, key, v);
}

/* "exec_create: /bin/sh -c id" is an action and its command. */
static void put_action(json_t *row, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	n = n < WORD_MAX ? n : WORD_MAX;
	json_object_set_new(row, "action", json_stringn(text, n));
	if (colon && colon[1] == ' ')
		json_object_set_new(row, "command", json_string(colon + 2));
}

/* The words of Config.Healthcheck.Test behind CMD or CMD-SHELL, as the engine prints an exec. */
static bool is_health_check(const struct kan_facts *f, const char *command)
{
	const json_t *test = json_object_get(
		json_object_get(json_object_get(f->inspect, "Config"), "Healthcheck"), "Test");
	kan_auto_buf struct kan_buf line = KAN_BUF(1 << 16);
	const char *kind = json_string_value(json_array_get(test, 0));
	if (!kind)
		return false;
	if (strcmp(kind, "CMD-SHELL") == 0)
		kan_buf_adds(&line, "/bin/sh -c");
	for (size_t i = 1; i < json_array_size(test); i++) {
		const char *word = json_string_value(json_array_get(test, i));
		kan_buf_adds(&line, line.len ? " " : "");
		kan_buf_adds(&line, word ? word : "");
	}
	return line.len && !line.failed && strcmp(command, kan_buf_str(&line)) == 0;
}

static json_t *row_of(const struct kan_facts *f, const json_t *e)
{
	json_t *row = json_object();
	const json_t *actor = json_object_get(e, "Actor");
	const json_t *words = json_object_get(actor, "Attributes");
	const char *target = kan_json_str(f->inspect, "Id"), *id = kan_json_str(actor, "ID");
	int64_t ns = time_of(e);
	json_object_set_new(row, "time_ns", json_integer(ns));
	put(row, "type", e, "Type");
	put_action(row, kan_json_str(e, "Action"));
	put(row, "id", actor, "ID");
	put(row, "name", words, "name");
	put(row, "image", words, "image");
	json_object_set_new(row, "mine",
			    json_boolean(*target && (strcmp(id, target) == 0 ||
						     strcmp(kan_json_str(e, "id"), target) == 0)));
	json_object_set_new(row, "health",
			    json_boolean(is_health_check(f, kan_json_str(row, "command"))));
	if (f->started_ns)
		json_object_set_new(row, "after_start", json_boolean(ns > f->started_ns));
	return row;
}

int kan_derive_event(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		     struct kan_err *err)
{
	json_t *events = NULL, *e = NULL;
	struct kan_err ignored = {0};
	size_t i = 0;
	int rc = 0;
	if (kan_source_events(&events, f->source, "data/engine/events.json", &ignored) < 0)
		return 0;
	json_array_foreach (events, i, e) {
		json_t *row = row_of(f, e);
		if (rc == 0)
			rc = fn(row, i + FIRST_LINE, arg, err);
		json_decref(row);
	}
	json_decref(events);
	return rc;
}
