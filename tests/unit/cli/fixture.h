/* A small command table of the tests' own. */
#ifndef KAN_TEST_CLI_FIXTURE_H
#define KAN_TEST_CLI_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"

extern const struct kan_command test_command;

/* What was said on stderr, after cr_redirect_stderr. */
static inline const char *test_said(char *out, size_t n)
{
	FILE *f = cr_get_redirected_stderr();
	(void)fflush(stderr);
	size_t got = fread(out, 1, n - 1, f);
	out[got] = 0;
	return out;
}

#endif
