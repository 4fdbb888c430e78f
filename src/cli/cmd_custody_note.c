/* custody note and close: what people know, and that a case is over. */
#include <stdlib.h>
#include <string.h>

#include <kanshiki/custody.h>

#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "custody/act.h"

const char *const kan_judgement_words[] = {"confirmed", "dismissed", NULL};

/* F- and 8 hexadecimal digits, as in every report. */
static bool finding_ok(const char *id)
{
	enum { HEX = 8 };
	return strncmp(id, "F-", 2) == 0 && strlen(id) == 2 + HEX &&
	       strspn(id + 2, "0123456789abcdef") == HEX;
}

/* -1: said what is wrong. */
static int check(const struct kan_args *a)
{
	const char *finding = kan_arg(a, "finding");
	bool closes = strcmp(a->words[0], "close") == 0;
	if (kan_arg_word(a, "as", kan_judgement_words, 0) < 0)
		return -1;
	if (kan_arg(a, "verified") && !closes && !finding && a->n_words == 1)
		return 0;
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

static int run(struct kan_custody *c, const struct kan_args *a, struct kan_err *err)
{
	struct kan_receipt r = {0};
	struct kan_act act = {.case_id = kan_arg(a, "case"), .argv = a->argv};
	const char *finding = kan_arg(a, "finding"), *text = kan_arg(a, "text");
	int rc = 0;
	if (kan_arg(a, "verified"))
		return kan_note_verified(c, a, err);
	text = text ? text : a->n_words == 2 ? a->words[1] : "";
	if (strcmp(a->words[0], "close") == 0)
		rc = kan_custody_close(&r, c, text, &act, err);
	else if (finding)
		rc = kan_custody_judge(&r, c, finding, kan_arg(a, "as"), text, &act, err);
	else
		rc = kan_custody_note(&r, c, NULL, text, &act, err);
	return rc < 0 ? kan_say_err(err) : kan_print_receipt(&r, kan_flag(a, "json"));
}

const struct kan_custody_verb kan_custody_verb_note = {
	.name = "note",
	.max_words = 1,
	.usage = "note --case ID TEXT",
	.check = check,
	.run = run,
};
const struct kan_custody_verb kan_custody_verb_close = {
	.name = "close",
	.max_words = 1,
	.usage = "close --case ID TEXT",
	.check = check,
	.run = run,
};
