/* ls of a home: its bundles, a line each. */
#ifndef KAN_CLI_CMD_BUNDLES_H
#define KAN_CLI_CMD_BUNDLES_H

#include "cli/cmd.h"

int kan_list_bundles(const struct kan_args *a); /* the exit status */

#endif
