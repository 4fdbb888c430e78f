/* The operator count as a rule has it: {"rows","on","distinct","group","where","ge"}. */
#include <stdlib.h>
#include <string.h>

#include "analyze/count.h"
#include "analyze/facts.h"

enum { NAME_MAX_BYTES = 64 };

static int check_keys(const json_t *spec, struct kan_err *err)
{
	static const char *const known[] = {"rows", "on", "distinct", "group", "where", "ge"};
	const char *key = NULL;
	json_t *v = NULL;
	if (!json_is_object(spec))
		return kan_fail(err, KAN_EUSAGE, "not an object");
	json_object_foreach ((json_t *)(uintptr_t)spec, key, v) {
		size_t i = 0;
		while (i < sizeof known / sizeof *known && strcmp(known[i], key) != 0)
			i++;
		if (i == sizeof known / sizeof *known)
			return kan_fail(err, KAN_EUSAGE, "unknown key %s", key);
	}
	return 0;
}

/* The i-th of a list of column names; NULL: there is no list, or it ends. */
static int name_at(const char **out, const json_t *list, const char *key, size_t i,
		   struct kan_err *err)
{
	*out = NULL;
	if (!list)
		return 0;
	if (json_array_size(list) == 0 || json_array_size(list) > KAN_COUNT_COLUMNS)
		return kan_fail(err, KAN_EUSAGE, "%s: a list of 1 to %d columns", key,
				KAN_COUNT_COLUMNS);
	*out = json_string_value(json_array_get(list, i));
	if (i < json_array_size(list) && !*out)
		return kan_fail(err, KAN_EUSAGE, "%s: not a list of strings", key);
	return 0;
}

static int parse_on(struct kan_count *c, const json_t *list, const struct kan_kind *own,
		    struct kan_err *err)
{
	const char *on = NULL;
	for (size_t i = 0; i < KAN_COUNT_COLUMNS; i++) {
		char left[NAME_MAX_BYTES] = {0};
		if (name_at(&on, list, "on", i, err) < 0)
			return -1;
		if (!on)
			break;
		const char *eq = strchr(on, '=');
		size_t n = eq ? (size_t)(eq - on) : strlen(on);
		memcpy(left, on, n < sizeof left ? n : sizeof left - 1);
		c->on[i].left = kan_column_find(own, left);
		c->on[i].right = kan_column_find(c->kind, eq ? eq + 1 : on);
		if (!c->on[i].left || !c->on[i].right)
			return kan_fail(err, KAN_EUSAGE, "on: unknown column in %s", on);
		c->n_on = i + 1;
	}
	return 0;
}

static int parse_group(struct kan_count *c, const json_t *list, struct kan_err *err)
{
	const char *name = NULL;
	for (size_t i = 0; i < KAN_COUNT_COLUMNS; i++) {
		if (name_at(&name, list, "group", i, err) < 0)
			return -1;
		if (!name)
			break;
		c->group[i] = kan_column_find(c->kind, name);
		if (!c->group[i])
			return kan_fail(err, KAN_EUSAGE, "group: unknown column %s of %s", name,
					c->kind->name);
		c->n_group = i + 1;
	}
	return 0;
}

static int parse_distinct(struct kan_count *c, const json_t *name, struct kan_err *err)
{
	if (!name)
		return 0;
	if (!json_is_string(name))
		return kan_fail(err, KAN_EUSAGE, "distinct: a column");
	c->distinct = kan_column_find(c->kind, json_string_value(name));
	return c->distinct ? 0
			   : kan_fail(err, KAN_EUSAGE, "distinct: unknown column %s of %s",
				      json_string_value(name), c->kind->name);
}

static int parse_least(struct kan_count *c, const json_t *least, struct kan_err *err)
{
	json_int_t n = json_integer_value(least);
	if (n < 1 || n > KAN_COUNT_LEAST)
		return kan_fail(err, KAN_EUSAGE, "ge: a number from 1 to %d", KAN_COUNT_LEAST);
	c->least = (uint32_t)n;
	return 0;
}

static int fill(struct kan_count *c, const json_t *spec, const struct kan_kind *own,
		struct kan_err *err)
{
	if (check_keys(spec, err) < 0)
		return -1;
	const char *rows = json_string_value(json_object_get(spec, "rows"));
	const json_t *where = json_object_get(spec, "where");
	c->kind = kan_kind_find(rows ? rows : "");
	if (!c->kind)
		return kan_fail(err, KAN_EUSAGE, "unknown row kind %.64s", rows ? rows : "");
	const struct kan_scope scope = {.kind = c->kind};
	if (parse_on(c, json_object_get(spec, "on"), own, err) < 0 ||
	    parse_group(c, json_object_get(spec, "group"), err) < 0 ||
	    parse_distinct(c, json_object_get(spec, "distinct"), err) < 0 ||
	    parse_least(c, json_object_get(spec, "ge"), err) < 0)
		return -1;
	return where && kan_cond_new(&c->where, where, &scope, err) < 0 ? kan_wrap(err, "where")
									: 0;
}

int kan_count_parse(struct kan_count **out, const json_t *spec, const struct kan_kind *own,
		    struct kan_err *err)
{
	struct kan_count *c = kan_xalloc(sizeof *c);
	if (fill(c, spec, own, err) < 0) {
		kan_count_free(c);
		return kan_wrap(err, "count");
	}
	*out = c;
	return 0;
}

void kan_count_free(struct kan_count *c)
{
	if (!c)
		return;
	kan_cond_free(c->where);
	free(c);
}

const char *kan_count_trust(const struct kan_count *c, const struct kan_kind *own)
{
	if (c->n_on && kan_trust_rank(own->trust) > kan_trust_rank(c->kind->trust))
		return own->trust;
	return c->kind->trust;
}
