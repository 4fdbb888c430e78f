/* One rule from its JSON: every key, column, operator and technique is checked before anything
 * runs. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/rules.h"
#include "base/digest.h"
#include "base/row.h"

const char *const kan_severity_names[4] = {"low", "medium", "high", "critical"};

static const struct {
	const char *name;
	json_type type;
	bool optional;
} rule_keys[] = {
	{"schema", JSON_STRING, false},   {"id", JSON_STRING, false},
	{"version", JSON_INTEGER, false}, {"class", JSON_STRING, false},
	{"title", JSON_STRING, false},    {"rows", JSON_STRING, false},
	{"where", JSON_OBJECT, false},    {"key", JSON_ARRAY, false},
	{"severity", JSON_STRING, false}, {"confidence", JSON_STRING, false},
	{"attack", JSON_ARRAY, false},    {"says", JSON_STRING, false},
	{"why", JSON_STRING, false},      {"false_positives", JSON_ARRAY, false},
	{"next", JSON_ARRAY, false},      {"tests", JSON_OBJECT, false},
	{"join", JSON_ARRAY, true},       {"votes", JSON_ARRAY, true},
	{"i18n", JSON_OBJECT, true},      {"references", JSON_ARRAY, true},
	{"excuse", JSON_OBJECT, true},
};
static const char *const classes[] = {"intrusion", "posture", "context", NULL};
static const char *const confidences[] = {"low", "moderate", "high", NULL};
static const char *const severities[] = {"low", "medium", "high", "critical", NULL};
const char *const kan_hypothesis_names[KAN_HYPOTHESES + 1] = {
	"service", "container-api", "remote-login", "supply-chain",
	"exec",    "lateral",       "operator",     NULL};

static int word_of(const char *const *words, const char *w)
{
	for (int i = 0; words[i]; i++)
		if (w && strcmp(words[i], w) == 0)
			return i;
	return -1;
}

static int check_keys(const json_t *doc, struct kan_err *err)
{
	const size_t n = sizeof rule_keys / sizeof *rule_keys;
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)doc, key, v) {
		bool known = false;
		for (size_t i = 0; i < n; i++)
			known |= strcmp(key, rule_keys[i].name) == 0;
		if (!known)
			return kan_fail(err, KAN_EUSAGE, "unknown key %s", key);
	}
	for (size_t i = 0; i < n; i++) {
		v = json_object_get(doc, rule_keys[i].name);
		if (!v && !rule_keys[i].optional)
			return kan_fail(err, KAN_EUSAGE, "no %s", rule_keys[i].name);
		if (v && json_typeof(v) != rule_keys[i].type)
			return kan_fail(err, KAN_EUSAGE, "%s: of another type", rule_keys[i].name);
	}
	return 0;
}

static bool is_rule_id(const char *id)
{
	size_t dots = 0, n = strlen(id);
	for (size_t i = 0; i < n; i++) {
		if (id[i] == '.')
			dots++;
		else if (!islower((unsigned char)id[i]) && !isdigit((unsigned char)id[i]) &&
			 id[i] != '-')
			return false;
	}
	return dots == 1 && n >= 3 && n <= 64 && id[0] != '.' && id[n - 1] != '.';
}

static int check_words(struct kan_rule *r, struct kan_err *err)
{
	if (strcmp(kan_json_str(r->doc, "schema"), "kanshiki.rule/1") != 0)
		return kan_fail(err, KAN_EUSAGE, "schema is not kanshiki.rule/1");
	if (!is_rule_id(r->id))
		return kan_fail(err, KAN_EUSAGE, "id is not family.name");
	if (word_of(classes, kan_json_str(r->doc, "class")) < 0)
		return kan_fail(err, KAN_EUSAGE, "class: intrusion, posture or context");
	if (word_of(confidences, kan_json_str(r->doc, "confidence")) < 0)
		return kan_fail(err, KAN_EUSAGE, "confidence: low, moderate or high");
	int s = word_of(severities, kan_json_str(r->doc, "severity"));
	if (s < 0)
		return kan_fail(err, KAN_EUSAGE, "severity: low, medium, high or critical");
	r->severity = (enum kan_severity)s;
	return 0;
}

static int check_strings(const json_t *list, const char *key, size_t least, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	if (json_array_size(list) < least)
		return kan_fail(err, KAN_EUSAGE, "%s: at least %zu", key, least);
	json_array_foreach (list, i, v)
		if (!json_is_string(v))
			return kan_fail(err, KAN_EUSAGE, "%s: not a list of strings", key);
	return 0;
}

/* The table is in the order of its ids. NULL: MITRE has no such technique. */
static const json_t *technique(const json_t *attack, const char *id)
{
	const json_t *list = json_object_get(attack, "techniques");
	size_t low = 0, high = json_array_size(list);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const json_t *t = json_array_get(list, mid);
		int order = strcmp(kan_json_str(t, "id"), id);
		if (order == 0)
			return t;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int check_attack(const json_t *ids, const json_t *attack, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	if (check_strings(ids, "attack", 0, err) < 0)
		return -1;
	json_array_foreach (ids, i, v) {
		const char *id = json_string_value(v);
		const json_t *found = technique(attack, id);
		if (!found)
			return kan_fail(err, KAN_EUSAGE, "attack: unknown %s", id);
		const char *state = kan_json_str(found, "state"),
			   *successor = kan_json_str(found, "successor");
		if (strcmp(state, "current") != 0)
			return kan_fail(err, KAN_EUSAGE, "attack: %s (%s) is %s%s%s", id,
					kan_json_str(found, "name"), state,
					*successor ? ", see " : "", successor);
	}
	return 0;
}

static int parse_on(struct kan_rule_join *j, const struct kan_kind *own, const char *on,
		    struct kan_err *err)
{
	char left[64] = {0};
	const char *eq = strchr(on, '=');
	size_t n = eq ? (size_t)(eq - on) : strlen(on);
	if (j->n_on == sizeof j->on / sizeof *j->on || n >= sizeof left)
		return kan_fail(err, KAN_EUSAGE, "join: on has too many or too long columns");
	memcpy(left, on, n);
	j->on[j->n_on].left = kan_column_find(own, left);
	j->on[j->n_on].right = kan_column_find(j->kind, eq ? eq + 1 : on);
	if (!j->on[j->n_on].left || !j->on[j->n_on].right)
		return kan_fail(err, KAN_EUSAGE, "join: on: unknown column in %s", on);
	j->n_on++;
	return 0;
}

static int parse_join_keys(struct kan_rule_join *j, const json_t *spec, struct kan_err *err)
{
	static const char *const known[] = {"as", "rows", "on", "where", "optional", "raise", NULL};
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)spec, key, v)
		if (word_of(known, key) < 0)
			return kan_fail(err, KAN_EUSAGE, "join: unknown key %s", key);
	j->as = json_string_value(json_object_get(spec, "as"));
	j->kind = kan_kind_find(kan_json_str(spec, "rows"));
	j->optional = json_is_true(json_object_get(spec, "optional"));
	j->raise = (int)kan_get_int(json_object_get(spec, "raise"), "severity", 0);
	if (!j->as || !*j->as || strchr(j->as, '.'))
		return kan_fail(err, KAN_EUSAGE, "join: as: a short name");
	if (!j->kind)
		return kan_fail(err, KAN_EUSAGE, "join: unknown row kind %s",
				kan_json_str(spec, "rows"));
	if (j->raise < 0 || j->raise > 1)
		return kan_fail(err, KAN_EUSAGE, "join: raise: one step");
	return check_strings(json_object_get(spec, "on"), "join: on", 1, err);
}

