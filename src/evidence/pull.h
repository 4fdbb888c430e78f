/* A file of a bundle, pulled piece by piece: for readers that ask, such as that of tar. */
#ifndef KAN_EVIDENCE_PULL_H
#define KAN_EVIDENCE_PULL_H

#include <kanshiki/bundle.h>
#include <sys/types.h>

struct kan_bundle_pull;
int kan_bundle_pull_open(struct kan_bundle_pull **out, const struct kan_bundle *b, const char *path,
			 struct kan_err *err);
/* As kan_tar_in_fn: 0 at the end, -1 on error; the piece lives until the next call. */
ssize_t kan_bundle_pull_next(void *pull, const void **p, struct kan_err *err);
/* Reads what is left and checks the digest; act on nothing before it returns 0. */
int kan_bundle_pull_end(struct kan_bundle_pull *pull, struct kan_err *err);
void kan_bundle_pull_free(struct kan_bundle_pull *pull);

#endif
