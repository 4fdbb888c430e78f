/* Conditions as rules have them, checked and ready to run. No JIT, bounded match and heap. */
#include <stdlib.h>
#include <string.h>

#include "analyze/cond_part.h"

enum { RE_MATCHES = 100000, RE_HEAP_KIB = 1024, RE_DEPTH = 250 };

static const struct {
	const char *name;
	enum kan_cond_op op;
} leaf_ops[] = {{"in", OP_IN},         {"lt", OP_LT},        {"le", OP_LE},
		{"gt", OP_GT},         {"ge", OP_GE},        {"contains", OP_CONTAINS},
		{"starts", OP_STARTS}, {"ends", OP_ENDS},    {"re", OP_RE},
		{"cidr", OP_CIDR},     {"exists", OP_EXISTS}};

const struct kan_column *kan_scope_find(int *which, const struct kan_scope *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t k = strlen(s->alias[i]);
		if (strncmp(name, s->alias[i], k) == 0 && name[k] == '.') {
			const struct kan_column *c = kan_column_find(s->joined[i], name + k + 1);
			if (c) {
				*which = (int)i;
				return c;
			}
		}
	}
	*which = -1;
	return kan_column_find(s->kind, name);
}

void kan_cond_free(struct kan_cond *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		kan_cond_free(c->kids[i]);
	free(c->kids);
	kan_count_free(c->count);
	kan_sequence_free(c->sequence);
	pcre2_code_free(c->re);
	pcre2_match_context_free(c->limits);
	pcre2_match_data_free(c->data);
	free(c);
}

static int parse(struct kan_cond **out, const json_t *json, const struct kan_scope *s,
		 unsigned depth, struct kan_err *err);

static int parse_kids(struct kan_cond *c, const json_t *list, const struct kan_scope *s,
		      unsigned depth, struct kan_err *err)
{
	if (json_array_size(list) == 0 || json_array_size(list) > KAN_COND_LIST)
		return kan_fail(err, KAN_EUSAGE, "all, any: a list of 1 to %d conditions",
				KAN_COND_LIST);
	c->kids = kan_xrealloc(NULL, json_array_size(list), sizeof *c->kids);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (parse(&c->kids[i], json_array_get(list, i), s, depth + 1, err) < 0)
			return -1;
		c->n = i + 1;
	}
	return 0;
}

static int parse_re(struct kan_cond *c, struct kan_err *err)
{
	int code = 0;
	PCRE2_SIZE at = 0;
	uint32_t flags =
		PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C | (c->icase ? PCRE2_CASELESS : 0);
	c->re = pcre2_compile((PCRE2_SPTR)json_string_value(c->arg), json_string_length(c->arg),
			      flags, &code, &at, NULL);
	if (!c->re)
		return kan_fail(err, KAN_EUSAGE, "re: not a regular expression at byte %zu",
				(size_t)at);
	c->limits = pcre2_match_context_create(NULL);
	c->data = pcre2_match_data_create(1, NULL);
	if (!c->limits || !c->data)
		return kan_fail(err, KAN_ELIMIT, "re: no memory");
	pcre2_set_match_limit(c->limits, RE_MATCHES);
	pcre2_set_depth_limit(c->limits, RE_DEPTH);
	pcre2_set_heap_limit(c->limits, RE_HEAP_KIB);
	return 0;
}

/* Does a literal fit the column? Words of a rule are compared with words of a row. */
static int check_literal(const struct kan_column *col, const json_t *v, struct kan_err *err)
{
	bool fits = false;
	switch (col->type) {
	case KAN_TYPE_INT:
		fits = json_is_integer(v);
		break;
	case KAN_TYPE_BOOL:
		fits = json_is_boolean(v);
		break;
	case KAN_TYPE_WORD:
	case KAN_TYPE_HEX:
	case KAN_TYPE_BYTES:
		fits = json_is_string(v);
		break;
	}
	return fits ? 0 : kan_fail(err, KAN_EUSAGE, "%s: a value of another type", col->name);
}

static int check_list(const struct kan_cond *c, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	if (json_array_size(c->arg) == 0 || json_array_size(c->arg) > KAN_COND_LIST)
		return kan_fail(err, KAN_EUSAGE, "in: a list of 1 to %d values", KAN_COND_LIST);
	json_array_foreach (c->arg, i, v)
		if (check_literal(c->column, v, err) < 0)
			return -1;
	return 0;
}

