/* How far the image was checked, and what came of it: the rungs of docs/image-integrity.md. */
#ifndef KAN_ANALYZE_INTEGRITY_H
#define KAN_ANALYZE_INTEGRITY_H

#include "analyze/facts.h"

/*
 * {says, reached, rungs: [{rung, what, result, layers, verified, damaged, not_done, why}],
 * damaged_paths, reference_paths, modified: [{path, package}]}. Of rung 5 the counts are of files,
 * and modified is there when there are such. NULL: the bundle has no such rows. Yours. -1: the
 * evidence was altered.
 */
int kan_image_integrity(json_t **out, const struct kan_facts *f, struct kan_err *err);
/* A row about a path: does it differ only in what honest tools change too? As KAN_DAMAGE_NOTED of
 * image/layerdir.h. */
bool kan_integrity_noted(const json_t *row);

#endif
