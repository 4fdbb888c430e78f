/* The model: everything the renderers print, computed once from the analysis and the receipt. */
#include "reports/model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"

enum { DRAIN_AT = 1 << 20, LINE_MAX_BYTES = 64 << 10, PART_MAX = 256 };

const char *const kan_model_severities[4] = {"low", "medium", "high", "critical"};

void kan_part_text(json_t *parts, const char *text)
{
	json_array_append_new(parts, json_pack("{s:s}", "text", text));
}

void kan_part_textf(json_t *parts, const char *fmt, ...)
{
	char text[PART_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	kan_part_text(parts, text);
}

void kan_part_command(json_t *parts, const char *text)
{
	json_array_append_new(parts, json_pack("{s:s}", "command", text));
}

void kan_part_bytes(json_t *parts, struct kan_bytes v)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "value", v);
	json_array_append_new(parts, o);
}

void kan_part_value(json_t *parts, const json_t *holder, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(LINE_MAX_BYTES);
	struct kan_err ignored = {0};
	const json_t *j = json_object_get(holder, key);
	if (json_is_integer(j))
		kan_buf_addf(&v, "%" PRId64, (int64_t)json_integer_value(j));
	else if (kan_json_bytes(&v, holder, key, &ignored) < 0)
		kan_buf_adds(&v, "?");
	kan_part_bytes(parts, kan_buf_bytes(&v));
}

void kan_part_list(json_t *parts, const json_t *holder, const char *key)
{
	char twin[80];
	kan_auto_buf struct kan_buf v = KAN_BUF(LINE_MAX_BYTES);
	(void)snprintf(twin, sizeof twin, "%s_b64", key);
	const json_t *text = json_object_get(holder, key), *b64 = json_object_get(holder, twin);
	for (size_t i = 0; i < json_array_size(text); i++) {
		const char *exact = json_string_value(json_array_get(b64, i));
		struct kan_err ignored = {0};
		if (i)
			kan_buf_addc(&v, ' ');
		if (!exact || kan_base64_decode(&v, kan_bytes_of(exact), &ignored) < 0)
			kan_buf_adds(&v, json_string_value(json_array_get(text, i)));
	}
	kan_part_bytes(parts, kan_buf_bytes(&v));
}

void kan_entry_add(struct kan_entries *e, json_t *parts, int64_t n)
{
	e->at = kan_xrealloc(e->at, e->n + 1, sizeof *e->at);
	e->at[e->n++] = (struct kan_entry){parts, n};
}

const json_t *kan_model_rows(const struct kan_model *m, const char *section)
{
	return json_object_get(json_object_get(m->doc, section), "rows");
}

static bool same_keys(const json_t *a, const json_t *b, const char *const *keys)
{
	for (; *keys; keys++)
		if (!json_equal(json_object_get(a, *keys), json_object_get(b, *keys)))
			return false;
	return true;
}

int64_t kan_model_object_finding(const struct kan_model *m, const char *kind, const json_t *row,
				 const char *const *keys)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *o = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		json_array_foreach (json_object_get(f, "objects"), k, o) {
			const char *of = json_string_value(json_object_get(o, "kind"));
			if (of && strcmp(of, kind) == 0 && same_keys(o, row, keys))
				return json_integer_value(json_object_get(f, "n"));
		}
	}
	return 0;
}

int64_t kan_model_pid_finding(const struct kan_model *m, int64_t pid)
{
	static const char *const keys[] = {"pid", NULL};
	json_t *row = json_pack("{s:I}", "pid", (json_int_t)pid);
	int64_t n = kan_model_object_finding(m, "process", row, keys);
	json_decref(row);
	return n;
}

/* By the exact bytes: two names may look alike and be two. */
static bool same_value(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, "value_b64"), *y = json_object_get(b, "value_b64");
	return json_equal(json_object_get(a, "value"), json_object_get(b, "value")) &&
	       (x || y ? json_equal(x, y) : true);
}

