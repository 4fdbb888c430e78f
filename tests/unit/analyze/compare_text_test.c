/* Text differences out of a sealed bundle. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../evidence/world.h"
#include "analyze/compare.h"
#include "base/row.h"
#include "base/tar.h"

struct bundle {
	struct world w;
	struct kan_bundle *b;
	struct kan_source *source;
	struct kan_side *side;
	struct kan_compared *c;
};

static int gather(void *arg, const void *p, size_t n, struct kan_err *err)
{
	(void)err;
	kan_buf_add(arg, p, n);
	return 0;
}

struct file {
	const char *path;
	struct kan_bytes before, after; /* p NULL: that side has none */
};

static void put_tar(struct kan_sink *s, const char *name, const struct file *files, bool before)
{
	struct kan_tar *t = NULL;
	kan_auto_buf struct kan_buf out = KAN_BUF(8 << 20);
	cr_assert_eq(kan_tar_new(&t, gather, &out, NULL), 0);
	for (; files->path; files++) {
		struct kan_bytes v = before ? files->before : files->after;
		const struct kan_tar_entry e = {
			.path = kan_bytes_of(files->path), .mode = 0100644, .size = v.n};
		if (!v.p)
			continue;
		cr_assert_eq(kan_tar_entry(t, &e, NULL), 0);
		cr_assert_eq(kan_tar_data(t, v.p, v.n, NULL), 0);
		cr_assert_eq(kan_tar_finish(t, NULL), 0);
	}
	cr_assert_eq(kan_tar_close(t, NULL), 0);
	cr_assert_eq(kan_sink_put(s, name, kan_buf_bytes(&out), NULL), 0);
}

static void put_rows(struct kan_sink *s, const struct file *files)
{
	struct kan_rows *rows = NULL;
	cr_assert_eq(kan_rows_open(&rows, s, "changes.ndjson", NULL), 0);
	for (; files->path; files++) {
		struct kan_row *r = kan_rows_begin(rows);
		bool deleted = !files->after.p;
		kan_row_bytes(r, "path", kan_bytes_of(files->path));
		kan_row_str(r, "type", "file");
		kan_row_str(r, "change",
			    deleted           ? "deleted"
			    : files->before.p ? "changed"
					      : "added");
		if (!deleted)
			kan_row_uint(r, "size", files->after.n);
		if (files->before.p) {
			kan_row_obj(r, "below");
			kan_row_int(r, "layer", 0);
			kan_row_str(r, "type", "file");
			kan_row_uint(r, "size", files->before.n);
			kan_row_obj_end(r);
		}
		cr_assert_eq(kan_rows_end(rows, NULL), 0);
	}
	cr_assert_eq(kan_rows_close(rows, NULL), 0);
}

/* Rows, before.tar and upper.tar of these files, sealed. */
static void make(struct bundle *x, const struct file *files)
{
	static const char *const artefacts[] = {"changes.ndjson", "before.tar", "upper.tar", NULL};
	char seal[65];
	struct kan_err err = {0};
	world_begin(&x->w);
	struct kan_sink *s = world_sink(&x->w, "filesystem", artefacts);
	world_collector(&x->w, "filesystem", "begin", NULL);
	put_rows(s, files);
	put_tar(s, "before.tar", files, true);
	put_tar(s, "upper.tar", files, false);
	kan_sink_free(s);
	world_record(&x->w);
	world_collector(&x->w, "filesystem", "end", "ok");
	cr_assert_eq(world_seal(&x->w, seal, NULL, &err), 0, "%s", err.text);
	world_crash(&x->w);
}

static int show(struct kan_texts *t, struct bundle *x, struct kan_err *err)
{
	cr_assert_eq(kan_bundle_open(&x->b, x->w.final, false, err), 0, "%s", err->text);
	x->source = kan_source_bundle(x->b);
	cr_assert_eq(kan_side_open(&x->side, x->source, err), 0, "%s", err->text);
	cr_assert_eq(kan_compare_image(&x->c, x->side, ~0U, err), 0, "%s", err->text);
	return kan_compare_text(t, x->c, x->source, err);
}

static void leave(struct bundle *x)
{
	kan_compared_free(x->c);
	kan_side_free(x->side);
	kan_source_free(x->source);
	kan_bundle_free(x->b);
	world_free(&x->w);
}

static void says(const struct kan_texts *t, const char *want)
{
	cr_assert_not_null(strstr(kan_buf_str(&t->text), want), "no \"%s\" in\n%s", want,
			   kan_buf_str(&t->text));
}

Test(compare_text, changed_added_and_deleted_texts_are_shown)
{
	static const struct file files[] = {
		{"/etc/a", KAN_LIT("one\ntwo\n"), KAN_LIT("one\nTWO\n")},
		{"/etc/new", {NULL, 0}, KAN_LIT("hello\n")},
		{"/etc/gone", KAN_LIT("bye\n"), {NULL, 0}},
		{"/bin/b", KAN_LIT("\0\1"), KAN_LIT("\0\2")},
		{NULL, {NULL, 0}, {NULL, 0}}};
	struct bundle x = {0};
	struct kan_err err = {0};
	struct kan_texts t = {0};
	make(&x, files);
	cr_assert_eq(show(&t, &x, &err), 0, "%s", err.text);
	says(&t, "--- image:/etc/a\n+++ container:/etc/a\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n");
	says(&t, "--- /dev/null\n+++ container:/etc/new\n@@ -0,0 +1,1 @@\n+hello\n");
	says(&t, "--- image:/etc/gone\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-bye\n");
	says(&t, "/bin/b: binary\n");
	cr_assert_eq(t.shown, 4);
	kan_buf_free(&t.text);
	leave(&x);
}

