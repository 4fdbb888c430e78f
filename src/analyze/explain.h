/* One rule on one bundle: which rows held which clause of it, and what the nearest others lacked.
 */
#ifndef KAN_ANALYZE_EXPLAIN_H
#define KAN_ANALYZE_EXPLAIN_H

#include "analyze/run.h"

enum {
	KAN_EXPLAIN_MATCHES = 20, /* rows listed that hold; all are counted */
	KAN_EXPLAIN_NEAR = 10,    /* rows listed that do not */
};

/*
 * {"schema":"kanshiki.explain/1", "rule", "title", "class", "kind", "seen", "matched", "findings",
 * "not_assessed", "matches":[...], "nearest":[...]}. A row is {"artefact", "row", "sha256",
 * "object", "clauses":[{"clause", "result":"true|false|unknown", "values", "absent", "unknown"}]};
 * a match says of each join how many rows it has; a near one names the clauses that were not true,
 * and "met" "of" how many. The nearest lack the fewest clauses; of those that lack as many the
 * first. not-found: there is no such rule. Yours.
 */
int kan_explain(json_t **out, const struct kan_source *s, const struct kan_rules *r, const char *id,
		struct kan_err *err);

#endif
