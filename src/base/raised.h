/* What --max-bytes does to a limit. */
#ifndef KAN_BASE_RAISED_H
#define KAN_BASE_RAISED_H

#include <stdint.h>

/* asked: 0 when nothing was. It raises, and never lowers. */
static inline uint64_t kan_raised(uint64_t asked, uint64_t usual)
{
	return asked > usual ? asked : usual;
}

#endif
