/*
 * Every report of the incident's fixture, with one and the same poison in every string of the
 * evidence: of the document and of the rows that are streamed. Written below KAN_POISONED, a
 * directory a poison, for test_formats.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "tests/unit/reports/incident.h"

enum { FILE_MAX = 512 << 20, LARGE = 1 << 20 };

struct poison {
	const char *name;
	struct kan_bytes bytes;
	bool once; /* of each key the first alone: it is large */
	json_t *seen;
};

/* What our own program wrote, of words that are ours: a kind decides what a row is. */
static bool is_ours(const char *key)
{
	static const char *const keys[] = {"kind",       "state",     "change", "where",
					   "peer_scope", "sock_dir",  "rules",  "techniques",
					   "seal",       "schema",    "bundle", "generator",
					   "verdict",    "collector", "code",   "could_show"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	size_t n = strlen(key);
	return n > 4 && strcmp(key + n - 4, "_b64") == 0;
}

static bool wanted(struct poison *p, const char *key)
{
	if (is_ours(key) || (p->once && json_object_get(p->seen, key)))
		return false;
	json_object_set_new(p->seen, key, json_true());
	return true;
}

/* A list of strings, as rows have it: text, and the exact bytes beside it. */
static void poison_list(json_t *row, const char *key, struct kan_bytes with)
{
	char twin_key[128];
	json_t *one = json_object(), *twin = json_array();
	kan_json_set_bytes(one, "v", with);
	kan_auto_buf struct kan_buf b64 = KAN_BUF(4 * LARGE);
	kan_base64(&b64, with);
	json_array_append_new(twin, json_string(kan_buf_str(&b64)));
	(void)snprintf(twin_key, sizeof twin_key, "%s_b64", key);
	json_object_set_new(row, key, json_pack("[O]", json_object_get(one, "v")));
	json_object_set_new(row, twin_key, twin);
	json_decref(one);
}

static void poison_value(json_t *v, struct poison *p);

static void poison_row(json_t *row, struct poison *p)
{
	json_t *copy = json_copy(row), *v = NULL;
	const char *key = NULL;
	json_object_foreach (copy, key, v) {
		if (json_is_string(v)) {
			if (wanted(p, key))
				kan_json_set_bytes(row, key, p->bytes);
		} else if (json_is_string(json_array_get(v, 0))) {
			if (wanted(p, key))
				poison_list(row, key, p->bytes);
		} else if (!is_ours(key)) {
			poison_value(v, p);
		}
	}
	json_decref(copy);
}

static void poison_value(json_t *v, struct poison *p)
{
	size_t i = 0;
	json_t *kid = NULL;
	if (json_is_object(v))
		poison_row(v, p);
	json_array_foreach (v, i, kid)
		poison_value(kid, p);
}

/* Of a finding: what it quotes. Its rule's words, its id and its evidence's place are ours. */
static void poison_finding(json_t *finding, struct poison *p)
{
	size_t i = 0;
	json_t *part = NULL;
	poison_value(json_object_get(finding, "objects"), p);
	json_array_foreach (json_object_get(finding, "parts"), i, part)
		if (json_object_get(part, "value"))
			poison_value(part, p);
	kan_json_set_bytes(finding, "says", p->bytes);
}

static void poison_document(json_t *doc, struct poison *p)
{
	const char *key = NULL;
	json_t *v = NULL, *f = NULL;
	size_t i = 0;
	json_array_foreach (json_object_get(doc, "findings"), i, f)
		poison_finding(f, p);
	json_object_foreach (doc, key, v)
		if (strcmp(key, "findings") != 0 && !is_ours(key))
			poison_value(v, p);
}

struct stream {
	struct poison *p;
	kan_row_fn *fn;
	void *arg;
};

static int on_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct stream *s = arg;
	json_t *mine = json_deep_copy(row);
	poison_row(mine, s->p);
	int rc = s->fn(mine, line, s->arg, err);
	json_decref(mine);
	return rc;
}

static int poisoned_rows(const void *from, const char *artefact, kan_row_fn *fn, void *arg,
			 struct kan_err *err)
{
	struct poison p = *(const struct poison *)from;
	struct stream s = {&p, fn, arg};
	p.seen = json_object();
	int rc = rows_of(TOP "/tests/fixtures/report/hostile", artefact, on_row, &s, err);
	json_decref(p.seen);
	return rc;
}