static void add_indicator(struct kan_model *m, const char *kind, const json_t *holder,
			  const char *key, const json_t *n)
{
	size_t i = 0;
	json_t *have = NULL;
	if (!json_object_get(holder, key) || json_array_size(m->indicators) == KAN_MODEL_INDICATORS)
		return;
	json_t *o = json_pack("{s:s,s:O}", "kind", kind, "n", n);
	kan_auto_buf struct kan_buf v = KAN_BUF(LINE_MAX_BYTES);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&v, holder, key, &ignored) == 0)
		kan_json_set_bytes(o, "value", kan_buf_bytes(&v));
	json_array_foreach (m->indicators, i, have)
		if (same_value(have, o)) {
			json_decref(o);
			return;
		}
	json_array_append_new(m->indicators, o);
}

/* What to search for elsewhere: digests, peers and paths of findings of medium and more. */
static void indicators(struct kan_model *m)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *o = NULL;
	m->indicators = json_array();
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		const json_t *n = json_object_get(f, "n");
		if (strcmp(json_string_value(json_object_get(f, "severity")), "low") == 0)
			continue;
		json_array_foreach (json_object_get(f, "objects"), k, o) {
			const char *scope = json_string_value(json_object_get(o, "peer_scope"));
			add_indicator(m, "sha256", o, "exe_sha256", n);
			add_indicator(m, "sha256", o, "sha256", n);
			add_indicator(m, "path", o, "path", n);
			add_indicator(m, "path", o, "exe_link", n);
			if (scope && strcmp(scope, "public") == 0)
				add_indicator(m, "address", o, "raddr", n);
		}
	}
}

int kan_model_new(struct kan_model **out, const json_t *analysis, const json_t *receipt,
		  struct kan_err *err)
{
	const char *schema = json_string_value(json_object_get(analysis, "schema"));
	if (!schema || strcmp(schema, "kanshiki.report/1") != 0)
		return kan_fail(err, KAN_EFORMAT, "the analysis is not kanshiki.report/1");
	struct kan_model *m = kan_xalloc(sizeof *m);
	m->doc = analysis;
	m->receipt = receipt;
	const json_t *counts = json_object_get(analysis, "counts");
	for (size_t i = 0; i < 4; i++) {
		m->counts[i] = (uint64_t)json_integer_value(
			json_object_get(counts, kan_model_severities[i]));
		m->total += m->counts[i];
	}
	m->not_assessed = json_array_size(json_object_get(analysis, "not_assessed"));
	size_t k = 0;
	json_t *entry = NULL;
	json_array_foreach (json_object_get(analysis, "suppressed"), k, entry)
		m->suppressed += json_object_get(entry, "finding") != NULL;
	indicators(m);
	kan_model_verdict(m);
	kan_model_screen(m);
	kan_model_pictures(m);
	*out = m;
	return 0;
}

void kan_model_from(struct kan_model *m, kan_rows_fn *rows, const void *from)
{
	m->rows = rows;
	m->from = from;
}

int kan_model_stream(const struct kan_model *m, const char *artefact, kan_row_fn *fn, void *arg,
		     struct kan_err *err)
{
	return m->rows ? m->rows(m->from, artefact, fn, arg, err) : 0;
}

void kan_model_speak(struct kan_model *m, const struct kan_lang *lang)
{
	m->lang = lang;
}

void kan_model_drain(struct kan_model *m, kan_drain_fn *fn, void *arg)
{
	m->drain = fn;
	m->drain_arg = arg;
}

int kan_model_drained(const struct kan_model *m, struct kan_buf *out, struct kan_err *err)
{
	if (out->failed)
		return kan_fail(err, KAN_ELIMIT, "the buffer is full");
	return m->drain && out->len >= DRAIN_AT ? m->drain(out, m->drain_arg, err) : 0;
}

static void free_entries(struct kan_entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		json_decref(e->at[i].parts);
	free(e->at);
}

void kan_model_free(struct kan_model *m)
{
	if (!m)
		return;
	struct kan_entries *const all[] = {&m->first, &m->do_now,  &m->now,    &m->talks,
					   &m->entry, &m->changed, &m->hidden, &m->views,
					   &m->reach, &m->secrets, &m->after,  &m->not_seen};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free_entries(all[i]);
	json_decref(m->headline);
	json_decref(m->about);
	json_decref(m->indicators);
	json_decref(m->peers);
	free(m->tree.nodes);
	free(m->graph.left);
	free(m->graph.right);
	free(m->graph.edges);
	free(m);
}
