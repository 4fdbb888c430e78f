/* A JSON document as one line for somebody else's terminal or program: compact, and nothing in it
 * that a terminal acts on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"

/* Deeper than any document that we parse or make. */
enum { DEPTH = 256 };

static void text(struct kan_buf *out, const char *s, size_t n)
{
	size_t plain = 0;
	kan_buf_addc(out, '"');
	for (size_t i = 0; i < n; i = plain) {
		while (plain < n && (uint8_t)s[plain] >= 0x20 && (uint8_t)s[plain] < 0x7f &&
		       s[plain] != '"' && s[plain] != '\\')
			plain++;
		kan_buf_add(out, s + i, plain - i);
		i = plain;
		if (plain < n && (s[plain] == '"' || s[plain] == '\\')) {
			kan_buf_addc(out, '\\');
			kan_buf_addc(out, s[plain++]);
			continue;
		}
		while (plain < n && ((uint8_t)s[plain] < 0x20 || (uint8_t)s[plain] >= 0x7f))
			plain++;
		kan_escape_json(out, (struct kan_bytes){(const uint8_t *)s + i, plain - i});
	}
	kan_buf_addc(out, '"');
}

static void integer(struct kan_buf *out, json_int_t v)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t n = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	if (v < 0)
		digits[--at] = '-';
	kan_buf_add(out, digits + at, sizeof(digits) - at);
}

static bool value(struct kan_buf *out, const json_t *v, bool sorted, unsigned depth);

static bool member(struct kan_buf *out, const char *key, const json_t *v, bool sorted,
		   unsigned depth)
{
	if (out->len && out->data[out->len - 1] != '{')
		kan_buf_addc(out, ',');
	text(out, key, strlen(key));
	kan_buf_addc(out, ':');
	return value(out, v, sorted, depth + 1);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool in_order_of_keys(struct kan_buf *out, json_t *o, unsigned depth)
{
	kan_auto_free const char **keys = kan_xrealloc(NULL, json_object_size(o) + 1, sizeof *keys);
	const char *key = NULL;
	json_t *v = NULL;
	size_t n = 0;
	bool good = true;
	json_object_foreach (o, key, v)
		keys[n++] = key;
	if (n)
		qsort(keys, n, sizeof *keys, by_text);
	for (size_t i = 0; i < n && good; i++)
		good = member(out, keys[i], json_object_get(o, keys[i]), true, depth);
	return good;
}

static bool object(struct kan_buf *out, json_t *o, bool sorted, unsigned depth)
{
	const char *key = NULL;
	json_t *v = NULL;
	bool good = true;
	kan_buf_addc(out, '{');
	if (sorted)
		good = in_order_of_keys(out, o, depth);
	else
		json_object_foreach (o, key, v)
			good = good && member(out, key, v, false, depth);
	kan_buf_addc(out, '}');
	return good;
}

static bool list(struct kan_buf *out, json_t *l, bool sorted, unsigned depth)
{
	size_t i = 0;
	json_t *v = NULL;
	bool good = true;
	kan_buf_addc(out, '[');
	json_array_foreach (l, i, v) {
		if (i)
			kan_buf_addc(out, ',');
		good = good && value(out, v, sorted, depth + 1);
	}
	kan_buf_addc(out, ']');
	return good;
}

static bool value(struct kan_buf *out, const json_t *v, bool sorted, unsigned depth)
{
	if (!v || depth > DEPTH || out->failed)
		return false;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return object(out, (json_t *)(uintptr_t)v, sorted, depth);
	case JSON_ARRAY:
		return list(out, (json_t *)(uintptr_t)v, sorted, depth);
	case JSON_STRING:
		text(out, json_string_value(v), json_string_length(v));
		return true;
	case JSON_INTEGER:
		integer(out, json_integer_value(v));
		return true;
	case JSON_REAL:
		kan_buf_addf(out, "%.17g", json_real_value(v));
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		kan_buf_adds(out, json_is_true(v) ? "true" : "false");
		return true;
	case JSON_NULL:
		kan_buf_adds(out, "null");
		return true;
	}
	return false;
}

int kan_json_line(struct kan_buf *out, const json_t *doc, bool sorted, struct kan_err *err)
{
	bool good = value(out, doc, sorted, 0);
	kan_buf_addc(out, '\n');
	if (!good || out->failed)
		return kan_fail(err, KAN_EFORMAT, "the JSON document cannot be written");
	return 0;
}
