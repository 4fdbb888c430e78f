/* Many bundles read by a few children in the readers' sandbox, their answers taken in order. */
#ifndef KAN_CLI_POOL_H
#define KAN_CLI_POOL_H

#include <jansson.h>
#include <kanshiki/err.h>

/* A child reads so many, then the next one does: one bundle's limits are not another's, and what a
 * hostile one may do ends there. */
enum { KAN_POOL_BATCH = 64, KAN_POOL_ANSWER = 64 << 20, KAN_POOL_DEPTH = 16 };

struct kan_pool {
	size_t n;
	const char *const *readable;          /* NULL-terminated: all that a child can read */
	json_t *(*work)(size_t i, void *arg); /* in a child; its answer is taken */
	/* In this process, in the order of i. answer NULL: why tells how its reader ended. */
	void (*take)(size_t i, const json_t *answer, const char *why, void *arg);
	void *arg;
};
/* -1 only when no child can be had. What the kernel does not give the sandbox is said once. */
int kan_pool_run(const struct kan_pool *pool, struct kan_err *err);
/* One answer of one child, with one path to read. Yours. */
int kan_pool_ask(json_t **out, const char *readable, json_t *(*work)(size_t i, void *arg),
		 void *arg, struct kan_err *err);

#endif
