/* The receipt of a bundle, looked up again in a repository that may be anybody's. */
#ifndef KAN_CUSTODY_RECEIPT_H
#define KAN_CUSTODY_RECEIPT_H

#include <kanshiki/custody.h>

/*
 * Of the first event that brought a bundle with the seal of bundle_dir: 1 found, 0 not (or it is
 * not sealed), -1 error. Reads files alone: no configuration, no lock, no git; makes nothing. Ids
 * are computed anew on the way there, signatures are not checked. Whoever calls it bounds its time
 * and memory: libgit2 opens what lies in objects/.
 */
int kan_custody_find_receipt(struct kan_receipt *out, const char *repo, const char *bundle_dir,
			     struct kan_err *err);

#endif
