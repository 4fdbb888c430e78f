/* --tsa and --tsa-ca: the time stamp authority of a command, and one warning when it gives none. */
#ifndef KAN_CLI_TSA_H
#define KAN_CLI_TSA_H

#include "cli/cmd.h"
#include "custody/stamp.h"

struct kan_tsa {
	struct kan_stamp_ask ask;
	struct kan_tsp_ca *ca;
};
/* -1: said what is wrong. Without --tsa nobody is asked. */
int kan_tsa_of(struct kan_tsa *out, const struct kan_args *a);
void kan_tsa_free(struct kan_tsa *t);

/* Warnings on stderr, never a failure. The seal's, and the word of it for a document. Without --tsa
 * what a crash left of a stamp is put right, and no more. */
enum kan_stamp kan_tsa_seal(const struct kan_tsa *t, struct kan_custody *c, const char *bundle_dir);
const char *kan_stamp_word(enum kan_stamp stamp);
/* Of the commit that the receipt names; empty: there is none. */
void kan_tsa_commit(struct kan_buf *reply, const struct kan_tsa *t, struct kan_custody *c,
		    const struct kan_receipt *of);

#endif
