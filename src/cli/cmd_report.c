/* report: render a sealed bundle again; writes files, commits nothing. */
#include <stdlib.h>
#include <string.h>

#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/receipt.h"

static const char *const labels[] = {"RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR", NULL};

static const struct kan_option options[] = {
	{"format", 0, "LIST",
	 "html, md, json (default: these three), timeline, bodyfile, csv, stix, navigator, sarif, "
	 "sbom",
	 kan_words_formats},
	{"case", 0, "ID",
	 "one report over all bundles and custody events of this case: html, md, json, timeline, "
	 "csv"},
	{"out", 'o', "DIR", "where the files go (default: the home's reports/<bundle>)"},
	{"rules", 0, "DIR",
	 "rules of yours: they add to the shipped ones, replace them by id, or turn them off"},
	{"accepted", 0, "FILE",
	 "findings that you have accepted: out of the verdict, and still listed"},
	{"yara", 0, "FILE|DIR",
	 "these YARA rules over its changed files, carved bytes and logs, too"},
	{"lang", 0, "LANG", "of report.html and report.md: en (default) or ja", kan_languages},
	{"redact", 0, NULL,
	 "a copy to give away: people, hosts and inner addresses as numbers, and nothing that the "
	 "container says"},
	{"tlp", 0, "LABEL",
	 "RED, AMBER+STRICT, AMBER, GREEN or CLEAR: the label of TLP 2.0 on top of what has a "
	 "place "
	 "for one",
	 labels},
	{"receipt", 0, "FILE",
	 "the receipt of its commit, as capture --json or import --json printed it (default: "
	 "looked "
	 "up in the home's custody repository)"},
	{"fail-on", 0, "SEVERITY",
	 "exit 9 when there is a finding of low, medium, high, critical or above",
	 kan_severity_words},
	{NULL, 0, NULL, NULL},
};

static char *default_dir(const struct kan_args *a, const char *bundle)
{
	const char *out = kan_arg(a, "out"), *slash = NULL;
	if (out)
		return kan_absolute(out);
	for (const char *c = bundle; *c; c++)
		slash = *c == '/' ? c : slash;
	kan_auto_free char *home = kan_home(a);
	kan_auto_free char *reports = kan_path(home, "reports");
	kan_auto_free char *whole = kan_path(reports, slash ? slash + 1 : bundle);
	/* It is no other version of the whole one, and not beside it. */
	char *copy = NULL;
	if (kan_flag(a, "redact") && asprintf(&copy, "%s-redacted", whole) < 0)
		abort();
	return copy ? copy : kan_xstrdup(whole);
}

/* What the screen names: a file that was written. */
static char *named(const char *dir, const char *formats)
{
	return formats && !strstr(formats, "html") ? kan_xstrdup(dir)
						   : kan_path(dir, "report.html");
}

static int render(struct kan_read *read, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_free char *bundle = NULL;
	if (kan_find_bundle(&bundle, a, a->n_words ? a->words[0] : NULL, err) < 0)
		return -1;
	kan_auto_free char *dir = default_dir(a, bundle);
	kan_auto_free char *shown = named(dir, kan_arg(a, "format"));
	json_auto_t *receipt = NULL;
	if (kan_take_receipt(&receipt, a, bundle, err) < 0)
		return -1;
	struct kan_reading r = {
		.bundle = bundle,
		.out_dir = dir,
		.formats = kan_arg(a, "format"),
		.rules = kan_arg(a, "rules"),
		.accepted = kan_arg(a, "accepted"),
		.yara = kan_arg(a, "yara"),
		.lang = kan_arg(a, "lang"),
		.redact = kan_flag(a, "redact"),
		.tlp = kan_arg(a, "tlp"),
		.receipt = receipt,
		.colour = kan_colour(a),
		.fail_on = kan_arg(a, "fail-on"),
		.report_path = shown,
		.done = "the reports are written",
	};
	return kan_own_dir(dir, err) < 0 ? -1 : kan_read_bundle(read, &r, err);
}

static int run(const struct kan_args *a)
{
	struct kan_read read = {0};
	struct kan_err err = {0};
	if (kan_arg_word(a, "tlp", labels, 0) < 0 || kan_arg_word(a, "lang", kan_languages, 0) < 0)
		return KAN_EXIT_USAGE;
	if (kan_arg(a, "case"))
		return kan_report_case(a);
	if (render(&read, a, &err) < 0)
		return kan_say_err(&err);
	int status = read.status;
	if (kan_flag(a, "json")) {
		json_object_del(read.model, "screen");
		json_object_set_new(read.model, "schema", json_string("kanshiki.reports/1"));
		(void)kan_print_json(read.model);
	} else {
		(void)fputs(read.screen, stdout);
	}
	kan_read_free(&read);
	return status;
}

extern const struct kan_command kan_cmd_report;
const struct kan_command kan_cmd_report = {
	.name = "report",
	.args = "[OPTIONS] [BUNDLE]",
	.summary = "analyse a sealed bundle again and write its reports",
	.options = options,
	.min_words = 0,
	.max_words = 1,
	.run = run,
};
