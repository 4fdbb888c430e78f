/* The table of collectors, from collectors.list: declared once, then tabulated in the list's order.
 */
#include <kanshiki/collector.h>

#include <stddef.h>

#define X(name) extern const struct kan_collector kan_collector_##name;
#include "collectors_list.h"
#undef X

const struct kan_collector *const kan_collectors[] = {
#define X(name) &kan_collector_##name,
#include "collectors_list.h"
#undef X
	NULL,
};