Test(compare_text, what_a_terminal_acts_on_is_made_visible)
{
	static const struct file files[] = {
		{"/a\x1b[2J", KAN_LIT("x\n"), KAN_LIT("\x1b]0;pwn\x07\t\xe2\x80\xae\xff\n")},
		{NULL, {NULL, 0}, {NULL, 0}}};
	struct bundle x = {0};
	struct kan_err err = {0};
	struct kan_texts t = {0};
	make(&x, files);
	cr_assert_eq(show(&t, &x, &err), 0, "%s", err.text);
	says(&t, "+++ container:/a\\x1b[2J\n");
	says(&t, "+\\x1b]0;pwn\\x07\t\\xe2\\x80\\xae\\xff\n");
	cr_assert_null(strchr(kan_buf_str(&t.text), '\x1b'));
	kan_buf_free(&t.text);
	leave(&x);
}

Test(compare_text, secrets_are_masked)
{
	static const char key[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIIEpAIBAAKCAQEAHunter2zZ9Hunter2zZ9Hunter2zZ9Hunter2zZ9ABCDEFGH\n"
		"Hunter2zZ9==\n-----END PRIVATE KEY-----\nHunterless\n";
	static const struct file files[] = {
		{"/app.env", KAN_LIT("A=b\nDB_PASSWORD=Hunter2zZ8\n"),
		 KAN_LIT("A=b\nDB_PASSWORD=Hunter2zZ9\n")},
		{"/etc/shadow", KAN_LIT("x\n"), KAN_LIT("root:$6$salt$Hunter2zZ9Hunter2zZ9:1:\n")},
		{"/key.pem", {NULL, 0}, KAN_LIT(key)},
		{"/tail.pem", KAN_LIT(key), KAN_LIT("other\n")},
		{NULL, {NULL, 0}, {NULL, 0}}};
	struct bundle x = {0};
	struct kan_err err = {0};
	struct kan_texts t = {0};
	make(&x, files);
	cr_assert_eq(show(&t, &x, &err), 0, "%s", err.text);
	says(&t, " A=b\n-DB_PASSWORD=[password, 10 bytes]\n+DB_PASSWORD=[password, 10 bytes]\n");
	says(&t, "+root:[password hash, ");
	says(&t, "+[private key, 12 bytes]\n");
	says(&t, "-[private key, 12 bytes]\n");
	says(&t, "+Hunterless\n");
	cr_expect_null(strstr(kan_buf_str(&t.text), "Hunter2"), "%s", kan_buf_str(&t.text));
	kan_buf_free(&t.text);
	leave(&x);
}

Test(compare_text, an_altered_tar_shows_nothing_and_is_tampering)
{
	static const struct file files[] = {{"/etc/a", KAN_LIT("one\n"), KAN_LIT("two\n")},
					    {NULL, {NULL, 0}, {NULL, 0}}};
	struct bundle x = {0};
	struct kan_err err = {0};
	struct kan_texts t = {0};
	make(&x, files);
	world_shell(
		x.w.final, 0,
		"f=data/filesystem/upper.tar; chmod u+w $f data/filesystem; sed -i s/two/twO/ $f");
	cr_assert_lt(show(&t, &x, &err), 0);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	cr_assert_null(t.text.data);
	leave(&x);
}

Test(compare_text, a_version_that_the_bundle_lacks_is_said)
{
	static const struct file files[] = {{"/etc/a", KAN_LIT("one\n"), KAN_LIT("two\n")},
					    {NULL, {NULL, 0}, {NULL, 0}}},
				 none[] = {{NULL, {NULL, 0}, {NULL, 0}}};
	struct bundle x = {0};
	struct kan_err err = {0};
	struct kan_texts t = {0};
	static const char *const artefacts[] = {"changes.ndjson", "before.tar", "upper.tar", NULL};
	char seal[65];
	world_begin(&x.w);
	struct kan_sink *s = world_sink(&x.w, "filesystem", artefacts);
	world_collector(&x.w, "filesystem", "begin", NULL);
	put_rows(s, files);
	put_tar(s, "before.tar", none, true);
	put_tar(s, "upper.tar", files, false);
	kan_sink_free(s);
	world_record(&x.w);
	world_collector(&x.w, "filesystem", "end", "ok");
	cr_assert_eq(world_seal(&x.w, seal, NULL, &err), 0, "%s", err.text);
	world_crash(&x.w);
	cr_assert_eq(show(&t, &x, &err), 0, "%s", err.text);
	says(&t, "/etc/a: the image's version is not in the bundle\n");
	kan_buf_free(&t.text);
	leave(&x);
}
