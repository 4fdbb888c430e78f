/* Rules in another language: the words that people read, and nothing that decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/rules.h"
#include "base/row.h"

enum { WORDS_MAX = 1 << 20, WORDS_DEPTH = 6, NAME_MAX_TEXT = 64 };

static const char *const spoken[] = {"title", "says", "why", "next", "false_positives"};

/* NULL: there are none. */
static int shipped_words(json_t **out, const char *lang, struct kan_err *err)
{
	char name[NAME_MAX_TEXT];
	(void)snprintf(name, sizeof name, "%s/%.16s.json", kan_rule_words, lang);
	for (const struct kan_shipped *f = kan_shipped_rules; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return kan_json_parse(out, (struct kan_bytes){f->data, f->n}, WORDS_MAX,
					      WORDS_DEPTH, err);
	return 0;
}

static json_t *spoken_doc(const json_t *doc, const json_t *words)
{
	json_t *o = json_copy((json_t *)(uintptr_t)doc);
	for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
		json_t *v = json_object_get(words, spoken[i]);
		if (v)
			json_object_set(o, spoken[i], v);
	}
	return o;
}

/* Parsed once more, so that a column that is not there is refused as in the rule itself. */
static int speak(struct kan_rule *r, const json_t *words, const json_t *attack, struct kan_err *err)
{
	struct kan_rule made;
	json_t *doc = spoken_doc(r->doc, words);
	char *text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	int rc = kan_rule_parse(&made, r->file, kan_bytes_of(text ? text : ""), attack, err);
	free(text);
	if (rc < 0)
		return kan_wrap(err, "i18n");
	memcpy(made.sha256, r->sha256, sizeof made.sha256);
	made.origin = r->origin;
	made.replaced = json_incref(r->replaced);
	kan_rule_free(r);
	*r = made;
	return 0;
}

int kan_rules_speak(struct kan_rules *r, const char *lang, struct kan_err *err)
{
	json_t *shipped = NULL;
	int rc = shipped_words(&shipped, lang, err);
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		struct kan_rule *k = &r->rules[i];
		const json_t *own = json_object_get(json_object_get(k->doc, "i18n"), lang);
		const json_t *words = own || k->origin != KAN_RULE_SHIPPED
					      ? own
					      : json_object_get(shipped, k->id);
		if (words)
			rc = speak(k, words, r->attack, err);
	}
	json_decref(shipped);
	return rc;
}
