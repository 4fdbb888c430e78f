/* custody: the table of its verbs, and log. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "base/clock.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/password.h"
#include "custody/move.h"
#include "custody/signer.h"

static const struct kan_option options[] = {
	{"finding", 0, "F-ID", "note: the finding that it judges"},
	{"as", 0, "WORD", "note: confirmed or dismissed; the computed verdict stays",
	 kan_judgement_words},
	{"text", 0, "TEXT", "note, close: the text, instead of the last word"},
	{"case", 0, "ID", "which case (log: default all)"},
	{"key", 0, "KEY", KAN_KEY_HELP},
	{"operator", 0, "'NAME <EMAIL>'", "key: whose it is"},
	{"verified", 0, "BUNDLE", "note: verify it now, and record what it said"},
	{"bundle", 0, "NAME",
	 "transfer: this one instead of all of the case; dispose: of this one"},
	{"to", 0, "WHO", "transfer: the receiver"},
	{"method", 0, "HOW", "transfer: how it travels"},
	{"reference", 0, "TEXT", "transfer: a ticket, a consignment number"},
	{"out", 'o', "FILE",
	 "transfer: the lines to sign; ack --sign: the signature; key: make an Ed25519 key there"},
	{"sign", 0, "FILE", "ack, at the receiver: the lines that transfer wrote"},
	{"signature", 0, "FILE", "ack, at the giver: what the receiver signed"},
	{"by", 0, "WHO", "ack, at the giver: the receiver"},
	{"allowed-signers", 0, "FILE", "ack, at the giver: whom to trust with it"},
	{"file", 0, "PATH", "dispose: data/..., several with commas"},
	{"reason", 0, "TEXT", "dispose: why its keeping ends"},
	{"authority", 0, "TEXT", "dispose: who decided it"},
	{"yes", 0, NULL, "dispose: do not ask"},
	{"break-lock", 0, NULL,
	 "remove the lock on main that a killed git left; only when no git runs"},
	{"credentials", 0, "FILE",
	 "push: NAME:PASSWORD for an http(s) remote, in a file of mode 0600"},
	{"remote-ca", 0, "FILE",
	 "push: PEM certificates that vouch for an https remote (else the system's)"},
	{"tsa", 0, "URL", "anchor: the time stamp authority that is asked"},
	{"tsa-ca", 0, "FILE", "anchor: PEM certificates of the authorities whose stamps count"},
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

static void print_text(const char *before, const json_t *in, const char *key)
{
	const char *text = kan_json_str(in, key);
	if (!*text)
		return;
	(void)fputs(before, stdout);
	kan_print(stdout, kan_bytes_of(text));
}

/* To whom and how; by whom; what is gone and on whose word; which proof. */
static void print_more(const json_t *event)
{
	const json_t *transfer = json_object_get(event, "transfer"), *gone;
	size_t i;
	print_text("  to ", transfer, "to");
	print_text(" by ", transfer, "method");
	print_text(", ", transfer, "reference");
	print_text("  received by ", json_object_get(event, "ack"), "by");
	print_text("  ", json_object_get(event, "anchor"), "kind");
	print_text(" over ", json_object_get(event, "anchor"), "commit");
	print_text(" over the seal ", json_object_get(event, "anchor"), "seal");
	json_array_foreach (json_object_get(event, "dispose"), i, gone)
		print_text(i ? ", " : "  disposed of ", gone, "path");
	if (json_object_get(event, "dispose"))
		print_text(" on the authority of ", json_object_get(event, "why"), "authority");
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
	print_more(event);
	(void)fputc('\n', stdout);
	return 0;
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

int kan_custody_there(const char *home, struct kan_err *err)
{
	kan_auto_free char *repo = kan_path(home, "custody.git");
	if (access(repo, F_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return kan_fail_sys(err, "%s", repo);
	return kan_fail(err, KAN_ENOTFOUND, "no repository in %s: name the home with --home", home);
}

int kan_print_receipt(const struct kan_receipt *r, bool json)
{
	if (json) {
		json_auto_t *o = kan_receipt_json(r);
		json_object_set_new(o, "schema", json_string("kanshiki.receipt/1"));
		return kan_print_json(o);
	}
	(void)printf("event %u commit %s\n", r->event, r->commit);
	return KAN_EXIT_OK;
}

struct kan_signer_ask kan_custody_ask_of(const struct kan_args *a)
{
	return (struct kan_signer_ask){.spec = kan_arg(a, "key"), .password = kan_ask_password};
}

int kan_custody_with_key(struct kan_custody **out, const char *home, const struct kan_args *a,
			 struct kan_err *err)
{
	const struct kan_signer_ask ask = kan_custody_ask_of(a);
	if (kan_custody_open_as(out, home, &ask, err) < 0)
		return -1;
	if (kan_custody_warning(*out))
		kan_say("warning: %s", kan_custody_warning(*out));
	return 0;
}

int kan_custody_of(struct kan_custody **out, const struct kan_args *a, struct kan_err *err)
{
	kan_auto_free char *home = kan_home(a);
	if (kan_custody_there(home, err) < 0)
		return -1;
	return kan_custody_with_key(out, home, a, err);
}

struct kan_act kan_custody_act_of(const struct kan_args *a)
{
	return (struct kan_act){
		.case_id = kan_arg(a, "case"),
		.purpose = kan_arg(a, "note"),
		.argv = a->argv,
	};
}

static int log_events(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	return print_log(c, a, err) < 0 ? kan_say_err(err) : KAN_EXIT_OK;
}

static const struct kan_custody_verb verb_log = {
	.name = "log",
	.usage = "log [--case ID]",
	.run = log_events,
};

static const struct kan_custody_verb *const verbs[] = {
	&verb_log,
	&kan_custody_verb_note,
	&kan_custody_verb_close,
	&kan_custody_verb_anchor,
	&kan_custody_verb_key,
	&kan_custody_verb_transfer,
	&kan_custody_verb_ack,
	&kan_custody_verb_push,
	&kan_custody_verb_derive,
	&kan_custody_verb_dispose,
	NULL,
};

/* Of the verb that was meant; of none of them: each on a line of its own. */
static int usage(const struct kan_custody_verb *verb, const char *word)
{
	if (verb) {
		kan_say("usage: kanshiki custody %s", verb->usage);
		return KAN_EXIT_USAGE;
	}
	kan_say("'%s' is no verb of custody. There are:", word);
	for (const struct kan_custody_verb *const *v = verbs; *v; v++)
		(void)fprintf(stderr, "  kanshiki custody %s\n", (*v)->usage);
	return KAN_EXIT_USAGE;
}

static int run(const struct kan_args *a)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	const struct kan_custody_verb *const *v = verbs;
	while (*v && strcmp((*v)->name, a->words[0]) != 0)
		v++;
	if (!*v || a->n_words - 1 < (*v)->min_words || a->n_words - 1 > (*v)->max_words)
		return usage(*v, a->words[0]);
	if ((*v)->check && (*v)->check(a) < 0)
		return KAN_EXIT_USAGE;
	bool bare = (*v)->bare && (*v)->bare(a);
	int status = bare ? 0 : kan_custody_of(&c, a, &err);
	if (status == 0 && c && kan_flag(a, "break-lock"))
		status = kan_custody_break_lock(c, &err);
	if (status == 1)
		kan_say("the lock on main is removed");
	status = status < 0 ? kan_say_err(&err) : (*v)->run(c, a, &err);
	kan_custody_free(c);
	return status;
}

extern const struct kan_command kan_cmd_custody;
const struct kan_command kan_cmd_custody = {
	.name = "custody",
	.args = "log | note | close | transfer | ack | push | anchor | derive | dispose | key",
	.summary = "the chain of events: who did what with the evidence, when",
	.options = options,
	.min_words = 1,
	.max_words = 3,
	.run = run,
};
