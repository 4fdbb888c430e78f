/* Rules: data, not code. JSON conditions over joined rows; every finding comes from one. */
#ifndef KANSHIKI_RULE_H
#define KANSHIKI_RULE_H

#include <jansson.h>
#include <kanshiki/err.h>

struct kan_rules;
struct kan_bundle;

/* Load all *.json below dir (families as directories). First fault: usage, "file: id: reason". */
int kan_rules_load(struct kan_rules **out, const char *dir, struct kan_err *err);
/* The shipped rules, compiled in. */
int kan_rules_shipped(struct kan_rules **out, struct kan_err *err);
void kan_rules_free(struct kan_rules *r);
size_t kan_rules_count(const struct kan_rules *r);
json_t *kan_rules_list(const struct kan_rules *r); /* array of {id, title, severity, ...}. Yours. */

/*
 * Read a bundle, join its rows, run the rules: the analysis document, keys as report.json
 * (kanshiki.report/1): bundle, seal, container, findings[], not_assessed[], not_seen[], changes,
 * processes, sockets, ... Same bundle and rules, same document. Yours: json_decref it.
 */
int kan_analyze(json_t **out, const struct kan_bundle *b, const struct kan_rules *r,
		struct kan_err *err);

#endif
