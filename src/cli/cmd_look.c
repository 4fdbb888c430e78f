/* ls, cat, show: look into a sealed bundle. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/rule.h>

#include "analyze/analyze.h"
#include "analyze/rules.h"
#include "base/row.h"
#include "cli/box.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/cmd_bundles.h"
#include "cli/dataroot.h"

static const struct kan_option with_bundle[] = {
	{"bundle", 'b', "BUNDLE", "which bundle (default: the newest of the home)"},
	{NULL, 0, NULL, NULL},
};
static const struct kan_option list_options[] = {
	{"bundle", 'b', "BUNDLE", "the artefacts of this one"},
	{"root", 0, "DIR",
	 "the containers of a data root of Docker or Podman instead: of a dead disk, or a copy"},
	{NULL, 0, NULL, NULL},
};

static const struct kan_option show_options[] = {
	{"bundle", 'b', "BUNDLE", "which bundle (default: the newest of the home)"},
	{"rules", 0, "DIR", "the rules of yours that the report was made with"},
	{"accepted", 0, "FILE", "the accepted findings that the report was made with"},
	{"yara", 0, "FILE|DIR", "the YARA rules that the report was made with"},
	{NULL, 0, NULL, NULL},
};

/* Open it in the readers' sandbox: from here on nothing else can be read. yara: of show, or NULL.
 */
static int open_boxed(struct kan_bundle **out, struct kan_buf *yara, const struct kan_args *a,
		      const char *word, struct kan_err *err)
{
	kan_auto_free char *path = NULL;
	if (kan_find_bundle(&path, a, word, err) < 0)
		return -1;
	if (yara && (kan_check_given(kan_arg(a, "rules"), kan_arg(a, "accepted"), err) < 0 ||
		     kan_scan_yara(yara, path, kan_arg(a, "yara"), err) < 0))
		return -1;
	const char *rules = yara ? kan_arg(a, "rules") : NULL,
		   *accepted = yara ? kan_arg(a, "accepted") : NULL;
	const char *read_paths[] = {path, rules ? rules : path, accepted ? accepted : path, NULL},
		   *write_paths[] = {NULL};
	if (kan_box(read_paths, write_paths, err) < 0)
		return -1;
	return kan_bundle_open(out, path, false, err);
}

static void print_file(const struct kan_bundle_file *f, json_t *files)
{
	if (files)
		json_array_append_new(files, json_pack("{s:s,s:s,s:I}", "path", f->path, "sha256",
						       f->sha256, "octets", (json_int_t)f->size));
	else
		(void)printf("%s %12llu  %s\n", f->sha256, (unsigned long long)f->size, f->path);
}

static int list(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	if (kan_arg(a, "root"))
		return kan_list_root(a);
	if (!a->n_words && !kan_arg(a, "bundle"))
		return kan_list_bundles(a);
	json_auto_t *doc = kan_flag(a, "json") ? json_object() : NULL;
	json_t *files = doc ? json_array() : NULL;
	json_object_set_new(doc, "files", files);
	if (open_boxed(&b, NULL, a, a->n_words ? a->words[0] : kan_arg(a, "bundle"), &err) < 0)
		return kan_say_err(&err);
	for (size_t i = 0; i < kan_bundle_count(b); i++)
		print_file(kan_bundle_file(b, i), files);
	if (doc) {
		json_object_set_new(doc, "schema", json_string("kanshiki.ls/1"));
		kan_json_set_bytes(doc, "bundle", kan_bytes_of(kan_bundle_name(b)));
		kan_json_set_bytes(doc, "seal", kan_bytes_of(kan_bundle_seal(b)));
	}
	kan_bundle_free(b);
	return doc ? kan_print_json(doc) : KAN_EXIT_OK;
}

static int write_out(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)arg;
	kan_stdout_taken();
	if (fwrite(piece.p, 1, piece.n, stdout) != piece.n)
		return kan_fail_sys(err, "standard output");
	return 0;
}

static int cat(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	if (open_boxed(&b, NULL, a, kan_arg(a, "bundle"), &err) < 0 ||
	    kan_bundle_stream(b, a->words[0], write_out, NULL, &err) < 0) {
		kan_bundle_free(b);
		return kan_say_err(&err);
	}
	kan_bundle_free(b);
	return KAN_EXIT_OK;
}

static void print_text(const char *label, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	if (kan_json_bytes(&text, o, key, NULL) < 0 || !text.len)
		return;
	(void)printf("%-10s", label);
	kan_print(stdout, kan_buf_bytes(&text));
	(void)fputc('\n', stdout);
}

static void print_evidence(const json_t *e)
{
	const json_t *row = json_object_get(e, "row");
	(void)fputs("evidence  ", stdout);
	kan_print(stdout, kan_bytes_of(kan_json_str(e, "artefact")));
	if (row)
		(void)printf(" row %lld", (long long)json_integer_value(row));
	if (*kan_json_str(e, "sha256"))
		(void)printf(" sha256 %.64s", kan_json_str(e, "sha256"));
	(void)fputc('\n', stdout);
}

