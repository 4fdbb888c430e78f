/* Values of columns: a dotted name in a row, with its exact bytes. */
#include "analyze/column.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"

enum {
	NAME_MAX_BYTES = 128,
	VALUE_MAX = 1 << 20,
};

const struct kan_kind *kan_kind_find(const char *name)
{
	for (const struct kan_kind *k = kan_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

unsigned kan_trust_rank(const char *trust)
{
	static const char *const classes[] = {"kernel-process", "kernel-socket", "storage",
					      "image",          "host",          "engine",
					      "container-text"};
	unsigned i = 0;
	while (i < sizeof classes / sizeof *classes && strcmp(classes[i], trust) != 0)
		i++;
	return i;
}

const struct kan_column *kan_column_find(const struct kan_kind *k, const char *name)
{
	for (const struct kan_column *c = k->columns; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* The object that holds the last part of a dotted name. */
static const json_t *holder_of(const json_t *row, const char *name, const char **leaf)
{
	const char *dot = NULL;
	while (row && (dot = strchr(name, '.')) != NULL) {
		row = json_object_getn(row, name, (size_t)(dot - name));
		name = dot + 1;
	}
	*leaf = name;
	return row;
}

static const json_t *twin_of(const json_t *holder, const char *leaf)
{
	char key[NAME_MAX_BYTES];
	size_t n = strlen(leaf);
	if (n + sizeof "_b64" > sizeof key)
		return NULL;
	memcpy(key, leaf, n);
	memcpy(key + n, "_b64", sizeof "_b64");
	return json_object_get(holder, key);
}

struct kan_value kan_value_get(const struct kan_view *v, const struct kan_column *c, bool gaps)
{
	const char *leaf = c->name;
	const json_t *holder = v->extra;
	const json_t *json = c->from ? json_object_get(v->extra, c->name) : NULL;
	if (!c->from) {
		holder = holder_of(v->row, c->name, &leaf);
		json = json_object_get(holder, leaf);
	}
	/* The join may say that what the row has not is not known to be none. */
	if (!json && !c->from)
		json = json_object_get(v->extra, c->name);
	if (json_is_null(json) || (!json && c->always && gaps))
		return (struct kan_value){.known = KAN_UNKNOWN};
	if (!json)
		return (struct kan_value){.known = KAN_ABSENT};
	return (struct kan_value){KAN_KNOWN, json,
				  c->type == KAN_TYPE_BYTES ? twin_of(holder, leaf) : NULL};
}

size_t kan_value_count(const struct kan_value *v)
{
	return json_is_array(v->json) ? json_array_size(v->json) : 1;
}

static const json_t *element(const json_t *json, size_t i)
{
	return json_is_array(json) ? json_array_get(json, i) : json;
}

struct kan_bytes kan_value_bytes(const struct kan_value *v, size_t i, struct kan_buf *scratch)
{
	const json_t *j = element(v->json, i);
	const json_t *b64 = element(v->twin, i);
	kan_buf_reset(scratch);
	scratch->max = VALUE_MAX;
	struct kan_err ignored = {0};
	if (json_is_string(b64) &&
	    kan_base64_decode(scratch, kan_bytes_of(json_string_value(b64)), &ignored) == 0)
		return kan_buf_bytes(scratch);
	if (json_is_string(j))
		return (struct kan_bytes){(const uint8_t *)json_string_value(j),
					  json_string_length(j)};
	kan_buf_reset(scratch);
	if (json_is_integer(j))
		kan_buf_addf(scratch, "%" PRId64, (int64_t)json_integer_value(j));
	else if (json_is_boolean(j))
		kan_buf_adds(scratch, json_is_true(j) ? "true" : "false");
	return kan_buf_bytes(scratch);
}

bool kan_value_int(int64_t *out, const struct kan_value *v, size_t i)
{
	const json_t *j = element(v->json, i);
	if (json_is_integer(j)) {
		*out = json_integer_value(j);
		return true;
	}
	const char *s = json_string_value(j);
	char *end = NULL;
	if (!s || !*s)
		return false;
	errno = 0;
	long long n = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*out = n;
	return true;
}

static const char *type_word(const struct kan_column *c)
{
	static const char *const one[] = {"number", "true/false", "word", "hex", "bytes"};
	static const char *const many[] = {"set of numbers", "set", "set of words", "set of hex",
					   "list of bytes"};
	return c->list ? many[c->type] : one[c->type];
}

static void kind_document(struct kan_buf *out, const struct kan_kind *k)
{
	kan_buf_addf(out, "\n## %s\n%s Artefact `%s`, evidence class `%s`.\n\n", k->name, k->doc,
		     k->artefact, k->trust);
	kan_buf_adds(out, "| column | type | from | meaning |\n|---|---|---|---|\n");
	for (const struct kan_column *c = k->columns; c->name; c++)
		kan_buf_addf(out, "| `%s` | %s | %s | %s |\n", c->name, type_word(c),
			     c->from ? c->from : "the row", c->doc);
}

void kan_rows_document(struct kan_buf *out)
{
	kan_buf_adds(out, "# Rows: what a rule can look at\n\n"
			  "Made from the table in `src/analyze/kinds.c`; a test compares the two. "
			  "\"the row\" means that the\n"
			  "column is as the collector wrote it; everything else is joined by the "
			  "analysis from the artefacts\n"
			  "named. A column is unknown when what it is computed from fell into a "
			  "gap or out of scope.\n");
	for (const struct kan_kind *k = kan_kinds; k->name; k++)
		kind_document(out, k);
}
