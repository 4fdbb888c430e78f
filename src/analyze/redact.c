/* By the key of each value: what stays, what becomes a number, what is left out. */
#include "analyze/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/redact_part.h"
#include "base/row.h"

enum { TEXT_MAX = 4 << 20, SAYS_TEXT = 64 };

/* Our own words, digests, ids: as they are. */
static const char *const ours[] = {"added",
				   "against",
				   "ancestor",
				   "arch",
				   "artefact",
				   "attack",
				   "below_mode",
				   "below_sha256",
				   "change",
				   "cis",
				   "class",
				   "classes",
				   "code",
				   "collector",
				   "column",
				   "confidence",
				   "could_show",
				   "created",
				   "depth",
				   "desc",
				   "diff_id",
				   "exe_mode",
				   "exe_origin",
				   "exe_sha256",
				   "expires",
				   "false_positives",
				   "file_origin",
				   "finding",
				   "findings",
				   "for",
				   "grade",
				   "how",
				   "ino",
				   "kernel",
				   "kind",
				   "layer",
				   "level",
				   "libyara",
				   "manager",
				   "mode",
				   "next",
				   "of",
				   "package_below",
				   "package_manager",
				   "package_verdict",
				   "peer_scope",
				   "platforms",
				   "proof",
				   "proto",
				   "references",
				   "result",
				   "rule",
				   "schema",
				   "scope",
				   "seal",
				   "severity",
				   "sha256",
				   "side",
				   "sides",
				   "sock_dir",
				   "started",
				   "state",
				   "status",
				   "stdio_kind",
				   "storage",
				   "strength",
				   "subject",
				   "successor",
				   "tactics",
				   "tag",
				   "technique",
				   "time",
				   "title",
				   "tlp",
				   "tool",
				   "trust",
				   "type",
				   "tz",
				   "version",
				   "where"};
/* Paths, names, addresses: what in them says who and where is numbered. A key that is in neither
 * list is left out. */
static const char *const named[] = {"a",
				    "b",
				    "bundle",
				    "by",
				    "case",
				    "commit",
				    "dest",
				    "dir",
				    "disabled",
				    "exe_link",
				    "file",
				    "from",
				    "id",
				    "image",
				    "image_id",
				    "impact",
				    "laddr",
				    "link",
				    "missing",
				    "mount_point",
				    "name",
				    "object",
				    "one",
				    "other",
				    "package_name",
				    "package_version",
				    "path",
				    "raddr",
				    "reason",
				    "replaced",
				    "rules",
				    "ruleset",
				    "source",
				    "source_version",
				    "stored",
				    "text",
				    "what",
				    "why"};

/* Of sections whose rows are of ours or of the host under other names. */
static const struct {
	const char *section, *key;
} kept_there[] = {{"posture", "value"}, {"record", "mode"},          {"record", "says"},
		  {"yara", "says"},     {"image_integrity", "says"}, {"record", "proof"},
		  {"reach", "value"}};

static bool is_ours(const char *key)
{
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(ours[i], key) == 0)
			return true;
	return false;
}

static bool stays(const char *section, const char *key)
{
	if (is_ours(key))
		return true;
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (strcmp(named[i], key) == 0)
			return true;
	for (size_t i = 0; i < sizeof kept_there / sizeof *kept_there; i++)
		if (strcmp(kept_there[i].section, section) == 0 &&
		    strcmp(kept_there[i].key, key) == 0)
			return true;
	return false;
}

struct kan_redactor *kan_redactor_new(void)
{
	struct kan_redactor *r = kan_xalloc(sizeof *r);
	r->users = json_object();
	r->hosts = json_object();
	r->addresses = json_object();
	r->hidden = json_object();
	return r;
}

void kan_redactor_free(struct kan_redactor *r)
{
	if (!r)
		return;
	json_decref(r->users);
	json_decref(r->hosts);
	json_decref(r->addresses);
	json_decref(r->hidden);
	free(r);
}

static json_t *scrubbed(struct kan_redactor *r, const json_t *v)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	kan_redact_text(
		r, &text,
		(struct kan_bytes){(const uint8_t *)json_string_value(v), json_string_length(v)});
	return json_stringn(kan_buf_str(&text), text.len);
}

