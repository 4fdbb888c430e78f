/* Sections of report.html of a case. */
#ifndef KAN_REPORTS_CASE_PART_H
#define KAN_REPORTS_CASE_PART_H

#include "reports/case.h"

void kan_case_bundle_mark(struct kan_buf *out, int64_t n); /* a link to bundle n; 0: nothing */
void kan_case_html_times(struct kan_buf *out, const json_t *doc);
void kan_case_html_findings(struct kan_buf *out, const json_t *doc);
void kan_case_html_unseen(struct kan_buf *out, const json_t *doc);
void kan_case_html_custody(struct kan_buf *out, const json_t *doc);
void kan_case_html_people(struct kan_buf *out);

/* The three times, in the order of a post-mortem: key, title, what it means. */
struct kan_case_time {
	const char *key, *title, *means;
};
extern const struct kan_case_time kan_case_times[3];

#endif
