/* A bundle that comes as a tar, from a file or standard input: unpacked by a child in the sandbox.
 */
#ifndef KAN_CLI_CARRY_H
#define KAN_CLI_CARRY_H

#include <kanshiki/err.h>

#include "evidence/carry.h"

/*
 * Into <parent>/<bundle>.import.partial; parent is a directory of ours. word "-": standard input.
 * The child sees the parent directory and the file, nothing else. On -1 nothing of it is left.
 */
int kan_carry_unpack(struct kan_carried *out, const char *parent, const char *word,
		     struct kan_err *err);

#endif
