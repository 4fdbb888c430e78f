/* What a scan by YARA rules says, beside its hits: with what, and what was not scanned. */
#ifndef KAN_ANALYZE_YARAROWS_H
#define KAN_ANALYZE_YARAROWS_H

#include "analyze/facts.h"

/* {"libyara", "rules", "sources", "files", "hits", "gaps", ...left out, "says"}; NULL: none was
 * asked for. Yours. */
json_t *kan_yara_document(const struct kan_facts *f);
/* Digests of what was hit, each with true where a rule marks itself high. Yours. */
int kan_yara_digests(json_t **out, const struct kan_facts *f, struct kan_err *err);
/* What was not scanned, added to not_seen[]. */
void kan_yara_not_seen(json_t *list, const struct kan_facts *f);

#endif
