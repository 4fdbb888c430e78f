/* Custody events: made from an act, parsed back under the format's rules. */
#include "custody/event.h"

#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"
#include "custody/form.h"

#include <stdlib.h>
#include <string.h>

const char kan_event_first[] = "0000000000000000000000000000000000000000000000000000000000000000";

void kan_event_free(struct kan_event *e)
{
	json_decref(e->doc);
	e->doc = NULL;
}

/* Operators' words come from a command line: bytes that are no UTF-8 become U+FFFD, never a lost
 * key. */
static json_t *text_json(const char *s)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_EVENT_MAX);

	(void)kan_text_clean(&clean, kan_bytes_of(s));
	return json_stringn(kan_buf_str(&clean), clean.len);
}

/* A key of a document of base; what could not be read there is the empty value of its kind here. */
static json_t *known(const json_t *doc, const char *key, json_t *otherwise)
{
	json_t *v = json_object_get(doc, key);

	if (!v)
		return otherwise;
	json_decref(otherwise);
	return json_incref(v);
}

static json_t *when_json(const struct kan_event_input *in, const json_t *host, const json_t *clock)
{
	json_t *when = json_object();

	json_object_set_new(when, "utc_ns", json_integer(in->utc_ns));
	json_object_set_new(when, "boot_ns", json_integer(kan_boot_ns()));
	json_object_set_new(when, "tz", known(host, "tz", json_string("")));
	json_object_set_new(when, "boot_id", known(host, "boot_id", json_string("")));
	json_object_set_new(when, "ntp_synced", known(clock, "ntp_synced", json_false()));
	json_object_set_new(when, "clock_source", known(clock, "clock_source", json_string("")));
	if (in->offset_ms)
		json_object_set_new(when, "clock_offset_ms", json_integer(*in->offset_ms));
	return when;
}

static json_t *where_json(const struct kan_event_input *in, const json_t *host)
{
	json_t *where = json_object();

	json_object_set_new(where, "host", known(host, "name", json_string("")));
	json_object_set_new(where, "machine_id", known(host, "machine_id", json_string("")));
	json_object_set_new(where, "path", text_json(in->home));
	return where;
}

static json_t *who_json(const struct kan_event_input *in)
{
	json_t *who = kan_operator_json(in->act->name, in->act->email);

	json_object_set_new(who, "key", json_string(in->host_key ? "host" : "given"));
	json_object_set_new(who, "key_fpr", json_string(in->key_fpr));
	return who;
}

static json_t *why_json(const struct kan_act *act)
{
	json_t *why = json_object();

	json_object_set_new(why, "purpose", text_json(act->purpose));
	if (act->authority)
		json_object_set_new(why, "authority", text_json(act->authority));
	return why;
}

static void set_content(json_t *doc, const struct kan_event_input *in)
{
	json_t *what = json_is_array(in->what) ? json_deep_copy(in->what) : json_array();
	json_t *impact = in->act->impact ? json_deep_copy(in->act->impact) : json_array();
	json_t *result = json_object(), *errors = json_array(), *note;

	if (json_is_object(in->what))
		json_array_append_new(what, json_deep_copy(in->what));
	json_object_set_new(doc, "what", what);
	if (in->failed)
		json_array_append_new(errors, text_json(in->failed));
	json_object_set_new(result, "ok", json_boolean(!in->failed));
	json_object_set_new(result, "errors", errors);
	json_object_set_new(doc, "result", result);
	if (in->warning)
		json_array_append_new(impact, text_json(in->warning));
	json_object_set_new(doc, "impact", impact);
	if (in->act->request_id)
		json_object_set_new(doc, "request_id", text_json(in->act->request_id));
	if (in->done)
		json_object_set_new(doc, "act", json_deep_copy(in->done));
	if (in->more) {
		json_t *copy = json_deep_copy(in->more);

		json_object_update(doc, copy);
		json_decref(copy);
	}
	if (!in->note)
		return;
	note = json_object();
	json_object_set_new(note, "text", text_json(in->note));
	if (in->finding) {
		json_object_set_new(note, "finding", text_json(in->finding));
		json_object_set_new(note, "as", text_json(in->as));
	}
	json_object_set_new(doc, "note", note);
}

