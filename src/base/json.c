/* JSON documents: parsed under limits, dumped in one form, bytes in and out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/row.h"
#include "base/rowscan.h"

enum { VALUE_MAX = 64 << 20, KEY_MAX = KAN_ROW_KEY_MAX };

/* What jansson 2.14 takes at most for what a document is made of, in octets, with what malloc adds:
 * an object with its eight buckets; an array with its eight places and a number; one more place and
 * a number; a pair with its share of the buckets while these grow; a string but for its octets. */
enum { OBJECT = 224, ARRAY = 160, COMMA = 64, COLON = 104, STRING = 72 };
/* The lexer's buffer of one token doubles, beside the token itself: of its octets. */
enum { LEXER = 6, BESIDE = 16 << 10, FROM_HEAP = 64 << 10 };

struct scan {
	unsigned depth, deepest;
	uint64_t parts; /* octets, without those of the text */
	size_t token;   /* where the last one begins */
	size_t longest;
};

static void begin_token(struct scan *s, size_t at)
{
	size_t n = at - s->token;
	s->longest = n > s->longest ? n : s->longest;
	s->token = at;
}

static void meet(struct scan *s, uint8_t c)
{
	s->parts += c == '{'   ? OBJECT
		    : c == '[' ? ARRAY
		    : c == ',' ? COMMA
		    : c == ':' ? COLON
		    : c == '"' ? STRING
			       : 0;
	s->depth += c == '{' || c == '[';
	s->deepest = s->depth > s->deepest ? s->depth : s->deepest;
	s->depth -= (c == '}' || c == ']') && s->depth;
}

static bool ends_token(uint8_t c)
{
	return c == '"' || c == ',' || c == ':' || c == '{' || c == '[' || c == '}' || c == ']';
}

/* Depth and size by counting outside strings, before a recursive parser sees them. */
static struct scan scan(struct kan_bytes text)
{
	struct scan s = {0};
	bool in_string = false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (in_string) {
			i += c == '\\';
			in_string = c != '"';
		} else if (ends_token(c)) {
			begin_token(&s, i);
			meet(&s, c);
			in_string = c == '"';
		}
	}
	begin_token(&s, text.n);
	return s;
}

/* jansson's lexer does not look whether its buffer grew, and writes past its end when it did not:
 * what it may need has to be there before it begins. */
static bool has_room(const struct scan *s, size_t n)
{
	uint64_t need = s->parts + n + (uint64_t)LEXER * s->longest + BESIDE;
	if (need < FROM_HEAP) {
		void *volatile p = malloc(need); /* it stays in the heap, to be had again */
		free(p);
		return p != NULL;
	}
	void *p = mmap(NULL, need, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p != MAP_FAILED && munmap(p, need) == 0;
}

int kan_json_parse(json_t **out, struct kan_bytes text, size_t max, unsigned depth,
		   struct kan_err *err)
{
	json_error_t why;
	if (text.n > max)
		return kan_fail(err, KAN_ELIMIT, "JSON: %zu octets, over %zu", text.n, max);
	const struct scan s = scan(text);
	if (s.deepest > depth)
		return kan_fail(err, KAN_EFORMAT, "JSON: deeper than %u", depth);
	if (!has_room(&s, text.n))
		return kan_fail(err, KAN_ELIMIT, "JSON: it needs more memory than there is");
	json_t *doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	if (!doc)
		return kan_fail(err, KAN_EFORMAT, "JSON: line %d column %d: %.120s", why.line,
				why.column, why.text);
	*out = doc;
	return 0;
}

static bool key_ok(const char *key)
{
	size_t n = strlen(key);
	if (n == 0 || n > KEY_MAX || key[0] < 'a' || key[0] > 'z')
		return false;
	return strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool value_ok(const json_t *v, unsigned depth)
{
	const char *key = NULL;
	json_t *inner = NULL;
	size_t i = 0;
	if (depth > KAN_ROW_DEPTH || json_is_null(v) || json_is_real(v))
		return false;
	if (json_is_array(v)) {
		json_array_foreach (v, i, inner)
			if (!value_ok(inner, depth + 1))
				return false;
		return true;
	}
	void *at = json_object_iter((json_t *)(uintptr_t)v);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		key = json_object_iter_key(at);
		if (!key_ok(key) || !value_ok(json_object_iter_value(at), depth + 1))
			return false;
	}
	return true;
}

int kan_row_parse(json_t **out, struct kan_bytes line, struct kan_err *err)
{
	json_t *row = kan_row_scan(line);
	if (row) {
		*out = row;
		return 0;
	}
	if (line.n && line.p[line.n - 1] != '}')
		return kan_fail(err, KAN_EFORMAT, "row: something follows the object");
	if (kan_json_parse(&row, line, KAN_ROW_MAX - 1, KAN_ROW_DEPTH, err) < 0)
		return -1;
	if (json_is_object(row) && value_ok(row, 1)) {
		*out = row;
		return 0;
	}
	json_decref(row);
	return kan_fail(err, KAN_EFORMAT, "row: no object, or a key or value that no row may have");
}

static int add_to(const char *p, size_t n, void *arg)
{
	kan_buf_add(arg, p, n);
	return 0;
}

int kan_json_dump(struct kan_buf *out, const json_t *doc, struct kan_err *err)
{
	if (json_dump_callback(doc, add_to, out, JSON_SORT_KEYS | JSON_INDENT(1)) < 0)
		return kan_fail(err, KAN_EFORMAT, "JSON: the document cannot be written");
	kan_buf_addc(out, '\n');
	return out->failed ? kan_fail(err, KAN_ELIMIT, "JSON: the document is over %zu octets",
				      out->max)
			   : 0;
}

int kan_json_bytes(struct kan_buf *out, const json_t *row, const char *key, struct kan_err *err)
{
	char b64[64];
	size_t n = strlen(key);
	const json_t *exact = NULL, *plain = json_object_get(row, key);
	if (n < sizeof(b64) - 5) {
		memcpy(b64, key, n);
		memcpy(b64 + n, "_b64", 5);
		exact = json_object_get(row, b64);
	}
	if (json_is_string(exact))
		return kan_base64_decode(
			out,
			(struct kan_bytes){(const uint8_t *)json_string_value(exact),
					   json_string_length(exact)},
			err);
	if (!json_is_string(plain))
		return kan_fail(err, KAN_ENOTFOUND, "%s: no such value", key);
	kan_buf_add(out, json_string_value(plain), json_string_length(plain));
	return out->failed ? kan_fail(err, KAN_ELIMIT, "%s: over %zu bytes", key, out->max) : 0;
}

void kan_json_set_bytes(json_t *obj, const char *key, struct kan_bytes v)
{
	char b64[64];
	kan_auto_buf struct kan_buf clean = KAN_BUF(VALUE_MAX);
	bool same = kan_text_clean(&clean, v);
	json_object_set_new(obj, key, json_stringn(kan_buf_str(&clean), clean.len));
	(void)snprintf(b64, sizeof(b64), "%s_b64", key);
	if (same) {
		(void)json_object_del(
			obj, b64); /* the twin of an earlier value must not speak for this one */
		return;
	}
	kan_buf_reset(&clean);
	kan_base64(&clean, v);
	json_object_set_new(obj, b64, json_stringn(kan_buf_str(&clean), clean.len));
}

const char *kan_json_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

int64_t kan_json_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

bool kan_json_has_word(const json_t *list, const char *word)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), word) == 0)
			return true;
	return false;
}

void kan_json_add_word(json_t *list, const char *word)
{
	if (!kan_json_has_word(list, word))
		json_array_append_new(list, json_string(word));
}