static int parse_join(struct kan_rule *r, const json_t *spec, struct kan_scope *s,
		      struct kan_err *err)
{
	if (r->n_joins == KAN_RULE_JOINS)
		return kan_fail(err, KAN_EUSAGE, "more than %d joins", KAN_RULE_JOINS);
	struct kan_rule_join *j = &r->joins[r->n_joins++];
	if (parse_join_keys(j, spec, err) < 0)
		return -1;
	size_t i = 0;
	json_t *on = NULL;
	json_array_foreach (json_object_get(spec, "on"), i, on)
		if (parse_on(j, r->kind, json_string_value(on), err) < 0)
			return -1;
	const struct kan_scope own = {.kind = j->kind};
	const json_t *where = json_object_get(spec, "where");
	if (where && kan_cond_new(&j->where, where, &own, err) < 0)
		return kan_wrap(err, "join %s", j->as);
	s->alias[s->n] = j->as;
	s->joined[s->n++] = j->kind;
	return 0;
}

static int parse_keys(struct kan_rule *r, const struct kan_scope *s, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	const json_t *list = json_object_get(r->doc, "key");
	if (check_strings(list, "key", 1, err) < 0)
		return -1;
	json_array_foreach (list, i, v) {
		if (r->n_keys == KAN_RULE_KEYS)
			return kan_fail(err, KAN_EUSAGE, "key: at most %d columns", KAN_RULE_KEYS);
		struct kan_ref *k = &r->keys[r->n_keys++];
		k->column = kan_scope_find(&k->which, s, json_string_value(v));
		if (!k->column || k->which >= 0)
			return kan_fail(err, KAN_EUSAGE, "key: unknown column %s",
					json_string_value(v));
	}
	return 0;
}

static int parse_sentences(struct kan_rule *r, const struct kan_scope *s, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	const json_t *next = json_object_get(r->doc, "next");
	if (kan_text_parse(&r->says, kan_json_str(r->doc, "says"), s, false, err) < 0)
		return kan_wrap(err, "says");
	if (check_strings(next, "next", 1, err) < 0)
		return -1;
	json_array_foreach (next, i, v) {
		if (r->n_next == KAN_RULE_NEXT)
			return kan_fail(err, KAN_EUSAGE, "next: at most %d", KAN_RULE_NEXT);
		if (kan_text_parse(&r->next[r->n_next++], json_string_value(v), s, true, err) < 0)
			return kan_wrap(err, "next");
	}
	return 0;
}

