/* What a quarantine is asked for, what it would do, and whether it may. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/quarantine.h"

enum { ANSWER = 512 };

/* In this order they are done, whatever order they are asked for in. */
static const enum kan_respond_do order[KAN_ACTS] = {
	KAN_RESPOND_PAUSE, KAN_RESPOND_DISCONNECT, KAN_RESPOND_NO_RESTART,
	KAN_RESPOND_STOP,  KAN_RESPOND_KILL,       KAN_RESPOND_LABEL,
};

static int word_index(const char *at, size_t n)
{
	for (int i = 0; kan_respond_words[i]; i++)
		if (strlen(kan_respond_words[i]) == n && strncmp(kan_respond_words[i], at, n) == 0)
			return i;
	return -1;
}

/* A set of bits, one an act; 0: said what is wrong. */
static unsigned asked_for(const char *list)
{
	unsigned set = 0;
	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ",");
		int i = word_index(at, n);
		if (i < 0) {
			kan_say("--action takes pause, disconnect, no-restart, stop, kill and "
				"label, "
				"with commas, not '%.*s'",
				(int)(n > 64 ? 64 : n), at);
			return 0;
		}
		set |= 1u << i;
		at += n + (at[n] == ',');
	}
	if (!set)
		kan_say("--action is empty: name an act, or leave it out for pause,disconnect");
	return set;
}

int kan_quarantine_words(struct kan_quarantine *q, const struct kan_args *a)
{
	const char *list = kan_arg(a, "action");
	unsigned set = asked_for(list ? list : "pause,disconnect");
	int fail = kan_arg_word(a, "on-fail", kan_on_fail_words, 0);
	if (!set || fail < 0)
		return -1;
	for (size_t i = 0; i < KAN_ACTS; i++)
		if (set & 1u << order[i])
			q->what[q->n++] = order[i];
	q->undo = kan_flag(a, "undo");
	q->loses = kan_flag(a, "yes-loses-original");
	q->job.request.then.stay_paused = fail == 1;
	if (q->undo && (list || kan_flag(a, "dry-run"))) {
		kan_say("--undo takes back what was done: it goes without --action and --dry-run; "
			"custody log tells what that is");
		return -1;
	}
	return 0;
}

static bool is_its_name(const struct kan_quarantine *q, const char *line)
{
	return *line && (strcmp(line, q->name) == 0 || strcmp(line, q->id) == 0 ||
			 (strlen(line) >= 12 && strncmp(line, q->id, strlen(line)) == 0));
}

static bool confirmed(const struct kan_quarantine *q)
{
	char line[ANSWER] = "";
	if (kan_flag(q->job.a, "yes"))
		return true;
	if (!isatty(STDIN_FILENO)) {
		kan_say("this changes the container: --yes, or a terminal to ask on; --dry-run "
			"tells what would be done");
		return false;
	}
	(void)fprintf(stderr, "%s ", q->undo ? "This takes back what was done to" : "This acts on");
	kan_print(stderr, kan_bytes_of(q->name));
	(void)fprintf(stderr, " (%.12s)%s", q->id, q->undo ? "" : ":");
	for (size_t i = 0; !q->undo && i < q->n; i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", kan_respond_words[q->what[i]]);
	(void)fputs(". Type its name: ", stderr);
	if (fgets(line, sizeof line, stdin))
		line[strcspn(line, "\n")] = 0;
	if (is_its_name(q, line))
		return true;
	kan_say("that is not its name: nothing was done");
	return false;
}

bool kan_quarantine_confirmed(struct kan_quarantine *q)
{
	if (confirmed(q))
		return true;
	q->status = KAN_EXIT_REFUSED;
	if (q->job.json)
		kan_quarantine_say(q, NULL, NULL);
	return false;
}
