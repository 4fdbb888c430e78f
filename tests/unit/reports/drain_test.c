/* The line-by-line formats are written while they grow: larger than any buffer, and whole. */
#include <string.h>

#include "incident.h"
#include "reports/drain.h"

enum { ROWS = 20000, SMALL = 2 << 20 };

static int many_rows(const void *from, const char *artefact, kan_row_fn *fn, void *arg,
		     struct kan_err *err)
{
	int rc = 0;
	(void)from;
	if (strcmp(artefact, "data/filesystem/changes.ndjson") != 0)
		return 0;
	json_t *row =
		json_pack("{s:s,s:s,s:s,s:i,s:I}", "path", "/tmp/a\"b", "change", "added", "mode",
			  "100644", "size", 1, "ctime_ns", (json_int_t)1795325200000000000);
	for (uint64_t i = 1; i <= ROWS && rc == 0; i++)
		rc = fn(row, i, arg, err);
	json_decref(row);
	return rc;
}

struct written {
	size_t octets, lines, calls;
};

static int keep(struct kan_buf *full, void *arg, struct kan_err *err)
{
	struct written *w = arg;
	(void)err;
	w->octets += full->len;
	w->calls++;
	for (size_t i = 0; i < full->len; i++)
		w->lines += full->data[i] == '\n';
	kan_buf_reset(full);
	return 0;
}

static int refuse(struct kan_buf *full, void *arg, struct kan_err *err)
{
	(void)full;
	(void)arg;
	return kan_fail(err, KAN_EIO, "the disk is full");
}

static const struct kan_report *report_of(const char *name)
{
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		if (strcmp((*r)->name, name) == 0)
			return *r;
	cr_assert_fail("%s", name);
	return NULL;
}

static const char *const formats[] = {"timeline", "csv", "bodyfile"};

Test(drain, a_report_of_more_than_its_buffer_is_whole)
{
	json_t *doc = incident();
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct kan_err err = {0};
		struct written w = {0};
		kan_auto_buf struct kan_buf out = KAN_BUF(SMALL);
		struct kan_model *m = model_of(doc, NULL);
		kan_model_from(m, many_rows, NULL);
		kan_model_drain(m, keep, &w);
		cr_assert_eq(report_of(formats[i])->render(&out, m, &err), 0, "%s", err.text);
		cr_assert_eq(keep(&out, &w, &err), 0);
		cr_assert_geq(w.lines, ROWS, "%s", formats[i]);
		cr_assert_gt(w.calls, 1, "%s", formats[i]);
		kan_model_free(m);
	}
	json_decref(doc);
}

Test(drain, what_cannot_be_written_ends_the_report)
{
	json_t *doc = incident();
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct kan_err err = {0};
		kan_auto_buf struct kan_buf out = KAN_BUF(SMALL);
		struct kan_model *m = model_of(doc, NULL);
		kan_model_from(m, many_rows, NULL);
		kan_model_drain(m, refuse, NULL);
		cr_assert_eq(report_of(formats[i])->render(&out, m, &err), -1, "%s", formats[i]);
		cr_assert_eq(err.code, KAN_EIO);
		kan_model_free(m);
	}
	json_decref(doc);
}

Test(drain, without_a_drain_a_full_buffer_is_an_error)
{
	json_t *doc = incident();
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf out = KAN_BUF(SMALL);
	struct kan_model *m = model_of(doc, NULL);
	kan_model_from(m, many_rows, NULL);
	cr_assert_eq(report_of("timeline")->render(&out, m, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_model_free(m);
	json_decref(doc);
}
