/* A password, asked for on the terminal that the process has. */
#ifndef KAN_CLI_PASSWORD_H
#define KAN_CLI_PASSWORD_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/*
 * One line from /dev/tty without echo, for the key at path; arg is not used. unsupported: no
 * terminal; denied: given up with ^C or ^D, or no answer within two minutes. out's owner wipes it.
 */
int kan_ask_password(struct kan_buf *out, const char *path, void *arg, struct kan_err *err);

#endif