static int check_leaf(struct kan_cond *c, struct kan_err *err)
{
	bool text = c->column->type != KAN_TYPE_INT && c->column->type != KAN_TYPE_BOOL;
	switch (c->op) {
	case OP_EQ:
		return check_literal(c->column, c->arg, err);
	case OP_IN:
		return check_list(c, err);
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		if (c->column->type == KAN_TYPE_INT && json_is_integer(c->arg))
			return 0;
		return kan_fail(err, KAN_EUSAGE, "%s: compares numbers", c->column->name);
	case OP_CONTAINS:
	case OP_STARTS:
	case OP_ENDS:
	case OP_RE:
		if (!text || !json_is_string(c->arg))
			return kan_fail(err, KAN_EUSAGE, "%s: compares text", c->column->name);
		return c->op == OP_RE ? parse_re(c, err) : 0;
	case OP_CIDR:
		if (text && json_is_string(c->arg) &&
		    kan_ip_net(&c->net, json_string_value(c->arg)))
			return 0;
		return kan_fail(err, KAN_EUSAGE, "cidr: not a network");
	case OP_EXISTS:
		return json_is_boolean(c->arg) ? 0
					       : kan_fail(err, KAN_EUSAGE, "exists: true or false");
	case OP_ALL:
	case OP_ANY:
	case OP_NOT:
	case OP_COUNT:
	case OP_SEQUENCE:
		break;
	}
	return kan_fail(err, KAN_EUSAGE, "%s: not a comparison", c->column->name);
}

/* {"op":arg} or {"op":arg,"icase":true} behind a column. */
static int parse_op(struct kan_cond *c, const json_t *spec, struct kan_err *err)
{
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)spec, key, v) {
		bool known = false;
		if (strcmp(key, "icase") == 0 && json_is_boolean(v)) {
			c->icase = json_is_true(v);
			continue;
		}
		for (size_t i = 0; i < sizeof leaf_ops / sizeof *leaf_ops; i++)
			if (strcmp(key, leaf_ops[i].name) == 0) {
				if (c->arg)
					return kan_fail(err, KAN_EUSAGE, "two operators: %s", key);
				c->op = leaf_ops[i].op;
				c->arg = v;
				known = true;
			}
		if (!known)
			return kan_fail(err, KAN_EUSAGE, "unknown operator %s", key);
	}
	return c->arg ? 0 : kan_fail(err, KAN_EUSAGE, "no operator");
}

static int parse_leaf(struct kan_cond *c, const char *name, const json_t *v,
		      const struct kan_scope *s, struct kan_err *err)
{
	c->column = kan_scope_find(&c->which, s, name);
	if (!c->column)
		return kan_fail(err, KAN_EUSAGE, "unknown column %s of %s", name, s->kind->name);
	c->trust = (c->which < 0 ? s->kind : s->joined[c->which])->trust;
	c->op = OP_EQ;
	if (!json_is_object(v))
		c->arg = v;
	else if (parse_op(c, v, err) < 0)
		return kan_wrap(err, "%s", name);
	return check_leaf(c, err);
}

static int parse_count(struct kan_cond *c, const json_t *v, const struct kan_scope *s,
		       struct kan_err *err)
{
	if (!s->counts)
		return kan_fail(err, KAN_EUSAGE,
				"count: only in where, excuse and votes of a rule");
	c->op = OP_COUNT;
	if (kan_count_parse(&c->count, v, s->kind, err) < 0)
		return -1;
	c->trust = kan_count_trust(c->count, s->kind);
	return 0;
}

static int parse_sequence(struct kan_cond *c, const json_t *v, const struct kan_scope *s,
			  struct kan_err *err)
{
	if (!s->counts)
		return kan_fail(err, KAN_EUSAGE,
				"sequence: only in where, excuse and votes of a rule");
	c->op = OP_SEQUENCE;
	c->trust = s->kind->trust;
	return kan_sequence_parse(&c->sequence, v, s->kind, err);
}

static int fill(struct kan_cond *c, const json_t *json, const struct kan_scope *s, unsigned depth,
		struct kan_err *err)
{
	if (depth > KAN_COND_DEPTH)
		return kan_fail(err, KAN_EUSAGE, "deeper than %d", KAN_COND_DEPTH);
	if (json_object_size(json) != 1)
		return kan_fail(err, KAN_EUSAGE, "a condition is an object with one key");
	const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)json));
	const json_t *v = json_object_get(json, key);
	if (strcmp(key, "all") == 0 || strcmp(key, "any") == 0) {
		c->op = key[1] == 'l' ? OP_ALL : OP_ANY;
		return parse_kids(c, v, s, depth, err);
	}
	if (strcmp(key, "count") == 0)
		return parse_count(c, v, s, err);
	if (strcmp(key, "sequence") == 0)
		return parse_sequence(c, v, s, err);
	if (strcmp(key, "not") != 0)
		return parse_leaf(c, key, v, s, err);
	c->op = OP_NOT;
	c->kids = kan_xalloc(sizeof *c->kids);
	if (parse(&c->kids[0], v, s, depth + 1, err) < 0)
		return -1;
	c->n = 1;
	return 0;
}

static int parse(struct kan_cond **out, const json_t *json, const struct kan_scope *s,
		 unsigned depth, struct kan_err *err)
{
	struct kan_cond *c = kan_xalloc(sizeof *c);
	if (fill(c, json, s, depth, err) < 0) {
		kan_cond_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

int kan_cond_new(struct kan_cond **out, const json_t *json, const struct kan_scope *s,
		 struct kan_err *err)
{
	return parse(out, json, s, 1, err);
}
