/* A row in the form that we write: compact, plain escapes, integers. Much faster than a parser of
 * all JSON; what is in another form is left to that one, so both accept and refuse the same. */
#include "base/rowscan.h"

#include <string.h>

#include "base/row.h"

struct scan {
	const uint8_t *p, *end;
};

static json_t *value(struct scan *s, unsigned depth);

static bool take(struct scan *s, char c)
{
	bool there = s->p < s->end && *s->p == (uint8_t)c;
	s->p += there;
	return there;
}

/* Text with \" and \\ in it. */
static json_t *escaped(struct kan_bytes v)
{
	kan_auto_free char *text = kan_xalloc(v.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && v.p[++i] != '"' && v.p[i] != '\\')
			return NULL;
		text[n++] = (char)v.p[i];
	}
	return json_stringn(text, n);
}

static json_t *string(struct scan *s)
{
	const uint8_t *from = ++s->p;
	bool plain = true, ascii = true;
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p < 0x20)
			return NULL;
		ascii &= *s->p < 0x80;
		if (*s->p != '\\')
			continue;
		plain = false;
		if (++s->p == s->end)
			return NULL;
	}
	struct kan_bytes v = {from, (size_t)(s->p - from)};
	if (!take(s, '"'))
		return NULL;
	if (!plain)
		return escaped(v);
	return ascii ? json_stringn_nocheck((const char *)v.p, v.n)
		     : json_stringn((const char *)v.p, v.n);
}

static json_t *integer(struct scan *s)
{
	bool minus = take(s, '-'), over = false;
	const uint8_t *from = s->p;
	int64_t n = 0;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
		over |= __builtin_mul_overflow(n, 10, &n) ||
			__builtin_sub_overflow(n, *s->p - '0', &n);
	size_t digits = (size_t)(s->p - from);
	bool real = s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E');
	if (over || real || digits == 0 || (digits > 1 && *from == '0') ||
	    (!minus && n == INT64_MIN))
		return NULL;
	return json_integer(minus ? n : -n);
}

static json_t *word(struct scan *s, const char *text, bool is)
{
	size_t n = strlen(text);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
		return NULL;
	s->p += n;
	return json_boolean(is);
}

/* "key": of the grammar of rows. */
static bool key(struct kan_bytes *out, struct scan *s)
{
	if (!take(s, '"') || s->p == s->end || *s->p < 'a' || *s->p > 'z')
		return false;
	out->p = s->p;
	while (s->p < s->end &&
	       ((*s->p >= 'a' && *s->p <= 'z') || *s->p == '_' || (*s->p >= '0' && *s->p <= '9')))
		s->p++;
	out->n = (size_t)(s->p - out->p);
	return out->n <= KAN_ROW_KEY_MAX && take(s, '"') && take(s, ':');
}

static bool members(json_t *o, struct scan *s, unsigned depth)
{
	struct kan_bytes name;
	size_t n = 0;
	if (take(s, '}'))
		return true;
	do {
		json_t *v = key(&name, s) ? value(s, depth + 1) : NULL;
		if (!v || json_object_setn_new_nocheck(o, (const char *)name.p, name.n, v) < 0)
			return false;
		n++;
	} while (take(s, ','));
	/* Fewer than were set: one was there twice. */
	return take(s, '}') && json_object_size(o) == n;
}

static bool elements(json_t *list, struct scan *s, unsigned depth)
{
	if (take(s, ']'))
		return true;
	do {
		json_t *v = value(s, depth + 1);
		if (!v || json_array_append_new(list, v) < 0)
			return false;
	} while (take(s, ','));
	return take(s, ']');
}

static json_t *value(struct scan *s, unsigned depth)
{
	if (s->p == s->end || depth > KAN_ROW_DEPTH)
		return NULL;
	if (*s->p == '"')
		return string(s);
	if (*s->p == 't')
		return word(s, "true", true);
	if (*s->p == 'f')
		return word(s, "false", false);
	if (*s->p != '{' && *s->p != '[')
		return integer(s);
	bool object = *s->p++ == '{';
	json_t *v = object ? json_object() : json_array();
	if (object ? members(v, s, depth) : elements(v, s, depth))
		return v;
	json_decref(v);
	return NULL;
}

json_t *kan_row_scan(struct kan_bytes line)
{
	struct scan s = {line.p, line.p + line.n};
	if (!line.n || *line.p != '{' || line.n >= KAN_ROW_MAX)
		return NULL;
	json_t *row = value(&s, 1);
	if (row && s.p == s.end)
		return row;
	json_decref(row);
	return NULL;
}
