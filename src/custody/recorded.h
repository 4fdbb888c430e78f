/* Which bundles a repository has taken in, with their seals, and what was derived from them. */
#ifndef KAN_CUSTODY_RECORDED_H
#define KAN_CUSTODY_RECORDED_H

#include <jansson.h>
#include <kanshiki/err.h>

/*
 * {bundle: {case, seals: [64 hex], derived: [64 hex]}} of every bundle that an event brought, or of
 * those of one case (NULL: all). derived: the digests that each file of this name had in the derive
 * events of the bundle; NULL: none is looked up. Yours. Reads files alone, as
 * kan_custody_find_receipt, and is bounded by whoever calls it.
 */
int kan_custody_recorded(json_t **out, const char *repo, const char *case_id, const char *derived,
			 struct kan_err *err);

#endif
