/* A report over all bundles of a case: what is kept of each, how they are put together, and what
 * prints it. Bundles and custody events come as plain rows; nothing here reads either. */
#ifndef KAN_REPORTS_CASE_H
#define KAN_REPORTS_CASE_H

#include "reports/model.h"

enum {
	KAN_CASE_BUNDLES = 64,
	KAN_CASE_EVENTS = 2000,   /* of custody */
	KAN_CASE_TIMELINE = 4096, /* moments, all events of custody among them */
	KAN_CASE_PARTS = 4 << 20, /* octets of JSON of all parts together */
	KAN_CASE_PART = 1 << 20,  /* and of one */
	KAN_CASE_VALUE = 512,     /* octets of one value; beyond it is cut and <key>_len tells */
};

/*
 * What the case keeps of one bundle, in at most max octets of JSON: verdict, findings with the
 * gravest first, the moments nearest to them, what other bundles may have too, what was not seen.
 * What had no room is counted. Yours.
 */
json_t *kan_case_part(const struct kan_model *m, size_t max);

/* All borrowed. */
struct kan_case_input {
	const char *case_id, *tlp; /* tlp: "TLP:RED" or NULL */
	/* {bundle, seal, part} or {bundle, seal, why}, in the order of their events. */
	const json_t *bundles;
	/* {seq, type, time_ns, who, ok, bundle?, text?, finding?, as?, do?, target?, undo?}, oldest
	 * first. */
	const json_t *events;
	uint64_t bundles_left_out, events_left_out;
};
/* The document kanshiki.case-report/1: all that the renderers print. Yours. */
json_t *kan_case_merge(const struct kan_case_input *in);

struct kan_case_report {
	const char *name, *file; /* as of --format */
	int (*render)(struct kan_buf *out, const json_t *doc, struct kan_err *err);
};
extern const struct kan_case_report kan_case_reports[]; /* ends with a NULL name */
/* What a format that a case does not have should be made of instead; NULL: it has it. */
const char *kan_case_refused(const char *format);

int kan_case_html(struct kan_buf *out, const json_t *doc, struct kan_err *err);
int kan_case_md(struct kan_buf *out, const json_t *doc, struct kan_err *err);
int kan_case_timeline(struct kan_buf *out, const json_t *doc, struct kan_err *err);
int kan_case_csv(struct kan_buf *out, const json_t *doc, struct kan_err *err);
/* The bundle that number n means; its container's name. */
const json_t *kan_case_bundle(const json_t *doc, int64_t n);

#endif
