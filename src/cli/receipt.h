/* The receipt of a bundle for its reports: plain JSON, since reports never see custody. */
#ifndef KAN_CLI_RECEIPT_H
#define KAN_CLI_RECEIPT_H

#include "cli/cmd.h"

/*
 * *out: as kan_receipt_json gives it, yours, or NULL: none. From --receipt FILE, else from the
 * custody repository of the home. What keeps the second from being read is said on stderr and is
 * no error.
 */
int kan_take_receipt(json_t **out, const struct kan_args *a, const char *bundle,
		     struct kan_err *err);

#endif
