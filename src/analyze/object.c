/* What a document shows of a row: some of its columns, values cut at a named length. */
#include "analyze/object.h"

#include <stdio.h>
#include <string.h>

#include "analyze/mask.h"
#include "base/row.h"

enum { KEY_MAX = 64, SPEECH_MAX = 2 << 20, TOOL_WORDS = 8 };

static void set_len(json_t *o, const char *key, const char *suffix, size_t n)
{
	char name[KEY_MAX + 8];
	(void)snprintf(name, sizeof name, "%s%s", key, suffix);
	json_object_set_new(o, name, json_integer((json_int_t)n));
}

void kan_object_bytes(json_t *o, const char *key, struct kan_bytes v)
{
	if (v.n > KAN_OBJECT_VALUE) {
		set_len(o, key, "_len", v.n);
		v.n = KAN_OBJECT_VALUE;
	}
	kan_json_set_bytes(o, key, v);
}

/* The tool that argument i is of: among the first words, for sudo and its like stand before it. */
static struct kan_bytes tool_of(const struct kan_value *v, size_t i, struct kan_buf *scratch)
{
	for (size_t k = i < TOOL_WORDS ? i : TOOL_WORDS; k > 0; k--) {
		struct kan_bytes word = kan_value_bytes(v, k - 1, scratch);
		if (kan_mask_is_tool(word))
			return word;
	}
	return (struct kan_bytes){0};
}

struct kan_bytes kan_shown(const struct kan_column *c, const struct kan_value *v, size_t i,
			   struct kan_buf *scratch)
{
	struct kan_bytes raw = kan_value_bytes(v, i, scratch);
	if (!c->speaks)
		return raw;
	kan_auto_buf struct kan_buf before = KAN_BUF(0), of = KAN_BUF(0),
				    masked = KAN_BUF(SPEECH_MAX);
	struct kan_bytes last = i ? kan_value_bytes(v, i - 1, &before) : (struct kan_bytes){0};
	if (!kan_mask_argument(&masked, tool_of(v, i, &of), last, raw))
		return raw;
	kan_buf_reset(scratch);
	scratch->max = SPEECH_MAX;
	kan_buf_addb(scratch, kan_buf_bytes(&masked));
	return kan_buf_bytes(scratch);
}

/* A list of bytes: as soon as one element is not clean, all are in the twin. */
static void set_list(json_t *o, const char *key, const struct kan_column *c,
		     const struct kan_value *v)
{
	size_t n = kan_value_count(v), kept = n < KAN_OBJECT_ELEMENTS ? n : KAN_OBJECT_ELEMENTS;
	json_t *text = json_array(), *twin = json_array();
	bool clean = true;
	for (size_t i = 0; i < kept; i++) {
		kan_auto_buf struct kan_buf scratch = KAN_BUF(0),
					    b64 = KAN_BUF(KAN_OBJECT_VALUE * 2);
		struct kan_bytes b = kan_shown(c, v, i, &scratch);
		if (b.n > KAN_OBJECT_VALUE)
			b.n = KAN_OBJECT_VALUE;
		json_t *one = json_object();
		kan_json_set_bytes(one, "v", b);
		clean &= !json_object_get(one, "v_b64");
		json_array_append(text, json_object_get(one, "v"));
		json_decref(one);
		kan_base64(&b64, b);
		json_array_append_new(twin, json_string(kan_buf_str(&b64)));
	}
	char name[KEY_MAX + 8];
	(void)snprintf(name, sizeof name, "%s_b64", key);
	json_object_set_new(o, key, text);
	if (clean)
		json_decref(twin);
	else
		json_object_set_new(o, name, twin);
	if (kept < n)
		set_len(o, key, "_count", n);
}

void kan_object_value(json_t *o, const char *key, const struct kan_column *c,
		      const struct kan_value *v)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
	if (c->list && c->type == KAN_TYPE_BYTES)
		set_list(o, key, c, v);
	else if (c->type == KAN_TYPE_BYTES)
		kan_object_bytes(o, key, kan_shown(c, v, 0, &scratch));
	else
		json_object_set(o, key, (json_t *)(uintptr_t)v->json);
}

json_t *kan_object(const struct kan_view *v, bool gaps)
{
	json_t *o = json_pack("{s:s}", "kind", v->kind->name);
	for (const char *const *name = v->kind->identity; *name; name++) {
		char key[KEY_MAX] = {0};
		const struct kan_column *c = kan_column_find(v->kind, *name);
		struct kan_value value = kan_value_get(v, c, gaps);
		if (value.known != KAN_KNOWN)
			continue;
		for (size_t i = 0; (*name)[i] && i + 1 < sizeof key; i++)
			key[i] = (*name)[i] == '.' ? '_' : (*name)[i];
		kan_object_value(o, key, c, &value);
	}
	return o;
}
