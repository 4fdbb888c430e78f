/* One at a time: runs about the same container, or for the same request, wait for each other. */
#ifndef KAN_CLI_TURN_H
#define KAN_CLI_TURN_H

#include <kanshiki/err.h>

/*
 * The lock of key in the home, which is made when it is not there. *fd is yours: closing it, or
 * our end, lets the next one go on. Whoever has to wait says for whom. refused: not within seconds.
 */
int kan_take_turn(int *fd, const char *home, const char *key, unsigned seconds,
		  struct kan_err *err);

#endif
