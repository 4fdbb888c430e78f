/* A report: one renderer per file of reports/, one line in reports.list. It prints the model, no
 * more. */
#ifndef KANSHIKI_REPORT_H
#define KANSHIKI_REPORT_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_model; /* reports/model.h: made from the analysis and the receipt; the only code that
		     computes */

struct kan_report {
	const char *name;    /* "html": the word of --format */
	const char *file;    /* "report.html" */
	const char *summary; /* one line for the help */
	int (*render)(struct kan_buf *out, const struct kan_model *m, struct kan_err *err);
};
extern const struct kan_report *const kan_reports[]; /* order of reports.list; NULL-terminated */

/* receipt: {repo, commit, event, signer...} or NULL. Both are borrowed, outlive the model. */
int kan_model_new(struct kan_model **out, const json_t *analysis, const json_t *receipt,
		  struct kan_err *err);
void kan_model_free(struct kan_model *m);
/* The terminal summary: at most 23 lines of width columns, "text" without colour. tail: exit status
 * in words. */
struct kan_screen {
	int columns; /* 80 */
	bool colour, provisional;
	const char *bundle_path, *report_path, *exit_words;
	int exit_status;
};
int kan_report_terminal(struct kan_buf *out, const struct kan_model *m, const struct kan_screen *s,
			struct kan_err *err);

#endif
