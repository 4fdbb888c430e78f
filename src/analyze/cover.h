/* What could not be had: gaps and scope of a bundle, and what follows from them for a row kind. */
#ifndef KAN_ANALYZE_COVER_H
#define KAN_ANALYZE_COVER_H

#include <jansson.h>
#include <kanshiki/err.h>

#include "analyze/source.h"

enum { KAN_COVER_GAPS = 2000, KAN_COVER_COLLECTORS = 32 };

struct kan_cover {
	json_t *gaps;  /* rows of gaps.ndjson, the first KAN_COVER_GAPS of a collector */
	json_t *scope; /* of capture.json */
	json_t *collectors;
	uint64_t n_gaps; /* all, not-applicable not counted */
	bool partial;
};

/* How much of an artefact is there. not-applicable: the target has none, so its rows are known to
 * be none. */
enum kan_coverage { KAN_COVER_WHOLE, KAN_COVER_CUT, KAN_COVER_NONE, KAN_COVER_NOT_APPLICABLE };

int kan_cover_new(struct kan_cover **out, const struct kan_source *s, const json_t *capture,
		  struct kan_err *err);
void kan_cover_free(struct kan_cover *c);
enum kan_coverage kan_cover_of(const struct kan_cover *c, const struct kan_source *s,
			       const char *collector, const char *artefact);
/* The collector has a gap of any size: values it always writes may be missing. */
bool kan_cover_gaps(const struct kan_cover *c, const char *collector);
/* Why rows of this artefact are missing: {collector, what, code, why}. Yours. */
json_t *kan_cover_why(const struct kan_cover *c, const char *collector, const char *artefact);
/* The same of one gap: {collector, what, code, why}, twins too. Yours. */
json_t *kan_cover_reason(const json_t *gap);
/* not_seen[]: gaps and scope, each with what it could have shown. Yours. */
json_t *kan_cover_not_seen(const struct kan_cover *c);

#endif
