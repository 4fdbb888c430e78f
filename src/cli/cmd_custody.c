/* custody log and note, and import: the chain of who did what. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "base/clock.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "custody/act.h"

static const struct kan_option custody_options[] = {
	{"finding", 0, "F-ID", "note: the finding that it judges"},
	{"as", 0, "WORD", "note: confirmed or dismissed; the computed verdict stays"},
	{"text", 0, "TEXT", "note, close: the text, instead of the last word"},
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

struct log {
	bool json;
	uint64_t events;
};

/* "kill, failed, undo: docker start 3f2a9c41d0be" */
static void print_act(const json_t *event)
{
	const json_t *act = json_object_get(event, "act");
	const char *undo = json_string_value(json_object_get(act, "undo"));
	if (!act)
		return;
	(void)fputs("  ", stdout);
	kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(act, "do"))));
	if (json_is_false(json_object_get(json_object_get(event, "result"), "ok")))
		(void)fputs(", failed", stdout);
	if (json_is_true(json_object_get(act, "already")))
		(void)fputs(", found done", stdout);
	if (undo && *undo) {
		(void)fputs(", undo: ", stdout);
		kan_print(stdout, kan_bytes_of(undo));
	}
}

/* "F-1a2b3c4d dismissed: " */
static void print_judgement(const json_t *note)
{
	if (!json_object_get(note, "finding"))
		return;
	kan_print(stdout, kan_bytes_of(kan_json_str(note, "finding")));
	(void)fputc(' ', stdout);
	kan_print(stdout, kan_bytes_of(kan_json_str(note, "as")));
	(void)fputs(": ", stdout);
}

static int print_event(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	char when[KAN_RFC3339];
	struct log *log = arg;
	(void)err;
	log->events++;
	if (log->json)
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
		print_judgement(note);
		kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(note, "text"))));
	}
	print_act(event);
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

static const char *const judgements[] = {"confirmed", "dismissed", NULL};

/* F- and 8 hexadecimal digits, as in every report. */
static bool finding_ok(const char *id)
{
	enum { HEX = 8 };
	return strncmp(id, "F-", 2) == 0 && strlen(id) == 2 + HEX &&
	       strspn(id + 2, "0123456789abcdef") == HEX;
}

/* -1: said what is wrong. */
static int words_ok(const struct kan_args *a)
{
	const char *finding = kan_arg(a, "finding");
	bool closes = strcmp(a->words[0], "close") == 0;
	if (kan_arg_word(a, "as", judgements, 0) < 0)
		return -1;
	if (!kan_arg(a, "case"))
		kan_say("custody %s wants --case ID: see kanshiki custody log", a->words[0]);
	else if (!finding != !kan_arg(a, "as") || (closes && finding))
		kan_say("custody note --finding F-ID goes with --as confirmed or --as dismissed");
	else if (finding && !finding_ok(finding))
		kan_say("'%s' is no finding: F- and 8 digits, as in the report", finding);
	else if (a->n_words == 2 && kan_arg(a, "text"))
		kan_say("two texts: give --text or the last word");
	else if (a->n_words < 2 && !kan_arg(a, "text") && !finding)
		kan_say("custody %s wants a text", a->words[0]);
	else
		return 0;
	return -1;
}

static int note(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_receipt r = {0};
	struct kan_act act = {.case_id = kan_arg(a, "case"), .argv = a->argv};
	const char *finding = kan_arg(a, "finding"), *text = kan_arg(a, "text");
	int rc = 0;
	text = text ? text : a->n_words == 2 ? a->words[1] : "";
	if (strcmp(a->words[0], "close") == 0)
		rc = kan_custody_close(&r, c, text, &act, err);
	else if (finding)
		rc = kan_custody_judge(&r, c, finding, kan_arg(a, "as"), text, &act, err);
	else
		rc = kan_custody_note(&r, c, NULL, text, &act, err);
	return rc < 0 ? kan_say_err(err) : print_receipt(&r, kan_flag(a, "json"));
}

int kan_custody_there(const char *home, struct kan_err *err)
{
	kan_auto_free char *repo = kan_path(home, "custody.git");
	if (access(repo, F_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return kan_fail_sys(err, "%s", repo);
	return kan_fail(err, KAN_ENOTFOUND, "no repository in %s: name the home with --home", home);
}

static int print_log(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	const char *wanted = kan_arg(a, "case");
	struct log log = {.json = kan_flag(a, "json")};
	if (kan_custody_log(c, wanted, print_event, &log, err) < 0)
		return -1;
	if (wanted && !log.events)
		return kan_fail(err, KAN_ENOTFOUND, "no case '%s' here: see kanshiki custody log",
				wanted);
	return 0;
}

static int custody(const struct kan_args *a)
{
	bool log = strcmp(a->words[0], "log") == 0;
	bool writes = strcmp(a->words[0], "note") == 0 || strcmp(a->words[0], "close") == 0;
	if (log ? a->n_words != 1 : !writes) {
		kan_say("usage: kanshiki custody log | custody note --case ID TEXT | custody close "
			"--case ID TEXT");
		return KAN_EXIT_USAGE;
	}
	if (writes && words_ok(a) < 0)
		return KAN_EXIT_USAGE;
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	kan_auto_free char *home = kan_home(a);
	int status = KAN_EXIT_OK;
	int rc = kan_custody_there(home, &err);
	if (rc == 0)
		rc = kan_custody_open(&c, home, kan_arg(a, "key"), &err);
	if (rc == 0 && log)
		rc = print_log(c, a, &err);
	else if (rc == 0)
		status = note(c, a, &err);
	if (rc < 0)
		status = kan_say_err(&err);
	kan_custody_free(c);
	return status;
}

/* What was altered is not signed: our signature would vouch for it. */
static int whole_bundle(char **path, const struct kan_args *a, struct kan_err *err)
{
	struct kan_bundle *b = NULL;
	struct kan_err fault = {0};
	if (kan_find_bundle(path, a, a->words[0], err) < 0 ||
	    kan_bundle_open(&b, *path, false, err) < 0)
		return -1;
	kan_bundle_free(b);
	if (kan_bundle_verify(*path, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	if (fault.code != KAN_OK)
		return kan_fail(err, fault.code, "%s: %s", *path, fault.text);
	return 0;
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
	if (whole_bundle(&path, a, &err) < 0 ||
	    kan_custody_open(&c, home, kan_arg(a, "key"), &err) < 0 ||
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
	.args = "log | note --case ID TEXT | close --case ID TEXT",
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
