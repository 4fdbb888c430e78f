/* A copy to give away: no name, no inner address and no word of the container is left in any
 * format. */
#include <string.h>

#include "analyze/redact.h"
#include "base/row.h"
#include "incident.h"

static struct kan_redactor *redactor;

struct passing {
	kan_row_fn *fn;
	void *arg;
};

static int redacted_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const struct passing *p = arg;
	json_t *o = kan_redact_row(redactor, row);
	int rc = p->fn(o, line, p->arg, err);
	json_decref(o);
	return rc;
}

static int redacted_rows(const void *from, const char *artefact, kan_row_fn *fn, void *arg,
			 struct kan_err *err)
{
	struct passing p = {fn, arg};
	return rows_of(from, artefact, redacted_row, &p, err);
}

static json_t *redacted(void)
{
	json_t *doc = incident(), *record = json_object_get(doc, "record");
	json_object_set_new(record, "operator",
			    json_pack("{s:s,s:s,s:s}", "name", "Aiko Mori", "email",
				      "aiko@example.org", "login", "aikom"));
	json_object_set_new(record, "host",
			    json_pack("{s:s,s:s,s:s}", "name", "edge-07", "machine_id",
				      "0c4f2b6f1f7a4f0c9d6f0f4a3b2c1d00", "kernel", "6.1.0"));
	json_array_append_new(
		json_object_get(doc, "not_seen"),
		json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", "gap", "collector", "logs", "what",
			  "/home/hanako/x on edge-07", "code", "changed", "why",
			  "aikom and bob@example.net at 192.168.7.9:80, fe80::1 and 8.8.8.8"));
	redactor = kan_redactor_new();
	kan_redact_document(redactor, doc);
	return doc;
}

static void has(const struct kan_buf *text, const char *what, const char *word, bool wanted)
{
	cr_expect_eq(memmem(text->data, text->len, word, strlen(word)) != NULL, wanted, "%s: %s",
		     what, word);
}

static void none_of(const struct kan_buf *text, const char *what)
{
	static const char *const gone[] = {"Aiko Mori",
					   "aiko@",
					   "aikom",
					   "edge-07",
					   "0c4f2b6f1f7a4f0c9d6f0f4a3b2c1d00",
					   "hanako",
					   "bob@",
					   "172.17.0.",
					   "192.168.7.9",
					   "fe80::1",
					   "miner connect",
					   "/bin/shopd --",
					   "hunt\xe2\x80\xa6",
					   "evil.example/a|sh"};
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		has(text, what, gone[i], false);
}

Test(redact, no_name_no_inner_address_and_no_word_of_the_container_is_in_any_format)
{
	json_t *doc = redacted();
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, NULL);
	kan_model_from(m, redacted_rows, TOP "/tests/fixtures/report/hostile");
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(16 << 20);
		cr_assert_eq((*r)->render(&out, m, &err), 0, "%s", err.text);
		none_of(&out, (*r)->file);
	}
	kan_auto_buf struct kan_buf screen = KAN_BUF(1 << 20);
	const struct kan_screen s = {.columns = 80, .bundle_path = "b", .exit_words = "done"};
	cr_assert_eq(kan_report_terminal(&screen, m, &s, &err), 0, "%s", err.text);
	none_of(&screen, "the screen");
	has(&screen, "the screen", "redacted", true);
	kan_model_free(m);
	json_decref(doc);
	kan_redactor_free(redactor);
}

Test(redact, digests_public_peers_techniques_and_paths_stay_and_it_says_so_on_top)
{
	json_t *doc = redacted();
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, NULL);
	kan_auto_buf struct kan_buf out = KAN_BUF(16 << 20);
	static const char *const there[] = {
		"198.51.100.7",
		"8.8.8.8",
		"T1105",
		"exe.foreign",
		"/usr/bin/id",
		"user-1",
		"host-1",
		"addr-1",
		"7c184435db2647e89cf911bcce7876804617aab0bbf8acd3bea81ab5446a",
		"<strong>Redacted.</strong>"};
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		if (strcmp((*r)->name, "html") == 0)
			cr_assert_eq((*r)->render(&out, m, &err), 0, "%s", err.text);
	for (size_t i = 0; i < sizeof there / sizeof *there; i++)
		has(&out, "report.html", there[i], true);
	has(&out, "report.html", "Redacted.", true);
	const json_t *said = json_object_get(doc, "redacted");
	cr_expect_gt(kan_json_int(said, "left_out"), 10);
	cr_expect_eq(kan_json_int(said, "users"), 3, "the operator, hanako, bob");
	cr_expect_eq(kan_json_int(said, "hosts"), 1);
	kan_model_free(m);
	json_decref(doc);
	kan_redactor_free(redactor);
}

static void becomes(const char *text, const char *as)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	kan_redact_text(redactor, &out, kan_bytes_of(text));
	cr_expect_str_eq(kan_buf_str(&out), as, "%s: %s", text, kan_buf_str(&out));
}

Test(redact, the_same_name_and_address_have_the_same_number_everywhere)
{
	redactor = kan_redactor_new();
	becomes("10.0.0.1:80 -> 10.0.0.2, 10.0.0.1", "addr-1:80 -> addr-2, addr-1");
	becomes("127.0.0.1 0.0.0.0 ::1 169.254.169.254 1.1.1.1",
		"127.0.0.1 0.0.0.0 ::1 169.254.169.254 1.1.1.1");
	becomes("fd00::5 ::ffff:10.0.0.1 2606:4700::1111", "addr-3 addr-4 2606:4700::1111");
	becomes("192.168.0.0/16 100.64.0.1 172.32.0.1", "addr-5/16 addr-6 172.32.0.1");
	becomes("/home/hanako/.ssh /home/taro /home/hanako",
		"/home/user-1/.ssh /home/user-2 /home/user-1");
	becomes("/srv/home/", "/srv/home/");
	becomes("mail of hanako and a@b.example.", "mail of user-1 and user-3.");
	becomes("", "");
	kan_redactor_free(redactor);
}

Test(redact, a_megabyte_of_anything_is_passed_once)
{
	static const char *const pieces[] = {"/home/", "a@", "1.2.3.4:", "::::", "....", "\xff"};
	redactor = kan_redactor_new();
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		kan_auto_buf struct kan_buf in = KAN_BUF(2 << 20), out = KAN_BUF(32 << 20);
		while (in.len < 1 << 20)
			kan_buf_adds(&in, pieces[i]);
		kan_redact_text(redactor, &out, kan_buf_bytes(&in));
		cr_expect_not(out.failed);
	}
	kan_redactor_free(redactor);
}

Test(redact, twice_gives_the_same_bytes)
{
	json_t *a = redacted();
	kan_redactor_free(redactor);
	json_t *b = redacted();
	kan_redactor_free(redactor);
	char *x = json_dumps(a, 0), *y = json_dumps(b, 0);
	cr_expect_str_eq(x, y);
	free(x);
	free(y);
	json_decref(a);
	json_decref(b);
}
