/* Did taking it disturb it: members and connections before the pause ended and right after. */
#ifndef KAN_ANALYZE_AFTER_H
#define KAN_ANALYZE_AFTER_H

#include "analyze/facts.h"

/* record.self_check: {processes, connections, says}. A container that runs changes by itself: what
 * differs is told, and not why. Yours. */
json_t *kan_after(const struct kan_facts *f);

#endif
