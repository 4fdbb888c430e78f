/* A report: a renderer in a file of reports/ and a line in reports.list. It prints the model. */
#ifndef KANSHIKI_REPORT_H
#define KANSHIKI_REPORT_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_model; /* made from analysis and receipt: reports/model.h */

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
/* Rows that the document does not list, as kan_bundle_rows gives them: for the timelines. */
typedef int kan_row_fn(const json_t *row, uint64_t line, void *arg, struct kan_err *err);
typedef int kan_rows_fn(const void *from, const char *of, kan_row_fn *fn, void *, struct kan_err *);
void kan_model_from(struct kan_model *m, kan_rows_fn *rows, const void *from);
struct kan_screen { /* the terminal summary: at most 23 lines, less those that follow it */
	int columns;
	bool colour, provisional;
	const char *bundle_path, *report_path, *exit_words;
	int exit_status;
	unsigned below; /* lines that the caller prints below it */
};
int kan_report_terminal(struct kan_buf *out, const struct kan_model *m, const struct kan_screen *s,
			struct kan_err *err);

#endif
