/* Completion of the shells, from the tables of the parser: what may stand where. */
#ifndef KAN_CLI_COMPLETION_H
#define KAN_CLI_COMPLETION_H

#include "cli/cmd.h"

enum kan_offer {
	KAN_OFFER_NOTHING,
	KAN_OFFER_WORDS, /* one of them */
	KAN_OFFER_LIST,  /* some of them, with commas */
	KAN_OFFER_FILES,
	KAN_OFFER_DIRS,
	KAN_OFFER_BUNDLES,    /* names of the home, or paths */
	KAN_OFFER_CONTAINERS, /* names of the engine */
};

/* Of an option that takes a value. */
enum kan_offer kan_offer_of(const struct kan_option *o);
/* Of a command's words, behind its verb where it has verbs; by its usage line. */
enum kan_offer kan_offer_words(const struct kan_command *c);
/* The i-th word of an option with words; NULL behind the last. */
const char *kan_offer_word(const struct kan_option *o, size_t i);

enum { KAN_VERB = 32 };
/* The i-th verb of a command's usage line ("log | note | ..."); false behind the last. */
bool kan_offer_verb(char out[KAN_VERB], const struct kan_command *c, size_t i);

/* The scripts. Every name that is not in a table is asked for by the shell, with
 * `kanshiki completion bundles|containers`, and is a string there that nothing evaluates. */
void kan_completion_bash(FILE *out);
void kan_completion_zsh(FILE *out);
void kan_completion_fish(FILE *out);

#endif
