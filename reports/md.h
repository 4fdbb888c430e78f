/* Pieces of report.md: data is a code span, whatever stands in it. */
#ifndef KAN_REPORTS_MD_H
#define KAN_REPORTS_MD_H

#include "reports/model.h"

void kan_md_value(struct kan_buf *out, const json_t *o, const char *key);
/* Words that the analysis chose; whatever else stands there is a code span. */
void kan_md_word(struct kan_buf *out, const json_t *o, const char *key);
void kan_md_parts(struct kan_buf *out, const json_t *list);

#endif
