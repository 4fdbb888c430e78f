/* The image and the posture in a report: what both html and md print of them. */
#ifndef KAN_REPORTS_EXPOSURE_H
#define KAN_REPORTS_EXPOSURE_H

#include "reports/md.h"

/* Where a finding is told: exposure stands apart from intrusion. */
enum kan_place { KAN_PLACE_FINDINGS, KAN_PLACE_IMAGE, KAN_PLACE_POSTURE };
enum kan_place kan_model_place(const json_t *finding);
size_t kan_model_placed(const struct kan_model *m, enum kan_place place); /* how many */
bool kan_model_of_image(const json_t *finding); /* of the family image.* */
/* What the highest rung that holds means. */
const char *kan_model_rung(const struct kan_model *m);
/* The finding about a row of doc.image; 0: none. */
int64_t kan_model_image_finding(const struct kan_model *m, const json_t *row);

void kan_html_findings_at(struct kan_buf *out, const struct kan_model *m, enum kan_place place);
void kan_html_missing(struct kan_buf *out, const json_t *gap); /* what, of which collector, why */
void kan_html_image(struct kan_buf *out, const struct kan_model *m);
void kan_html_posture(struct kan_buf *out, const struct kan_model *m);

/* Pieces of report.md. */
void kan_md_mark(struct kan_buf *out, int64_t n);
void kan_md_image(struct kan_buf *out, const struct kan_model *m);
void kan_md_posture(struct kan_buf *out, const struct kan_model *m);
void kan_md_rules(struct kan_buf *out, const struct kan_model *m); /* accepted, and not shipped */

#endif
