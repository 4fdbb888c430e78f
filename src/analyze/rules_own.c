/* A user's directory of rules beside the shipped ones: what it adds, replaces and turns off. */
#include <stdlib.h>
#include <string.h>

#include "analyze/rules.h"
#include "base/row.h"

enum { REASON_MAX = 400 };

const char *const kan_rule_origins[] = {"shipped", "own", "replaces"};

static struct kan_rule *find(const struct kan_rules *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->rules[i].id, id) == 0)
			return &r->rules[i];
	return NULL;
}

static const json_t *find_disabled(const struct kan_rules *r, const char *id)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (r->disabled, i, one)
		if (strcmp(kan_json_str(one, "id"), id) == 0)
			return one;
	return NULL;
}

static int check_disabled(const json_t *doc, const char *file, struct kan_err *err)
{
	kan_auto_buf struct kan_buf id = KAN_BUF(KAN_RULE_FILE_MAX * 4);
	const char *reason = kan_json_str(doc, "disabled");
	(void)kan_text_clean(&id, kan_bytes_of(kan_json_str(doc, "id")));
	if (json_object_size(doc) != 2 || !id.len)
		return kan_fail(err, KAN_EUSAGE,
				"%s: %.80s: with disabled goes id, and nothing else", file,
				kan_buf_str(&id));
	if (!*reason || strlen(reason) > REASON_MAX)
		return kan_fail(err, KAN_EUSAGE,
				"%s: %.80s: disabled: the reason, in at most %d octets", file,
				kan_buf_str(&id), REASON_MAX);
	return 0;
}

int kan_rules_disable(struct kan_rules *r, const char *file, struct kan_bytes text,
		      struct kan_err *err)
{
	struct kan_err ignored = {0};
	json_t *doc = NULL;
	/* What does not parse is told by who takes it for a rule. */
	if (kan_json_parse(&doc, text, KAN_RULE_FILE_MAX, KAN_RULE_DEPTH, &ignored) < 0)
		return 0;
	int rc = json_object_get(doc, "disabled") ? 1 : 0;
	if (rc && check_disabled(doc, file, err) < 0)
		rc = -1;
	if (rc > 0 && find_disabled(r, kan_json_str(doc, "id")))
		rc = kan_fail(err, KAN_EUSAGE, "%s: %s: duplicate id, also in %s", file,
			      kan_json_str(doc, "id"),
			      kan_json_str(find_disabled(r, kan_json_str(doc, "id")), "file"));
	if (rc > 0) {
		kan_json_set_bytes(doc, "file", kan_bytes_of(file));
		json_array_append(r->disabled, doc);
	}
	json_decref(doc);
	return rc;
}

/* Of the user's: each rule turned off is one of ours, and is not there as well. */
static int check_own(const struct kan_rules *own, const struct kan_rules *shipped,
		     struct kan_err *err)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (own->disabled, i, one) {
		const char *id = kan_json_str(one, "id"), *file = kan_json_str(one, "file");
		const struct kan_rule *also = find(own, id);
		if (also)
			return kan_fail(err, KAN_EUSAGE, "%s: %s: duplicate id, also in %s", file,
					id, also->file);
		if (!find(shipped, id))
			return kan_fail(err, KAN_EUSAGE,
					"%s: %.80s: disabled: no shipped rule has this id", file,
					id);
	}
	return 0;
}

static json_t *identity(const struct kan_rule *r)
{
	return json_pack("{s:O,s:s}", "version", json_object_get(r->doc, "version"), "sha256",
			 r->sha256);
}

/* The rule moves to one of both sets. */
static void move(struct kan_rules *to, struct kan_rule *r)
{
	to->rules = kan_xrealloc(to->rules, to->n + 1, sizeof *to->rules);
	to->rules[to->n++] = *r;
	*r = (struct kan_rule){0};
}

/* What of the shipped ones stands goes over to the user's. */
static void merge(struct kan_rules *own, struct kan_rules *shipped)
{
	for (size_t i = 0; i < own->n; i++)
		own->rules[i].origin = KAN_RULE_OWN;
	for (size_t i = 0; i < shipped->n; i++) {
		struct kan_rule *s = &shipped->rules[i], *same = find(own, s->id);
		if (same) {
			same->origin = KAN_RULE_REPLACES;
			same->replaced = identity(s);
		} else if (!find_disabled(own, s->id)) {
			move(own, s);
		}
	}
}

int kan_rules_with(struct kan_rules **out, const char *dir, struct kan_err *err)
{
	struct kan_rules *own = NULL, *shipped = NULL;
	if (!dir)
		return kan_rules_shipped(out, err);
	int rc = kan_rules_load(&own, dir, err);
	if (rc == 0)
		rc = kan_rules_shipped(&shipped, err);
	if (rc == 0)
		rc = check_own(own, shipped, err);
	if (rc == 0 && own->n + shipped->n > KAN_RULE_COUNT)
		rc = kan_fail(err, KAN_EUSAGE, "%s: more than %d rules, with the shipped ones", dir,
			      KAN_RULE_COUNT);
	if (rc == 0) {
		merge(own, shipped);
		rc = kan_rules_finish(own, err);
	}
	if (rc == 0)
		*out = kan_take_ptr(own);
	kan_rules_free(own);
	kan_rules_free(shipped);
	return rc;
}

int kan_rules_accept(struct kan_rules *r, const char *path, struct kan_err *err)
{
	return path ? kan_accepted_load(&r->accepted, path, err) : 0;
}

json_t *kan_rules_changed(const struct kan_rules *r)
{
	size_t i = 0;
	json_t *one = NULL, *added = json_array(), *replaced = json_array(),
	       *disabled = json_array();
	for (; i < r->n; i++) {
		const struct kan_rule *k = &r->rules[i];
		if (k->origin == KAN_RULE_OWN)
			json_array_append_new(added, json_string(k->id));
		if (k->origin != KAN_RULE_REPLACES)
			continue;
		one = json_copy(k->replaced);
		json_object_set_new(one, "id", json_string(k->id));
		json_array_append_new(replaced, one);
	}
	json_array_foreach (r->disabled, i, one)
		json_array_append_new(disabled,
				      json_pack("{s:O,s:O}", "id", json_object_get(one, "id"),
						"reason", json_object_get(one, "disabled")));
	if (json_array_size(added) + json_array_size(replaced) + json_array_size(disabled))
		return json_pack("{s:o,s:o,s:o}", "added", added, "replaced", replaced, "disabled",
				 disabled);
	json_decref(added);
	json_decref(replaced);
	json_decref(disabled);
	return NULL;
}