static void keep(const char *dir, const char *file, const struct kan_buf *b)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", dir, file);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f, "%s", path);
	cr_assert_eq(fwrite(b->data, 1, b->len, f), b->len);
	cr_assert_eq(fclose(f), 0);
}

/* Two findings of posture, which the fixture does not have: of a row, and of a whole document. */
static void add_posture(json_t *doc)
{
	json_t *list = json_object_get(doc, "findings");
	for (int i = 0; i < 2; i++) {
		json_t *f = json_deep_copy(json_array_get(list, 0));
		json_object_set_new(f, "class", json_string("posture"));
		json_object_set_new(f, "n", json_integer((json_int_t)json_array_size(list) + 1));
		if (i)
			json_object_del(json_array_get(json_object_get(f, "evidence"), 0), "row");
		json_array_append_new(list, f);
	}
}

static void write_all(struct poison *p, const char *top)
{
	char dir[256];
	struct kan_err err = {0};
	json_t *doc = incident();
	add_posture(doc);
	p->seen = json_object();
	if (p->bytes.n)
		poison_document(doc, p);
	json_decref(p->seen);
	struct kan_model *m = model_of(doc, NULL);
	if (p->bytes.n)
		kan_model_from(m, poisoned_rows, p);
	(void)snprintf(dir, sizeof dir, "%s/%s", top, p->name);
	cr_assert_eq(mkdir(dir, 0700), 0, "%s", dir);
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(FILE_MAX);
		cr_assert_eq((*r)->render(&out, m, &err), 0, "%s: %s", (*r)->name, err.text);
		keep(dir, (*r)->file, &out);
	}
	const struct kan_screen screen = {.columns = 80,
					  .bundle_path = "/b",
					  .report_path = "/r",
					  .exit_words = "all that was asked for is preserved"};
	kan_auto_buf struct kan_buf out = KAN_BUF(FILE_MAX);
	cr_assert_eq(kan_report_terminal(&out, m, &screen, &err), 0, "%s", err.text);
	keep(dir, "screen.txt", &out);
	kan_model_free(m);
	json_decref(doc);
}

static const char attack[] = "\x1b[2J\x1b]0;pwn\x07\r\n<script>alert(1)</script><img src=x "
			     "onerror=alert(2)>\"' onload=\"x\" ](javascript:alert(3)) ```` ` | "
			     "[a](http://evil.example) <!-- ]]> &lt; %0a \\x41 \n# heading\n"
			     "</style><svg/onload=alert(4)></code></table>";

Test(poisoned, every_report_with_every_poison)
{
	const char *top = getenv("KAN_POISONED");
	kan_auto_buf struct kan_buf large = KAN_BUF(4 * LARGE);
	cr_assert_not_null(top, "KAN_POISONED names no directory");
	while (large.len < LARGE)
		kan_buf_adds(&large, "<b>\"&'\xff\n=|");
	struct poison all[] = {
		{.name = "none"},
		{.name = "escapes", .bytes = KAN_LIT(attack)},
		{.name = "bidi",
		 .bytes = KAN_LIT("a\xe2\x80\xaetxt.exe\xe2\x81\xa6\xe2\x80\xab\xc2\x9b"
				  "31m\xe2\x80\x8f\xd8\x9c")},
		{.name = "octets", .bytes = KAN_LIT("a\0b\xff\xfe\xc0\x80\xed\xa0\x80\x00")},
		{.name = "equals", .bytes = KAN_LIT("=HYPERLINK(\"http://evil.example\",\"x\")")},
		{.name = "plus", .bytes = KAN_LIT("+cmd|' /C calc'!A0")},
		{.name = "minus", .bytes = KAN_LIT("-2+3")},
		{.name = "at", .bytes = KAN_LIT("@SUM(1;1)")},
		{.name = "tab", .bytes = KAN_LIT("\t=1+1")},
		{.name = "return", .bytes = KAN_LIT("\r=1+1")},
		{.name = "large", .bytes = kan_buf_bytes(&large), .once = true},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		write_all(&all[i], top);
}
