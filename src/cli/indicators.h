/* The file of --indicators. */
#ifndef KAN_CLI_INDICATORS_H
#define KAN_CLI_INDICATORS_H

#include "kernel/indicators.h"

/* Before anything is paused. name NULL: *out stays NULL. -1: it was said what is wrong with it. */
int kan_read_indicators(struct kan_indicators **out, const char *name);

#endif
