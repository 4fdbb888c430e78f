/* custody: one verb a file, and what they share. */
#ifndef KAN_CLI_CMD_CUSTODY_H
#define KAN_CLI_CMD_CUSTODY_H

#include <kanshiki/custody.h>

#include "cli/cmd.h"
#include "custody/signer.h"

struct kan_custody_verb {
	const char *name;
	unsigned min_words, max_words; /* behind the verb */
	const char *usage;             /* behind "kanshiki custody " */
	/* -1: refused, said on stderr. NULL: everything goes. Before a home is opened. */
	int (*check)(const struct kan_args *a);
	/* Does it need no home? Then c is NULL. NULL: it needs one. */
	bool (*bare)(const struct kan_args *a);
	/* An exit status. c: the home that is there, opened with --key. */
	int (*run)(struct kan_custody *c, const struct kan_args *a, struct kan_err *err);
};

extern const struct kan_custody_verb kan_custody_verb_note, kan_custody_verb_close;
extern const struct kan_custody_verb kan_custody_verb_push, kan_custody_verb_transfer,
	kan_custody_verb_ack, kan_custody_verb_derive, kan_custody_verb_dispose,
	kan_custody_verb_key, kan_custody_verb_anchor;

extern const char *const kan_judgement_words[]; /* of --as; NULL-terminated */

/* The home of a command that does not make one, opened with its --key. */
int kan_custody_of(struct kan_custody **out, const struct kan_args *a, struct kan_err *err);
/* With what --key names; the password of an encrypted file is asked for on the terminal. What is to
 * be said of a key is said. */
int kan_custody_with_key(struct kan_custody **out, const char *home, const struct kan_args *a,
			 struct kan_err *err);
struct kan_signer_ask kan_custody_ask_of(const struct kan_args *a);
/* "event 3 commit ..." or the document. */
int kan_print_receipt(const struct kan_receipt *r, bool json);
/* The operator, case, note and request that the options name; strings are borrowed from a. */
struct kan_act kan_custody_act_of(const struct kan_args *a);

/* The remote that url, --credentials and --remote-ca name. secret: kan_wipe_text it at the end. */
struct kan_remote;
int kan_take_remote(struct kan_remote *out, char **secret, const char *url,
		    const struct kan_args *a, struct kan_err *err);
void kan_wipe_text(char *secret); /* overwritten and freed; NULL allowed */

/* The receipt of a bundle by its name or its directory; not-found: no event brought it. */
int kan_custody_bundle(struct kan_receipt *out, struct kan_custody *c, const char *word,
		       struct kan_err *err);
/* note --verified BUNDLE. The exit status. */
int kan_note_verified(struct kan_custody *c, const struct kan_args *a, struct kan_err *err);

#endif
