/* Capabilities by name: those that the kernel has in effect, and those that the engine gives. */
#ifndef KAN_ANALYZE_CAPS_H
#define KAN_ANALYZE_CAPS_H

#include "analyze/facts.h"

/* What the container's configuration gives its processes at most, as a mask; false: not known. */
bool kan_caps_given(uint64_t *out, const json_t *inspect);
/* What a process has in effect, as far as it counts outside a user namespace that it made for
 * itself; false: the row does not say. */
bool kan_caps_effective(uint64_t *out, const json_t *row, const struct kan_facts *f);
/* Names of a mask, lowest bit first; a bit without a name as its number. Yours. */
json_t *kan_caps_names(uint64_t mask);
/* The columns caps and caps.beyond of a process. */
void kan_join_caps(json_t *extra, const json_t *row, const struct kan_facts *f);

#endif
