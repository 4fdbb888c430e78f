/* A report that may be larger than memory: what is made of it is written while it grows. */
#ifndef KAN_REPORTS_DRAIN_H
#define KAN_REPORTS_DRAIN_H

#include <kanshiki/report.h>

/* Writes what the buffer holds and empties it. */
typedef int kan_drain_fn(struct kan_buf *full, void *arg, struct kan_err *err);
/* NULL, as after kan_model_new: all of a report stays in its buffer. arg outlives the rendering. */
void kan_model_drain(struct kan_model *m, kan_drain_fn *fn, void *arg);
/* The language of html and md; NULL, as after kan_model_new: English. It outlives the rendering. */
struct kan_lang;
void kan_model_speak(struct kan_model *m, const struct kan_lang *lang);
/* Between two lines: drains what is large enough. A full buffer is an error. */
int kan_model_drained(const struct kan_model *m, struct kan_buf *out, struct kan_err *err);

#endif
