/* A record of /dev/kmsg, as the kernel's Documentation/ABI/testing/dev-kmsg has it: pure parsers.
 */
#ifndef KAN_KERNEL_KMSG_H
#define KAN_KERNEL_KMSG_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum { KAN_KMSG_OCTETS = 16 << 10 }; /* of one record; the kernel's own are shorter */

struct kan_kmsg {
	unsigned prio; /* facility * 8 + level */
	uint64_t seq;
	uint64_t us; /* of the kernel's local clock: since boot, time asleep not counted */
	struct kan_bytes text; /* borrowed; what is not printable stands as \x1b */
};
int kan_kmsg_parse(struct kan_kmsg *out, struct kan_bytes record, struct kan_err *err);

/* Each pid that the text names, as "x[4711]" or "pid=4711"; not ppid=. true from fn stops. */
typedef bool kan_kmsg_pid_fn(pid_t pid, void *arg);
bool kan_kmsg_pids(struct kan_bytes text, kan_kmsg_pid_fn *fn, void *arg);

#endif