static int parse_vote(struct kan_rule *r, const json_t *spec, const struct kan_scope *s,
		      struct kan_err *err)
{
	const char *side = kan_json_str(spec, "for"), *against = kan_json_str(spec, "against");
	int about = word_of(kan_hypothesis_names, *side ? side : against);
	int64_t weight = kan_get_int(spec, "weight", 0);
	if ((*side && *against) || about < 0)
		return kan_fail(err, KAN_EUSAGE, "votes: unknown hypothesis %s%s", side, against);
	if (weight < 1 || weight > 3)
		return kan_fail(err, KAN_EUSAGE, "votes: weight is 1 to 3");
	if (r->n_votes == KAN_RULE_VOTES)
		return kan_fail(err, KAN_EUSAGE, "votes: at most %d", KAN_RULE_VOTES);
	struct kan_vote *v = &r->votes[r->n_votes];
	if (json_object_size(spec) != 3 ||
	    kan_cond_new(&v->cond, json_object_get(spec, "if"), s, err) < 0)
		return kan_wrap(err, "votes: for or against, if, weight");
	v->about = (enum kan_hypothesis)about;
	v->against = *against;
	v->weight = (int)weight;
	r->n_votes++;
	return 0;
}

static int check_rest(struct kan_rule *r, const struct kan_scope *s, const json_t *attack,
		      struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	const json_t *tests = json_object_get(r->doc, "tests");
	if (check_attack(json_object_get(r->doc, "attack"), attack, err) < 0 ||
	    check_strings(json_object_get(r->doc, "false_positives"), "false_positives", 1, err) <
		    0 ||
	    check_strings(json_object_get(r->doc, "references"), "references", 0, err) < 0 ||
	    check_strings(json_object_get(tests, "hit"), "tests: hit", 1, err) < 0 ||
	    check_strings(json_object_get(tests, "miss"), "tests: miss", 1, err) < 0)
		return -1;
	json_array_foreach (json_object_get(r->doc, "votes"), i, v)
		if (parse_vote(r, v, s, err) < 0)
			return -1;
	return 0;
}

static int fill(struct kan_rule *r, const json_t *attack, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = NULL;
	struct kan_scope s = {.n = 0};
	if (check_keys(r->doc, err) < 0 || check_words(r, err) < 0)
		return -1;
	r->kind = s.kind = kan_kind_find(kan_json_str(r->doc, "rows"));
	if (!r->kind)
		return kan_fail(err, KAN_EUSAGE, "unknown row kind %s",
				kan_json_str(r->doc, "rows"));
	s.counts = true;
	const struct kan_scope own = s;
	if (kan_cond_new(&r->where, json_object_get(r->doc, "where"), &own, err) < 0)
		return kan_wrap(err, "where");
	json_array_foreach (json_object_get(r->doc, "join"), i, v)
		if (parse_join(r, v, &s, err) < 0)
			return -1;
	const json_t *excuse = json_object_get(r->doc, "excuse");
	if (excuse && kan_cond_new(&r->excuse, excuse, &s, err) < 0)
		return kan_wrap(err, "excuse");
	if (parse_keys(r, &s, err) < 0 || parse_sentences(r, &s, err) < 0)
		return -1;
	return check_rest(r, &s, attack, err);
}

/* The id for the message, printable whatever the file holds. */
static void id_for_message(struct kan_buf *out, const json_t *doc)
{
	const char *id = json_string_value(json_object_get(doc, "id"));
	(void)kan_text_clean(out, kan_bytes_of(id ? id : "(no id)"));
}

int kan_rule_parse(struct kan_rule *out, const char *file, struct kan_bytes text,
		   const json_t *attack, struct kan_err *err)
{
	struct kan_rule r = {.doc = NULL};
	struct kan_err why = {0};
	if (kan_json_parse(&r.doc, text, KAN_RULE_FILE_MAX, KAN_RULE_DEPTH, &why) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a rule: %s", file, why.text);
	kan_auto_buf struct kan_buf id = KAN_BUF(KAN_RULE_FILE_MAX * 4);
	id_for_message(&id, r.doc);
	r.id = kan_json_str(r.doc, "id");
	if (fill(&r, attack, &why) < 0) {
		kan_rule_free(&r);
		return kan_fail(err, KAN_EUSAGE, "%s: %.80s: %s", file, kan_buf_str(&id), why.text);
	}
	kan_sha256_hex(r.sha256, text);
	r.file = kan_xstrdup(file);
	*out = r;
	return 0;
}

void kan_rule_free(struct kan_rule *r)
{
	kan_cond_free(r->where);
	kan_cond_free(r->excuse);
	for (size_t i = 0; i < r->n_joins; i++)
		kan_cond_free(r->joins[i].where);
	for (size_t i = 0; i < r->n_votes; i++)
		kan_cond_free(r->votes[i].cond);
	json_decref(r->doc);
	json_decref(r->replaced);
	free(r->file);
}
