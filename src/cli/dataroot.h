/* ls --root: the containers of a data root, by its files alone. */
#ifndef KAN_CLI_DATAROOT_H
#define KAN_CLI_DATAROOT_H

#include "cli/cmd.h"

int kan_list_root(const struct kan_args *a); /* the exit status */

#endif
