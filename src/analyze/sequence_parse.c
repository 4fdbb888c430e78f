/* The operator sequence as a rule has it: {"by","steps":[{"where","min"}],"within"}. */
#include <stdlib.h>
#include <string.h>

#include "analyze/sequence.h"

enum { NS = 1000000000 };

static int check_keys(const json_t *o, const char *const *known, struct kan_err *err)
{
	const char *key = NULL;
	json_t *v = NULL;
	if (!json_is_object(o))
		return kan_fail(err, KAN_EUSAGE, "not an object");
	json_object_foreach ((json_t *)(uintptr_t)o, key, v) {
		size_t i = 0;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			return kan_fail(err, KAN_EUSAGE, "unknown key %s", key);
	}
	return 0;
}

static int parse_by(struct kan_sequence *s, const json_t *list, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	if (json_array_size(list) == 0 || json_array_size(list) > KAN_SEQUENCE_BY)
		return kan_fail(err, KAN_EUSAGE, "by: a list of 1 to %d columns", KAN_SEQUENCE_BY);
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		const char *name = json_is_string(v) ? json_string_value(v) : "";
		s->by[i] = kan_column_find(s->kind, name);
		if (!s->by[i])
			return kan_fail(err, KAN_EUSAGE, "by: unknown column %s of %s", name,
					s->kind->name);
		if (s->by[i]->list)
			return kan_fail(err, KAN_EUSAGE, "by: %s is a set", name);
		s->n_by = i + 1;
	}
	return 0;
}

static int parse_step(struct kan_sequence *s, size_t i, const json_t *step, struct kan_err *err)
{
	static const char *const known[] = {"where", "min", NULL};
	const struct kan_scope scope = {.kind = s->kind};
	const json_t *least = json_object_get(step, "min");
	if (check_keys(step, known, err) < 0)
		return -1;
	json_int_t n = least ? json_integer_value(least) : 1;
	if (n < 1 || n > KAN_SEQUENCE_LEAST)
		return kan_fail(err, KAN_EUSAGE, "min: a number from 1 to %d", KAN_SEQUENCE_LEAST);
	if (kan_cond_new(&s->steps[i].where, json_object_get(step, "where"), &scope, err) < 0)
		return kan_wrap(err, "where");
	s->steps[i].least = (uint32_t)n;
	s->n_rows += (size_t)n;
	s->n_steps = i + 1;
	return 0;
}

static int parse_steps(struct kan_sequence *s, const json_t *list, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	if (json_array_size(list) < 2 || json_array_size(list) > KAN_SEQUENCE_STEPS)
		return kan_fail(err, KAN_EUSAGE, "steps: a list of 2 to %d", KAN_SEQUENCE_STEPS);
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (parse_step(s, i, v, err) < 0)
			return kan_wrap(err, "step %zu", i + 1);
	return 0;
}

static int fill(struct kan_sequence *s, const json_t *spec, struct kan_err *err)
{
	static const char *const known[] = {"by", "steps", "within", NULL};
	if (check_keys(spec, known, err) < 0)
		return -1;
	s->time = kan_column_find(s->kind, "time_ns");
	if (!s->time)
		return kan_fail(err, KAN_EUSAGE, "rows of %s have no time", s->kind->name);
	json_int_t within = json_integer_value(json_object_get(spec, "within"));
	if (within < 1 || within > KAN_SEQUENCE_WITHIN)
		return kan_fail(err, KAN_EUSAGE, "within: seconds from 1 to %d",
				KAN_SEQUENCE_WITHIN);
	s->within_ns = within * NS;
	return parse_by(s, json_object_get(spec, "by"), err) < 0
		       ? -1
		       : parse_steps(s, json_object_get(spec, "steps"), err);
}

int kan_sequence_parse(struct kan_sequence **out, const json_t *spec, const struct kan_kind *own,
		       struct kan_err *err)
{
	struct kan_sequence *s = kan_xalloc(sizeof *s);
	s->kind = own;
	if (fill(s, spec, err) < 0) {
		kan_sequence_free(s);
		return kan_wrap(err, "sequence");
	}
	*out = s;
	return 0;
}

void kan_sequence_free(struct kan_sequence *s)
{
	for (size_t i = 0; s && i < s->n_steps; i++)
		kan_cond_free(s->steps[i].where);
	free(s);
}

void kan_sequence_columns(const struct kan_sequence *s,
			  void (*fn)(const struct kan_column *column, void *arg), void *arg)
{
	fn(s->time, arg);
	for (size_t i = 0; i < s->n_by; i++)
		fn(s->by[i], arg);
	for (size_t i = 0; i < s->n_steps; i++)
		kan_cond_columns(s->steps[i].where, fn, arg);
}