int kan_event_make(struct kan_buf *out, const struct kan_event_input *in, struct kan_err *err)
{
	static const char *const no_argv[] = {NULL};
	json_auto_t *doc = json_object(), *how = NULL;
	json_auto_t *host = kan_host_json(), *clock = kan_clock_json();

	if (kan_self_json(&how, in->act->argv ? in->act->argv : no_argv, err) < 0)
		return -1;
	json_object_set_new(doc, "schema", json_string(KAN_EVENT_SCHEMA));
	json_object_set_new(doc, "case", json_string(in->case_id));
	json_object_set_new(doc, "seq", json_integer(in->seq));
	json_object_set_new(doc, "type", json_string(in->type));
	json_object_set_new(doc, "prev", json_string(in->prev));
	json_object_set_new(doc, "who", who_json(in));
	json_object_set_new(doc, "when", when_json(in, host, clock));
	json_object_set_new(doc, "where", where_json(in, host));
	json_object_set_new(doc, "why", why_json(in->act));
	json_object_set(doc, "how", how);
	set_content(doc, in);
	if (kan_json_dump(out, doc, err) < 0)
		return kan_wrap(err, "event");
	return out->len > KAN_EVENT_MAX ? kan_fail(err, KAN_ELIMIT, "event larger than 1 MiB") : 0;
}

enum kind { TEXT, NUMBER, TRUTH, LIST, OBJECT };

static bool is_kind(const json_t *v, enum kind kind)
{
	switch (kind) {
	case TEXT:
		return json_is_string(v);
	case NUMBER:
		return json_is_integer(v);
	case TRUTH:
		return json_is_boolean(v);
	case LIST:
		return json_is_array(v);
	case OBJECT:
		return json_is_object(v);
	}
	return false;
}

static const struct {
	const char *in, *key;
	enum kind kind;
	bool optional;
} keys[] = {
	{NULL, "schema", TEXT, false},         {NULL, "case", TEXT, false},
	{NULL, "seq", NUMBER, false},          {NULL, "type", TEXT, false},
	{NULL, "prev", TEXT, false},           {NULL, "request_id", TEXT, true},
	{NULL, "who", OBJECT, false},          {"who", "name", TEXT, false},
	{"who", "email", TEXT, false},         {"who", "login", TEXT, false},
	{"who", "uid", NUMBER, false},         {"who", "sudo_user", TEXT, true},
	{"who", "key", TEXT, false},           {"who", "key_fpr", TEXT, false},
	{NULL, "when", OBJECT, false},         {"when", "utc_ns", NUMBER, false},
	{"when", "tz", TEXT, false},           {"when", "boot_id", TEXT, false},
	{"when", "boot_ns", NUMBER, false},    {"when", "ntp_synced", TRUTH, false},
	{"when", "clock_source", TEXT, false}, {"when", "clock_offset_ms", NUMBER, true},
	{NULL, "where", OBJECT, false},        {"where", "host", TEXT, false},
	{"where", "machine_id", TEXT, false},  {"where", "path", TEXT, false},
	{NULL, "why", OBJECT, false},          {"why", "purpose", TEXT, false},
	{"why", "authority", TEXT, true},      {NULL, "how", OBJECT, false},
	{"how", "tool", TEXT, false},          {"how", "version", TEXT, false},
	{"how", "commit", TEXT, false},        {"how", "exe_sha256", TEXT, false},
	{"how", "argv", LIST, false},          {NULL, "what", LIST, false},
	{NULL, "result", OBJECT, false},       {"result", "ok", TRUTH, false},
	{"result", "errors", LIST, false},     {NULL, "impact", LIST, false},
	{NULL, "act", OBJECT, true},           {NULL, "note", OBJECT, true},
	{NULL, "transfer", OBJECT, true},      {"transfer", "to", TEXT, false},
	{"transfer", "method", TEXT, false},   {"transfer", "reference", TEXT, false},
	{NULL, "ack", OBJECT, true},           {"ack", "by", TEXT, false},
	{"ack", "event", TEXT, false},         {"ack", "signature", TEXT, false},
	{NULL, "anchor", OBJECT, true},        {"anchor", "kind", TEXT, false},
	{"anchor", "file", TEXT, false},       {"anchor", "commit", TEXT, true},
	{"anchor", "seal", TEXT, true},        {NULL, "dispose", LIST, true},
};

static int check_keys(const json_t *doc, struct kan_err *err)
{
	size_t known_keys = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *in = keys[i].in ? json_object_get(doc, keys[i].in) : doc;
		const json_t *v = json_object_get(in, keys[i].key);

		if (!v && (keys[i].optional || !in))
			continue;
		if (!v || !is_kind(v, keys[i].kind))
			return kan_fail(err, KAN_EFORMAT, "event without a good \"%s\"",
					keys[i].key);
		known_keys += !keys[i].in;
	}
	if (json_object_size(doc) != known_keys)
		return kan_fail(err, KAN_EFORMAT, "event with a key that the format does not have");
	return 0;
}

