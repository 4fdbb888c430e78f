/* Every renderer against its golden file. KAN_GOLDEN_WRITE=1 writes them anew; then read the
 * difference. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "incident.h"

enum { FILE_MAX = 16 << 20 };

static json_t *receipt(void)
{
	return json_pack(
		"{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:b}", "repo", "/var/lib/kanshiki/custody.git",
		"commit", "9c1e55ab0d7f4c3e8a6b21d0f5e7c9843b1a2d6f", "event", 3, "case", "inc-42",
		"bundle", "20261122t053312z-3f2a9c41d0be-7c1e", "seal", seal_text, "signer",
		"SHA256:0pu/k68DFjb6G1vLNKkv4dTuwV82w9t+kUB21v93Tp4", "host_key", 1);
}

static void compare(const struct kan_report *r, const struct kan_model *m)
{
	char path[512];
	kan_auto_buf struct kan_buf made = KAN_BUF(FILE_MAX), golden = KAN_BUF(FILE_MAX);
	struct kan_err err = {0};
	cr_assert_eq(r->render(&made, m, &err), 0, "%s: %s", r->name, err.text);
	(void)snprintf(path, sizeof path, "%s/tests/golden/report/%s", TOP, r->file);
	if (getenv("KAN_GOLDEN_WRITE")) {
		FILE *f = fopen(path, "w");
		cr_assert_not_null(f, "%s", path);
		cr_assert_eq(fwrite(made.data, 1, made.len, f), made.len);
		cr_assert_eq(fclose(f), 0);
	}
	cr_assert_eq(kan_read_file(&golden, AT_FDCWD, path, &err), 0, "%s", err.text);
	cr_expect(kan_bytes_eq(kan_buf_bytes(&made), kan_buf_bytes(&golden)),
		  "%s differs from its golden file", r->file);
}

Test(golden, every_report_is_as_it_was_looked_at)
{
	json_t *doc = incident(), *rec = receipt();
	struct kan_model *m = model_of(doc, rec);
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		compare(*r, m);
	kan_model_free(m);
	json_decref(doc);
	json_decref(rec);
}

Test(golden, rendering_twice_elsewhere_gives_the_same_bytes)
{
	json_t *doc = incident();
	struct kan_model *a = model_of(doc, NULL);
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		kan_auto_buf struct kan_buf x = KAN_BUF(FILE_MAX), y = KAN_BUF(FILE_MAX);
		struct kan_err err = {0};
		cr_assert_eq((*r)->render(&x, a, &err), 0);
		cr_assert_eq(setenv("TZ", "Asia/Tokyo", 1), 0);
		cr_assert_eq(setenv("LC_ALL", "de_DE.UTF-8", 1), 0);
		struct kan_model *b = model_of(doc, NULL);
		cr_assert_eq((*r)->render(&y, b, &err), 0);
		cr_assert(kan_bytes_eq(kan_buf_bytes(&x), kan_buf_bytes(&y)), "%s", (*r)->name);
		kan_model_free(b);
	}
	kan_model_free(a);
	json_decref(doc);
}

Test(golden, a_buffer_that_is_full_is_an_error_and_no_short_report)
{
	json_t *doc = incident();
	struct kan_model *m = model_of(doc, NULL);
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		kan_auto_buf struct kan_buf small = KAN_BUF(100);
		struct kan_err err = {0};
		cr_assert(((*r)->render(&small, m, &err) < 0) || small.failed, "%s", (*r)->name);
	}
	kan_model_free(m);
	json_decref(doc);
}

/* The labels of a rendered page: each must end before the picture does. */
static unsigned labels_within(const char *html)
{
	enum { WIDTH = 760, CHARACTER = 7 };
	unsigned n = 0;
	for (const char *at = html; (at = strstr(at, "<text class=\"lbl\" x=\"")); at++) {
		char text[12] = "";
		int x = 0, y = 0;
		int got = sscanf(at, "<text class=\"lbl\" x=\"%d\" y=\"%d\">%11[0-9:.-]<", &x, &y,
				 text);
		if (got != 3 || !strchr(text, ':'))
			continue;
		cr_expect_leq(x + CHARACTER * (int)strlen(text), WIDTH, "%s at %d", text, x);
		n++;
	}
	return n;
}

Test(golden, no_time_under_the_lanes_is_drawn_beyond_the_edge)
{
	enum { MOMENTS = 6 }; /* the last column has a label, too */
	json_t *doc = incident(), *list = json_array();
	for (int i = 0; i < MOMENTS; i++)
		json_array_append_new(
			list,
			json_pack("{s:I,s:s,s:s}", "time_ns",
				  (json_int_t)1795325470000000000 + (json_int_t)i * 1000000000,
				  "trust", "kernel-process", "desc", "started"));
	json_object_set_new(doc, "timeline", list);
	struct kan_model *m = model_of(doc, NULL);
	kan_auto_buf struct kan_buf page = KAN_BUF(FILE_MAX);
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		if (strcmp((*r)->name, "html") == 0)
			cr_assert_eq((*r)->render(&page, m, NULL), 0);
	cr_assert_gt(labels_within(kan_buf_str(&page)), 0);
	kan_model_free(m);
	json_decref(doc);
}
