/* What may stand where, read off the tables of the parser. */
#include "cli/completion.h"

#include <string.h>

#include <kanshiki/collector.h>
#include <kanshiki/report.h>

const char *const kan_words_collectors[] = {NULL}, *const kan_words_formats[] = {NULL};

/* One format may be several files, each with a line in the registry. */
static const char *format(size_t i)
{
	for (const struct kan_report *const *r = kan_reports; *r; r++) {
		bool again = r != kan_reports && strcmp(r[0]->name, r[-1]->name) == 0;
		if (!again && i-- == 0)
			return (*r)->name;
	}
	return NULL;
}

static const char *collector(size_t i)
{
	for (const struct kan_collector *const *c = kan_collectors; *c; c++)
		if (i-- == 0)
			return (*c)->name;
	return NULL;
}

const char *kan_offer_word(const struct kan_option *o, size_t i)
{
	if (o->words == kan_words_collectors)
		return collector(i);
	return o->words == kan_words_formats ? format(i) : o->words[i];
}

static enum kan_offer by_name(const char *text)
{
	static const struct {
		const char *in;
		enum kan_offer offer;
	} names[] = {
		{"CONTAINER", KAN_OFFER_CONTAINERS},
		{"BUNDLE", KAN_OFFER_BUNDLES},
		{"FILE", KAN_OFFER_FILES},
		{"KEY", KAN_OFFER_FILES},
		{"DIR", KAN_OFFER_DIRS},
		{"WHAT", KAN_OFFER_FILES}, /* an archive */
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strstr(text, names[i].in))
			return names[i].offer;
	return KAN_OFFER_NOTHING;
}

enum kan_offer kan_offer_of(const struct kan_option *o)
{
	if (!o->arg)
		return KAN_OFFER_NOTHING;
	if (o->words)
		return strcmp(o->arg, "LIST") == 0 ? KAN_OFFER_LIST : KAN_OFFER_WORDS;
	if (strcmp(o->name, "bundle") == 0)
		return KAN_OFFER_BUNDLES;
	return by_name(o->arg);
}

static const char blanks[] = " []|.";

enum kan_offer kan_offer_words(const struct kan_command *c)
{
	char verb[KAN_VERB], token[64];
	enum kan_offer found = KAN_OFFER_NOTHING;
	bool value = false; /* of the option before it */
	for (const char *at = c->args; *(at += strspn(at, blanks)) && !found;) {
		size_t n = strcspn(at, blanks);
		(void)snprintf(token, sizeof(token), "%.*s", (int)n, at);
		if (!value && token[0] != '-' && strcmp(token, "OPTIONS") != 0)
			found = by_name(token);
		value = token[0] == '-' && token[1] && strcmp(token, "--partial") != 0;
		at += n;
	}
	/* Some verb takes a bundle, another one a file. */
	return kan_offer_verb(verb, c, 0) && c->max_words > 1 ? KAN_OFFER_BUNDLES : found;
}

bool kan_offer_verb(char out[KAN_VERB], const struct kan_command *c, size_t i)
{
	static const char small[] = "abcdefghijklmnopqrstuvwxyz";
	for (const char *at = c->args; *at;) {
		at += strspn(at, " |");
		size_t n = strspn(at, small);
		bool verb = n && n < KAN_VERB && strchr(" |", at[n]);
		if (verb && i-- == 0) {
			(void)snprintf(out, KAN_VERB, "%.*s", (int)n, at);
			return true;
		}
		at += strcspn(at, "|");
	}
	return false;
}