/* As an entry of --accepted has it. */
static void print_key(const json_t *key)
{
	char *text = json_dumps(json_array_size(key) == 1 ? json_array_get(key, 0) : key,
				JSON_COMPACT | JSON_ENCODE_ANY);
	(void)fputs("key       ", stdout);
	kan_print(stdout, kan_bytes_of(text ? text : ""));
	(void)fputc('\n', stdout);
	free(text);
}

/* number 0: it has been accepted. */
static void print_finding(const json_t *f, size_t number)
{
	size_t i = 0;
	json_t *e = NULL;
	if (number)
		(void)printf("#%zu ", number);
	print_text("", f, "id");
	print_text("rule", f, "rule");
	print_text("severity", f, "severity");
	print_text("title", f, "title");
	print_text("says", f, "says");
	print_text("why", f, "why");
	if (json_object_get(f, "key"))
		print_key(json_object_get(f, "key"));
	json_array_foreach (json_object_get(f, "evidence"), i, e) {
		print_evidence(e);
	}
	json_array_foreach (json_object_get(f, "next"), i, e) {
		(void)fputs("next      ", stdout);
		kan_print(stdout, kan_bytes_of(json_string_value(e)));
		(void)fputc('\n', stdout);
	}
}

static void print_accepted(const json_t *entry)
{
	print_text("accepted", entry, "reason");
	print_text("by", entry, "by");
	print_text("until", entry, "expires");
}

/* A finding; or the entry that accepted it, with it. */
static int print_document(const json_t *found)
{
	json_auto_t *o = json_copy((json_t *)(uintptr_t)found);
	json_object_set_new(o, "schema", json_string("kanshiki.show/1"));
	return kan_print_json(o);
}

static int find_finding(const json_t *analysis, const char *asked, bool json)
{
	size_t i = 0;
	json_t *f = NULL;
	const char *number = asked[0] == '#' ? asked + 1 : asked;
	char *end = NULL;
	unsigned long long n = strtoull(number, &end, 10);
	bool numeric = end != number && !*end;
	json_array_foreach (json_object_get(analysis, "findings"), i, f) {
		const char *id = json_string_value(json_object_get(f, "id"));
		if (numeric ? n != i + 1 : !id || strcmp(id, asked) != 0)
			continue;
		if (json)
			return print_document(f);
		print_finding(f, i + 1);
		return KAN_EXIT_OK;
	}
	json_array_foreach (json_object_get(analysis, "suppressed"), i, f) {
		const json_t *of = json_object_get(f, "finding");
		if (!of || strcmp(kan_json_str(of, "id"), asked) != 0)
			continue;
		if (json)
			return print_document(f);
		print_accepted(f);
		print_finding(of, 0);
		return KAN_EXIT_OK;
	}
	kan_say("%s: no such finding; there are %zu", asked,
		json_array_size(json_object_get(analysis, "findings")));
	return KAN_EXIT_NOT_FOUND;
}

static int show(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	struct kan_rules *rules = NULL;
	json_t *analysis = NULL;
	int status = KAN_EXIT_OK;
	kan_auto_buf struct kan_buf yara = KAN_BUF(0);
	if (open_boxed(&b, &yara, a, kan_arg(a, "bundle"), &err) < 0 ||
	    kan_take_rules(&rules, kan_arg(a, "rules"), &err) < 0 ||
	    kan_rules_accept(rules, kan_arg(a, "accepted"), &err) < 0 ||
	    kan_analyze_with(&analysis, b, rules, kan_buf_bytes(&yara), &err) < 0)
		status = kan_say_err(&err);
	else
		status = find_finding(analysis, a->words[0], kan_flag(a, "json"));
	json_decref(analysis);
	kan_rules_free(rules);
	kan_bundle_free(b);
	return status;
}

extern const struct kan_command kan_cmd_ls, kan_cmd_cat, kan_cmd_show;
const struct kan_command kan_cmd_ls = {
	.name = "ls",
	.args = "[BUNDLE | --root DIR]",
	.summary = "the bundles of the home; the artefacts of one; the containers of a data root",
	.options = list_options,
	.max_words = 1,
	.run = list,
};
const struct kan_command kan_cmd_cat = {
	.name = "cat",
	.args = "[-b BUNDLE] PATH",
	.summary = "the bytes of one artefact (data/...)",
	.options = with_bundle,
	.min_words = 1,
	.max_words = 1,
	.run = cat,
};
const struct kan_command kan_cmd_show = {
	.name = "show",
	.args = "[-b BUNDLE] ID|'#N'",
	.summary = "one finding with its evidence: artefact, row, digest",
	.options = show_options,
	.min_words = 1,
	.max_words = 1,
	.run = show,
};