static json_t *left_out(struct kan_redactor *r, size_t octets)
{
	char text[SAYS_TEXT];
	r->left_out++;
	(void)snprintf(text, sizeof text, "[left out, %zu bytes]", octets);
	return json_string(text);
}

static json_t *value(struct kan_redactor *r, const char *section, const char *key, json_t *v);

/* A list of words that do not stay is one word. */
static json_t *list(struct kan_redactor *r, const char *section, const char *key, json_t *v)
{
	size_t i = 0, octets = 0;
	json_t *one = NULL, *made = json_array();
	bool words = json_is_string(json_array_get(v, 0)) && !stays(section, key);
	json_array_foreach (v, i, one)
		if (words)
			octets += json_string_length(one);
		else
			json_array_append_new(made, value(r, section, key, one));
	if (words)
		json_array_append_new(made, left_out(r, octets));
	return made;
}

static json_t *person(struct kan_redactor *r, const json_t *operator)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	static const char *const keys[] = {"name", "email", "login"};
	json_t *o = json_object();
	kan_redact_user(r, &text, kan_json_str(operator, "name"));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *known = kan_json_str(operator, keys[i]);
		if (strcmp(known, "root") == 0) /* nobody's name */
			json_object_set_new(o, keys[i], json_string(known));
		if (!*known || strcmp(known, "root") == 0)
			continue;
		json_object_set_new(r->users, known, json_string(kan_buf_str(&text)));
		json_object_set_new(o, keys[i], json_string(kan_buf_str(&text)));
	}
	return o;
}

static json_t *host(struct kan_redactor *r, json_t *h)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	static const char *const keys[] = {"name", "machine_id", "boot_id"};
	json_t *o = json_copy(h);
	kan_redact_host(r, &text, kan_json_str(h, "name"));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *known = kan_json_str(h, keys[i]);
		if (!*known)
			continue;
		json_object_set_new(r->hosts, known, json_string(kan_buf_str(&text)));
		json_object_set_new(o, keys[i], json_string(kan_buf_str(&text)));
	}
	return o;
}

/* Sentences: {"text"} is ours; {"value", "of"} is of a column. */
static json_t *part(struct kan_redactor *r, json_t *p)
{
	char of[SAYS_TEXT];
	const json_t *v = json_object_get(p, "value");
	if (!v)
		return json_deep_copy(p);
	(void)snprintf(of, sizeof of, "%s", kan_json_str(p, "of"));
	for (char *c = of; *c; c++)
		*c = *c == '.' ? '_' : *c;
	json_t *made = stays("", of) || strcmp(of, "pid") == 0 || strcmp(of, "uid") == 0
			       ? scrubbed(r, v)
			       : NULL;
	bool number = strspn(json_string_value(v), "0123456789") == json_string_length(v);
	if (!made)
		made = number ? json_incref((json_t *)(uintptr_t)v)
			      : left_out(r, json_string_length(v));
	return json_pack("{s:o,s:O}", "value", made, "of", json_object_get(p, "of"));
}

static json_t *finding(struct kan_redactor *r, json_t *f)
{
	kan_auto_buf struct kan_buf says = KAN_BUF(TEXT_MAX);
	json_t *o = json_object(), *v = NULL, *parts = json_array();
	const char *key = NULL;
	size_t i = 0;
	json_object_foreach (f, key, v)
		if (strcmp(key, "parts") != 0 && strncmp(key, "says", 4) != 0 &&
		    strcmp(key, "key") != 0)
			json_object_set_new(o, key, value(r, "findings", key, v));
	json_array_foreach (json_object_get(f, "parts"), i, v) {
		json_t *p = part(r, v);
		const char *text = kan_json_str(p, "text");
		kan_buf_adds(&says, *text ? text : kan_json_str(p, "value"));
		json_array_append_new(parts, p);
	}
	json_object_set_new(o, "parts", parts);
	json_object_set_new(o, "says", json_stringn(kan_buf_str(&says), says.len));
	return o;
}

/* "engine: exec_start: sh -c ..." says what was run: the word for it stays. */
static json_t *message(struct kan_redactor *r, const json_t *row, const json_t *v)
{
	static const char engine[] = "engine: ";
	const char *text = json_string_value(v), *trust = kan_json_str(row, "trust");
	if (strcmp(trust, "container-text") == 0)
		return left_out(r, json_string_length(v));
	if (strncmp(text, engine, sizeof engine - 1) != 0)
		return scrubbed(r, v);
	size_t n = sizeof engine - 1 + strcspn(text + sizeof engine - 1, ":");
	if (!text[n])
		return scrubbed(r, v);
	r->left_out++;
	return json_sprintf("%.*s: [left out, %zu bytes]", (int)n, text, strlen(text + n));
}

