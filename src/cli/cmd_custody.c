/* custody log and note, and import: the chain of who did what. */
#include <stdlib.h>
#include <string.h>

#include <kanshiki/custody.h>

#include "base/clock.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"

static const struct kan_option custody_options[] = {
	{"case", 0, "ID", "which case (log: default all)"},
	{"key", 0, "FILE", "sign with this Ed25519 key (default: the home's host key)"},
	{NULL, 0, NULL, NULL},
};
static const struct kan_option import_options[] = {
	{"case", 0, "ID", "the case (default: the one in the bundle)"},
	{"key", 0, "FILE", "sign with this Ed25519 key (default: the home's host key)"},
	{"note", 0, "TEXT", "why"},
	{NULL, 0, NULL, NULL},
};

static int print_event(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	char when[KAN_RFC3339];
	(void)err;
	if (*(bool *)arg)
		return kan_print_json(event) == KAN_EXIT_OK ? 0 : -1;
	const json_t *who = json_object_get(event, "who"), *note = json_object_get(event, "note");
	kan_rfc3339_s(when, json_integer_value(
				    json_object_get(json_object_get(event, "when"), "utc_ns")));
	(void)printf("%-20s %3lld %-8s %.12s  ", when,
		     (long long)json_integer_value(json_object_get(event, "seq")),
		     json_string_value(json_object_get(event, "type")), commit);
	kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(event, "case"))));
	(void)fputs("  ", stdout);
	kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(who, "name"))));
	if (note) {
		(void)fputs("  ", stdout);
		kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(note, "text"))));
	}
	(void)fputc('\n', stdout);
	return 0;
}

static int print_receipt(const struct kan_receipt *r, bool json)
{
	if (json) {
		json_t *o = kan_receipt_json(r);
		int status = kan_print_json(o);
		json_decref(o);
		return status;
	}
	(void)printf("event %u commit %s\n", r->event, r->commit);
	return KAN_EXIT_OK;
}

static int note(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_receipt r = {0};
	struct kan_act act = {.case_id = kan_arg(a, "case"), .argv = a->argv};
	if (!act.case_id) {
		kan_say("custody note wants --case ID: see kanshiki custody log");
		return KAN_EXIT_USAGE;
	}
	if (kan_custody_note(&r, c, NULL, a->words[1], &act, err) < 0)
		return kan_say_err(err);
	return print_receipt(&r, kan_flag(a, "json"));
}

static int custody(const struct kan_args *a)
{
	bool log = strcmp(a->words[0], "log") == 0, json = kan_flag(a, "json");
	if (log ? a->n_words != 1 : strcmp(a->words[0], "note") != 0 || a->n_words != 2) {
		kan_say("usage: kanshiki custody log | custody note --case ID TEXT");
		return KAN_EXIT_USAGE;
	}
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	kan_auto_free char *home = kan_home(a);
	int status = KAN_EXIT_OK;
	int rc = kan_custody_open(&c, home, kan_arg(a, "key"), &err);
	if (rc == 0 && log)
		rc = kan_custody_log(c, kan_arg(a, "case"), print_event, &json, &err);
	else if (rc == 0)
		status = note(c, a, &err);
	if (rc < 0)
		status = kan_say_err(&err);
	kan_custody_free(c);
	return status;
}

static int import(const struct kan_args *a)
{
	struct kan_custody *c = NULL;
	struct kan_receipt r = {0};
	struct kan_err err = {0};
	struct kan_act act = {
		.case_id = kan_arg(a, "case"), .purpose = kan_arg(a, "note"), .argv = a->argv};
	kan_auto_free char *home = kan_home(a);
	kan_auto_free char *path = NULL;
	int status = KAN_EXIT_OK;
	if (kan_custody_open(&c, home, kan_arg(a, "key"), &err) < 0 ||
	    kan_find_bundle(&path, a, a->words[0], &err) < 0 ||
	    kan_custody_sign(c, path, &err) < 0 ||
	    kan_custody_commit(&r, c, path, "import", &act, &err) < 0)
		status = kan_say_err(&err);
	else
		status = print_receipt(&r, kan_flag(a, "json"));
	kan_custody_free(c);
	return status;
}

extern const struct kan_command kan_cmd_custody, kan_cmd_import;
const struct kan_command kan_cmd_custody = {
	.name = "custody",
	.args = "log | note --case ID TEXT",
	.summary = "the chain of events: who did what with the evidence, when",
	.options = custody_options,
	.min_words = 1,
	.max_words = 2,
	.run = custody,
};
const struct kan_command kan_cmd_import = {
	.name = "import",
	.args = "[OPTIONS] BUNDLE",
	.summary = "commit a sealed bundle directory that has no commit here",
	.options = import_options,
	.min_words = 1,
	.max_words = 1,
	.run = import,
};
