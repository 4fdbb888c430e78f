/* Words of a capture's command line that would otherwise be noticed when the collecting is done. */
#ifndef KAN_CLI_CAPTURE_CHECK_H
#define KAN_CLI_CAPTURE_CHECK_H

#include "cli/cmd.h"

int kan_capture_check(const struct kan_args *a); /* -1: said what is wrong on stderr */

#endif
