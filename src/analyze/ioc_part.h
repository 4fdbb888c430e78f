/* Inside the indicators: what matching and sieving share. */
#ifndef KAN_ANALYZE_IOC_PART_H
#define KAN_ANALYZE_IOC_PART_H

#include "analyze/ioc.h"

enum { KAN_IOC_DIGITS = 64 };

bool kan_ioc_same_network(const struct kan_ioc *ioc, const uint8_t *address);
bool kan_ioc_in_address(uint8_t c); /* a character of addresses: hex digits, colon, dot */

#endif
