/* Pieces of report.html. Data goes through put functions, which escape; add functions take words of
 * ours. */
#ifndef KAN_REPORTS_HTML_H
#define KAN_REPORTS_HTML_H

#include "reports/model.h"

extern const char kan_html_style[];

/* A value of the evidence: escaped, cut at KAN_MODEL_VALUE, or at less when the page is nearly
 * full, with its full length told. */
void kan_html_bytes(struct kan_buf *out, struct kan_bytes v);
void kan_html_value(struct kan_buf *out, const json_t *holder,
		    const char *key); /* in <code>; nothing when absent */
void kan_html_list(struct kan_buf *out, const json_t *holder,
		   const char *key);                    /* spaces between, in <code> */
void kan_html_text(struct kan_buf *out, const char *s); /* words of ours: escaped, not in <code> */
void kan_html_name(struct kan_buf *out, const char *s); /* the same, in every language as it is */
void kan_html_parts(struct kan_buf *out, const json_t *parts);
void kan_html_mark(struct kan_buf *out, int64_t n); /* link to finding n; nothing for 0 */
void kan_html_time(struct kan_buf *out, int64_t ns);
void kan_html_commit(struct kan_buf *out,
		     const struct kan_model *m); /* ", commit", a link; nothing without one */
/* "+N more" below a list; nothing for 0. */
void kan_html_more(struct kan_buf *out, uint64_t n, const char *where);

/* Up to the end of head: policy, title (a name), style. */
void kan_html_head(struct kan_buf *out, const json_t *doc, const json_t *named);
/* Of a document: the label of TLP 2.0, that it is redacted; and the style that puts the label on
 * printed pages. Nothing without one. */
void kan_html_label(struct kan_buf *out, const json_t *doc);
void kan_html_label_style(struct kan_buf *out, const json_t *doc);

void kan_html_tree(struct kan_buf *out, const struct kan_model *m);
void kan_html_graph(struct kan_buf *out, const struct kan_model *m);

/* Sections, in the order of the page. */
void kan_html_hypotheses(struct kan_buf *out, const struct kan_model *m);
void kan_html_findings(struct kan_buf *out, const struct kan_model *m);
void kan_html_timeline(struct kan_buf *out, const struct kan_model *m);
void kan_html_changes(struct kan_buf *out, const struct kan_model *m);
void kan_html_packages(struct kan_buf *out, const struct kan_model *m);
void kan_html_package_cell(struct kan_buf *out, const json_t *row); /* of a changed file */
void kan_html_views(struct kan_buf *out, const struct kan_model *m);
void kan_html_running(struct kan_buf *out, const struct kan_model *m);
void kan_html_indicators(struct kan_buf *out, const struct kan_model *m);
void kan_html_record(struct kan_buf *out, const struct kan_model *m);
void kan_html_custody(struct kan_buf *out, const struct kan_model *m);
void kan_html_rules(struct kan_buf *out, const struct kan_model *m);
/* Findings that the user has accepted, and entries that accept none; nothing without any. */
void kan_html_accepted(struct kan_buf *out, const json_t *suppressed);

#endif
