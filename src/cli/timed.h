/* A question that may never be answered, asked by a child that can be ended. */
#ifndef KAN_CLI_TIMED_H
#define KAN_CLI_TIMED_H

#include <jansson.h>
#include <kanshiki/err.h>

/* 0 and a document, or -1. Runs in the child: what it changes of itself is gone with it. */
typedef int kan_timed_fn(json_t **out, const void *arg, struct kan_err *err);
/* -1: what fn said, or engine with sys ETIMEDOUT after so many seconds. The document is yours. */
int kan_timed(json_t **out, unsigned seconds, kan_timed_fn *fn, const void *arg,
	      struct kan_err *err);

#endif
