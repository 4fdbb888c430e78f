/* A sealed bundle's image against a reference from elsewhere: by the rows of its baseline. */
#ifndef KAN_ANALYZE_AGAINST_H
#define KAN_ANALYZE_AGAINST_H

#include <jansson.h>
#include <kanshiki/err.h>

#include "analyze/source.h"

struct kan_reference_from; /* image/reference.h */

enum { KAN_AGAINST_ENTRIES = 2000000 };

/* {layer, path, differs, expected, found}: a path that differs; borrowed. -1 stops it. */
typedef int kan_against_fn(const json_t *row, void *arg, struct kan_err *err);
/*
 * Rows go by as they are found, in the bundle's order and then the reference's, and none is held.
 * out: {image: {expected, found, same}, layers: [{layer, expected, found, same}], count, noted,
 * unread}; noted: of count, those that differ only in what honest tools change too; unread: files
 * of the bundle without a digest. Call it in the sandbox: the bytes are foreign. -1: not-found
 * (the bundle has no baseline), tamper (before the first row), else as the reference. Yours.
 */
int kan_against_reference(json_t **out, const struct kan_source *s,
			  const struct kan_reference_from *from, kan_against_fn *fn, void *arg,
			  struct kan_err *err);

#endif