/* [token, 42 bytes, "hunt…"]: not even its beginning. */
static json_t *shown(const json_t *v)
{
	const char *text = json_string_value(v), *quote = strstr(text, ", \"");
	return quote ? json_sprintf("%.*s]", (int)(quote - text), text) : json_string(text);
}

static json_t *member(struct kan_redactor *r, const char *section, json_t *row, const char *key,
		      json_t *v)
{
	if (strcmp(key, "operator") == 0 && json_is_object(v))
		return person(r, v);
	if (strcmp(key, "host") == 0 && json_is_object(v))
		return host(r, v);
	if (json_is_string(v) && strcmp(key, "message") == 0)
		return message(r, row, v);
	if (json_is_string(v) && strcmp(key, "shown") == 0)
		return shown(v);
	if (strcmp(key, "finding") == 0 && json_is_object(v))
		return finding(r, v);
	return value(r, section, key, v);
}

static bool is_twin(const char *key)
{
	size_t n = strlen(key);
	return n > 4 && strcmp(key + n - 4, "_b64") == 0;
}

static json_t *object(struct kan_redactor *r, const char *section, json_t *v)
{
	json_t *o = json_object(), *one = NULL;
	const char *key = NULL;
	json_object_foreach (v, key, one)
		/* The bytes of a text that was changed are gone, too. */
		if (!is_twin(key) &&
		    !(strcmp(section, "suppressed") == 0 && strcmp(key, "key") == 0))
			json_object_set_new(o, key, member(r, section, v, key, one));
	return o;
}

static json_t *value(struct kan_redactor *r, const char *section, const char *key, json_t *v)
{
	if (json_is_object(v))
		return object(r, section, v);
	if (json_is_array(v))
		return list(r, section, key, v);
	if (!json_is_string(v) || is_ours(key))
		return json_incref(v);
	return stays(section, key) ? scrubbed(r, v) : left_out(r, json_string_length(v));
}

/* What the engine's networks say of an address outweighs what it looks like. */
static void hide_inner(struct kan_redactor *r, const json_t *sockets)
{
	size_t i = 0;
	json_t *s = NULL;
	json_array_foreach (json_object_get(sockets, "rows"), i, s) {
		const char *scope = kan_json_str(s, "peer_scope");
		if (strcmp(scope, "neighbour") == 0 || strcmp(scope, "gateway") == 0 ||
		    strcmp(scope, "host") == 0 || strcmp(scope, "private") == 0)
			kan_redact_hide(r, kan_json_str(s, "raddr"));
	}
}

void kan_redact_document(struct kan_redactor *r, json_t *doc)
{
	json_t *v = NULL, *made = json_object(), *findings = json_array();
	const char *key = NULL;
	size_t i = 0;
	hide_inner(r, json_object_get(doc, "sockets"));
	/* People and the host first: their names are looked for everywhere else. */
	v = json_object_get(doc, "record");
	if (v)
		json_object_set_new(made, "record", object(r, "record", v));
	json_array_foreach (json_object_get(doc, "findings"), i, v)
		json_array_append_new(findings, finding(r, v));
	json_object_set_new(made, "findings", findings);
	json_object_foreach (doc, key, v)
		if (!json_object_get(made, key))
			json_object_set_new(made, key, member(r, key, doc, key, v));
	json_object_set_new(made, "redacted",
			    json_pack("{s:I,s:I,s:I,s:I}", "left_out", (json_int_t)r->left_out,
				      "users", (json_int_t)r->n[KAN_REDACT_USER], "hosts",
				      (json_int_t)r->n[KAN_REDACT_HOST], "addresses",
				      (json_int_t)r->n[KAN_REDACT_ADDRESS]));
	json_object_clear(doc);
	json_object_update(doc, made);
	json_decref(made);
}

json_t *kan_redact_row(struct kan_redactor *r, const json_t *row)
{
	return object(r, "", (json_t *)(uintptr_t)row);
}
