/* --tsa and --tsa-ca of every command that stamps. */
#include "cli/tsa.h"

int kan_tsa_of(struct kan_tsa *out, const struct kan_args *a)
{
	struct kan_err err = {0};
	const char *url = kan_arg(a, "tsa"), *ca = kan_arg(a, "tsa-ca");
	struct kan_tsa t = {.ask = {.url = url, .queue = true}};
	if (url && kan_stamp_url(url, &err) < 0) {
		kan_say("%s: %s", kan_arg_called(a, "tsa"), err.text);
		return -1;
	}
	if (ca && kan_tsp_ca_load(&t.ca, ca, &err) < 0) {
		kan_say("%s: %s", kan_arg_called(a, "tsa-ca"), err.text);
		return -1;
	}
	t.ask.ca = t.ca;
	*out = t;
	return 0;
}

void kan_tsa_free(struct kan_tsa *t)
{
	kan_tsp_ca_free(t->ca);
	t->ca = NULL;
}

const char *kan_stamp_word(enum kan_stamp stamp)
{
	switch (stamp) {
	case KAN_STAMP_NONE:
		return "none";
	case KAN_STAMP_QUEUED:
		return "queued";
	case KAN_STAMP_UNCHECKED:
		return "unchecked";
	case KAN_STAMP_VERIFIED:
		return "verified";
	}
	return "none";
}

enum kan_stamp kan_tsa_seal(const struct kan_tsa *t, struct kan_custody *c, const char *bundle_dir)
{
	enum kan_stamp state = KAN_STAMP_NONE;
	struct kan_err why = {0}, err = {0};
	if (kan_stamp_bundle(&state, c, bundle_dir, &t->ask, &why, &err) < 0)
		kan_say("warning: the seal has no time stamp: %s", err.text);
	else if (!t->ask.url)
		return state;
	else if (state == KAN_STAMP_QUEUED)
		kan_say("warning: %s: the request is kept, kanshiki custody anchor sends it later",
			why.text);
	else if (state == KAN_STAMP_UNCHECKED)
		kan_say("the time stamp is kept, not checked against an authority: --tsa-ca names "
			"one");
	return state;
}

void kan_tsa_commit(struct kan_buf *reply, const struct kan_tsa *t, struct kan_custody *c,
		    const struct kan_receipt *of)
{
	struct kan_err err = {0};
	if (kan_stamp_commit(reply, c, of->commit, &t->ask, &err) == 0)
		return;
	kan_buf_reset(reply);
	kan_say("warning: the commit: %s: kanshiki custody anchor asks again", err.text);
}
