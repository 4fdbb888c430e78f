/* Rules against their fixtures: what they must hit, and what they must miss. */
#ifndef KAN_ANALYZE_RULE_TEST_H
#define KAN_ANALYZE_RULE_TEST_H

#include "analyze/rules.h"

/* Does the document say that the rule holds? One of class context makes no finding: it is seen by
 * its votes. */
bool kan_rule_fires(const json_t *doc, const struct kan_rule *r);

/*
 * Run every rule alone on each fixture that it names: a directory of fixtures, laid over its
 * "base" where there is one. {"schema":"kanshiki.rules-test/1", "rules", "fixtures", "failed",
 * "faults":[{"rule", "fixture", "expected":"hit|miss", "why"}]}. A fixture that is not there, or
 * cannot be read, is a fault of its rule. Yours.
 */
json_t *kan_rules_test(const struct kan_rules *r, const char *fixtures);

#endif