static const char *text_of(const json_t *doc, const char *in, const char *key)
{
	const json_t *at = in ? json_object_get(doc, in) : doc;

	return json_string_value(json_object_get(at, key));
}

static bool what_ok(const json_t *w)
{
	const char *bundle = text_of(w, NULL, "bundle"), *seal = text_of(w, NULL, "seal");
	const json_t *octets = json_object_get(w, "octets"), *files = json_object_get(w, "files");

	return bundle && kan_form_bundle_ok(bundle) && seal && kan_is_sha256_hex(seal) &&
	       json_is_integer(octets) && json_integer_value(octets) >= 0 &&
	       json_is_integer(files) && json_integer_value(files) >= 0 && json_object_size(w) == 4;
}

/* what: nothing, one bundle, or of a transfer and its ack several, sorted by seal. */
static int parse_what(struct kan_event *e, struct kan_err *err)
{
	const json_t *list = json_object_get(e->doc, "what");
	const char *before = "";

	e->n_what = json_array_size(list);
	e->bundle = e->seal = "";
	if (e->n_what > 1 && strcmp(e->type, "transfer") != 0 && strcmp(e->type, "ack") != 0)
		return kan_fail(err, KAN_EFORMAT, "event with more than one bundle");
	for (size_t i = 0; i < e->n_what; i++) {
		const json_t *w = json_array_get(list, i);

		if (!what_ok(w) || strcmp(text_of(w, NULL, "seal"), before) <= 0)
			return kan_fail(err, KAN_EFORMAT, "event with a malformed \"what\"");
		before = text_of(w, NULL, "seal");
	}
	if (e->n_what != 1)
		return 0;
	e->bundle = text_of(json_array_get(list, 0), NULL, "bundle");
	e->seal = text_of(json_array_get(list, 0), NULL, "seal");
	e->octets =
		(uint64_t)json_integer_value(json_object_get(json_array_get(list, 0), "octets"));
	e->files = (uint64_t)json_integer_value(json_object_get(json_array_get(list, 0), "files"));
	return 0;
}

static int take_fields(struct kan_event *e, struct kan_err *err)
{
	json_int_t seq = json_integer_value(json_object_get(e->doc, "seq"));

	e->case_id = text_of(e->doc, NULL, "case");
	e->type = text_of(e->doc, NULL, "type");
	e->prev = text_of(e->doc, NULL, "prev");
	e->request_id = text_of(e->doc, NULL, "request_id");
	e->email = text_of(e->doc, "who", "email");
	e->key = text_of(e->doc, "who", "key");
	e->key_fpr = text_of(e->doc, "who", "key_fpr");
	e->host = text_of(e->doc, "where", "host");
	e->utc_ns = json_integer_value(json_object_get(json_object_get(e->doc, "when"), "utc_ns"));
	if (strcmp(text_of(e->doc, NULL, "schema"), KAN_EVENT_SCHEMA) != 0)
		return kan_fail(err, KAN_EFORMAT, "not a " KAN_EVENT_SCHEMA);
	if (seq < 1 || seq > KAN_FORM_SEQ_MAX || !kan_form_case_ok(e->case_id) ||
	    !kan_form_type_ok(e->type) || !kan_is_sha256_hex(e->prev))
		return kan_fail(err, KAN_EFORMAT, "event with a bad case, seq, type or prev");
	if (strcmp(e->key, "host") != 0 && strcmp(e->key, "given") != 0)
		return kan_fail(err, KAN_EFORMAT, "event with a bad who.key");
	e->seq = (unsigned)seq;
	return parse_what(e, err);
}

int kan_event_parse(struct kan_event *out, struct kan_bytes text, struct kan_err *err)
{
	kan_auto_event struct kan_event e = {0};
	kan_auto_buf struct kan_buf again = KAN_BUF(2 * KAN_EVENT_MAX);

	if (kan_json_parse(&e.doc, text, KAN_EVENT_MAX, KAN_EVENT_DEPTH, err) < 0)
		return kan_wrap(err, "event");
	if (!json_is_object(e.doc))
		return kan_fail(err, KAN_EFORMAT, "event is no object");
	if (check_keys(e.doc, err) < 0 || take_fields(&e, err) < 0)
		return -1;
	if (kan_json_dump(&again, e.doc, err) < 0)
		return -1;
	if (!kan_bytes_eq(kan_buf_bytes(&again), text))
		return kan_fail(err, KAN_EFORMAT, "event is not in the one form that we write");
	*out = e;
	e.doc = NULL;
	return 0;
}
