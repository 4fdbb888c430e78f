/* A bag verified by a child in the readers' sandbox, as verify does it: counts, and the first
 * fault. */
#ifndef KAN_CLI_CHECKED_H
#define KAN_CLI_CHECKED_H

#include <kanshiki/err.h>
#include <stdbool.h>

struct kan_checked {
	unsigned ok, failed, not_done;
	bool incomplete;
	char first[KAN_ERR_TEXT];
};
/* -1: it could not be done. */
int kan_check_bag(struct kan_checked *out, const char *dir, struct kan_err *err);
const char *kan_checked_word(const struct kan_checked *n); /* verified, incomplete, tampered */

#endif
