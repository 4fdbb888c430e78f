/* Time: UTC nanoseconds with the clock named; RFC 3339 at the edges. */
#ifndef KAN_BASE_CLOCK_H
#define KAN_BASE_CLOCK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <linux/stat.h>

int64_t kan_now_ns(void);  /* CLOCK_REALTIME */
int64_t kan_boot_ns(void); /* CLOCK_BOOTTIME: durations */
int64_t kan_tick_ns(void); /* CLOCK_REALTIME_COARSE: what the kernel stamps inodes with */
int64_t kan_statx_ns(const struct statx_timestamp *t);
enum { KAN_RFC3339 = 40, KAN_COMPACT = 17 };
void kan_rfc3339(char out[KAN_RFC3339], int64_t ns);     /* 2026-11-22T05:33:12.123456789Z */
void kan_rfc3339_s(char out[KAN_RFC3339], int64_t ns);   /* 2026-11-22T05:33:12Z */
void kan_compact_utc(char out[KAN_COMPACT], int64_t ns); /* 20261122t053312z */
int kan_rfc3339_parse(int64_t *ns, const char *s,
		      struct kan_err *err); /* with offset and fraction; engine's zero time is 0 */

#endif
