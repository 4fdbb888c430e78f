/* A sealed bundle's image against a reference from elsewhere: by the rows of its baseline. */
#ifndef KAN_ANALYZE_AGAINST_H
#define KAN_ANALYZE_AGAINST_H

#include <jansson.h>
#include <kanshiki/err.h>

#include "analyze/source.h"

struct kan_reference_from; /* image/reference.h */

enum { KAN_AGAINST_ROWS = 1000, KAN_AGAINST_ENTRIES = 2000000 };

/*
 * {image: {expected, found, same}, layers: [{layer, expected, found, same}], count, rows: [{layer,
 * path, differs, expected, found}], left_out, unread}. Call it in the sandbox: the bytes are
 * foreign. unread: files of the bundle without a digest. -1: not-found (the bundle has no
 * baseline), else as the reference. Yours.
 */
int kan_against_reference(json_t **out, const struct kan_source *s,
			  const struct kan_reference_from *from, struct kan_err *err);

#endif
