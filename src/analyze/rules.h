/* A rule, checked and ready to run; how rules are parsed, and the text they say. */
#ifndef KAN_ANALYZE_RULES_H
#define KAN_ANALYZE_RULES_H

#include <kanshiki/rule.h>

#include "analyze/accepted.h"
#include "analyze/cond.h"

enum {
	KAN_RULE_FILE_MAX = 64 << 10,
	KAN_RULE_DEPTH = 32, /* of the JSON; conditions have their own limit */
	KAN_RULE_COUNT = 5000,
	KAN_RULE_JOINS = 4,
	KAN_RULE_KEYS = 4,
	KAN_RULE_NEXT = 6,
	KAN_RULE_VOTES = 12,
	KAN_TEXT_PIECES = 24,
	KAN_TEXT_VALUE = 4096, /* bytes of one value in a sentence */
};

enum kan_severity { KAN_LOW, KAN_MEDIUM, KAN_HIGH, KAN_CRITICAL };
extern const char *const kan_severity_names[4];

/* A column of the rule's own row (which -1) or of a join. */
struct kan_ref {
	int which;
	const struct kan_column *column;
};

/* "{pid} runs {exe.link}": literals and columns in turn; a name in braces that is no column is a
 * word of ours. */
struct kan_piece {
	const char *text; /* literal, or the word */
	size_t n;
	bool word;
	struct kan_ref ref; /* column NULL: literal or word */
};
struct kan_text {
	struct kan_piece pieces[KAN_TEXT_PIECES];
	size_t n;
};

struct kan_rule_join {
	const char *as;
	const struct kan_kind *kind;
	struct kan_cond *where; /* NULL: every row */
	struct {
		const struct kan_column *left, *right;
	} on[2];
	size_t n_on;
	bool optional;
	int raise;
};

/* How it began: what findings vote for and against. In the order of the report. */
enum kan_hypothesis {
	KAN_HYP_SERVICE,
	KAN_HYP_CONTAINER_API,
	KAN_HYP_REMOTE_LOGIN,
	KAN_HYP_SUPPLY_CHAIN,
	KAN_HYP_EXEC,
	KAN_HYP_LATERAL,
	KAN_HYP_OPERATOR,
	KAN_HYPOTHESES,
};
extern const char *const kan_hypothesis_names[KAN_HYPOTHESES + 1];

struct kan_vote {
	enum kan_hypothesis about;
	bool against;
	int weight; /* 1 to 3 */
	struct kan_cond *cond;
};

/* Whose a rule is. */
enum kan_rule_origin { KAN_RULE_SHIPPED, KAN_RULE_OWN, KAN_RULE_REPLACES };
extern const char *const kan_rule_origins[]; /* "shipped", "own", "replaces" */

struct kan_rule {
	json_t *doc;
	char *file;
	enum kan_rule_origin origin;
	json_t *replaced; /* {version, sha256} of the shipped one; NULL: it replaces none */
	char sha256[65];
	const char *id;
	const struct kan_kind *kind;
	struct kan_cond *where;
	struct kan_cond *excuse; /* when it holds the finding is low; NULL: see kan_run_excused */
	struct kan_rule_join joins[KAN_RULE_JOINS];
	size_t n_joins;
	struct kan_ref keys[KAN_RULE_KEYS];
	size_t n_keys;
	struct kan_text says, next[KAN_RULE_NEXT];
	size_t n_next;
	struct kan_vote votes[KAN_RULE_VOTES];
	size_t n_votes;
	enum kan_severity severity;
};

struct kan_rules {
	struct kan_rule *rules; /* by id */
	size_t n;
	json_t *attack;
	json_t *disabled;              /* array of {id, disabled, file}: the reason is the user's */
	struct kan_accepted *accepted; /* findings that the user has accepted; NULL: none */
};

/* One rule from its text. usage: "file: id: reason". */
int kan_rule_parse(struct kan_rule *out, const char *file, struct kan_bytes text,
		   const json_t *attack, struct kan_err *err);
void kan_rule_free(struct kan_rule *r);
int kan_text_parse(struct kan_text *out, const char *text, const struct kan_scope *s, bool ids_only,
		   struct kan_err *err);
/* An empty set with the ATT&CK table; then one rule after another; then sorted, duplicates refused.
 */
int kan_rules_begin(struct kan_rules **out, struct kan_err *err);
int kan_rules_add(struct kan_rules *r, const char *file, struct kan_bytes text,
		  struct kan_err *err);
int kan_rules_finish(struct kan_rules *r, struct kan_err *err);
/*
 * The shipped rules with those of a user's directory: a rule with an id of ours replaces ours, and
 * {"id", "disabled": reason} turns ours off. dir NULL: the shipped ones.
 */
int kan_rules_with(struct kan_rules **out, const char *dir, struct kan_err *err);
/* title, says, why, next and false_positives in another language: of a shipped rule from i18n/,
 * of any rule from its own key i18n. What has no words there keeps its own. */
int kan_rules_speak(struct kan_rules *r, const char *lang, struct kan_err *err);
/* {"id", "disabled"}: added to disabled; 0: it is none, and a rule perhaps. */
int kan_rules_disable(struct kan_rules *r, const char *file, struct kan_bytes text,
		      struct kan_err *err);
/* Findings of these rules that the user's file accepts are suppressed. path NULL: nothing. */
int kan_rules_accept(struct kan_rules *r, const char *path, struct kan_err *err);
/* {added:[id], replaced:[{id, version, sha256}], disabled:[{id, reason}]} of what differs from the
 * shipped ones; NULL: nothing does. Yours. */
json_t *kan_rules_changed(const struct kan_rules *r);

/* What is compiled in; ends with a NULL name. The ATT&CK table is among them. */
struct kan_shipped {
	const char *name; /* "exe/foreign.json" */
	const unsigned char *data;
	size_t n;
};
extern const struct kan_shipped kan_shipped_rules[];
extern const char kan_attack_file[]; /* "attack.json" */
/* "fixtures": rows to test rules with, beside them; never read as rules. */
extern const char kan_rule_fixtures[];
/* "i18n": words of the shipped rules in other languages, a file each. */
extern const char kan_rule_words[];

#endif
