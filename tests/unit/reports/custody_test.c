/* What a receipt holds is inert, whatever it holds, and only digests and ids get into a command or
 * into the code. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "incident.h"
#include "reports/qr.h"

enum { FILE_MAX = 16 << 20 };

static const char attack[] = "\x1b[2J<script>alert(1)</script>\"' onload=\"x\" `` ]( \xe2\x80\xae "
			     "\xff'; rm -rf ~; echo '$(reboot)\n# x";

static json_t *receipt_of(struct kan_bytes v)
{
	static const char *const keys[] = {"repo", "case", "bundle", "seal", "commit", "signer"};
	json_t *r = json_pack("{s:i,s:b}", "event", 1, "host_key", 1);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		kan_json_set_bytes(r, keys[i], v);
	return r;
}

static void render(struct kan_buf *out, const char *name, const json_t *doc, const json_t *receipt)
{
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, receipt);
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		if (strcmp((*r)->name, name) == 0)
			cr_assert_eq((*r)->render(out, m, &err), 0, "%s", err.text);
	kan_model_free(m);
}

static size_t count(const struct kan_buf *b, const char *needle)
{
	size_t n = 0, k = strlen(needle);
	for (size_t i = 0; i + k <= b->len; i++)
		n += memcmp(b->data + i, needle, k) == 0;
	return n;
}

Test(custody, a_hostile_receipt_is_inert_in_each_format)
{
	static const char *const names[] = {"html", "md"};
	json_t *doc = incident(), *calm = receipt_of(KAN_LIT("calm")),
	       *hot = receipt_of(KAN_LIT(attack));
	for (size_t i = 0; i < 2; i++) {
		kan_auto_buf struct kan_buf a = KAN_BUF(FILE_MAX), b = KAN_BUF(FILE_MAX);
		render(&a, names[i], doc, calm);
		render(&b, names[i], doc, hot);
		for (size_t k = 0; k < b.len; k++)
			cr_assert(b.data[k] == '\n' || (b.data[k] >= 0x20 && b.data[k] != 0x7f));
		cr_assert_eq(count(&b, "\xe2\x80\xae"), 0);
		cr_assert_eq(count(&a, "\n"), count(&b, "\n"), "%s", names[i]);
		if (i == 0) {
			cr_assert_eq(count(&a, "<"), count(&b, "<"));
			cr_assert_eq(count(&a, "\""), count(&b, "\""));
			cr_assert_eq(count(&b, "id=\"check-commit\""), 0, "no command of the data");
		}
	}
	json_decref(doc);
	json_decref(calm);
	json_decref(hot);
}

Test(custody, a_hostile_seal_and_name_make_no_code_and_no_command)
{
	json_t *doc = incident(), *r = receipt_of(KAN_LIT(attack));
	kan_auto_buf struct kan_buf named = KAN_BUF(FILE_MAX), out = KAN_BUF(FILE_MAX);
	kan_json_set_bytes(doc, "bundle", KAN_LIT(attack));
	render(&named, "html", doc, r);
	cr_assert_eq(count(&named, "class=\"qr\""), 1, "the seal alone is worth a code");
	kan_json_set_bytes(doc, "seal", KAN_LIT(attack));
	render(&out, "html", doc, r);
	cr_assert_eq(count(&out, "class=\"qr\""), 0);
	cr_assert_eq(count(&out, "id=\"check-"), 0);
	cr_assert_eq(count(&out, "<script"), 0);
	json_decref(doc);
	json_decref(r);
}

Test(custody, evidence_without_a_digest_claims_none)
{
	json_t *doc = incident(), *f = NULL, *e = NULL;
	size_t i = 0, k = 0;
	kan_auto_buf struct kan_buf out = KAN_BUF(FILE_MAX);
	json_array_foreach (json_object_get(doc, "findings"), i, f)
		json_array_foreach (json_object_get(f, "evidence"), k, e)
			json_object_del(e, "sha256");
	render(&out, "html", doc, NULL);
	cr_assert_eq(count(&out, "sha256 <code></code>"), 0);
	json_decref(doc);
}

Test(custody, a_code_is_square_has_its_white_border_and_refuses_what_it_cannot_hold)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(1 << 16), again = KAN_BUF(1 << 16);
	kan_auto_buf struct kan_buf long_text = KAN_BUF(1 << 16);
	int side = kan_qr_path(&path, KAN_LIT("kanshiki"));
	cr_assert_eq(side, 21 + 2 * KAN_QR_QUIET, "version 1 holds it");
	/* the finder in the corner: seven modules wide, and nothing before it */
	cr_assert(kan_bytes_starts(kan_buf_bytes(&path), "M4 4h7v1h-7z"));
	cr_assert_eq(kan_qr_path(&again, KAN_LIT("kanshiki")), side);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&path), kan_buf_bytes(&again)));
	while (long_text.len < 5000)
		kan_buf_adds(&long_text, "x");
	cr_assert_eq(kan_qr_path(&again, kan_buf_bytes(&long_text)), 0);
	cr_assert_eq(kan_qr_path(&again, (struct kan_bytes){0}), 0);
}
