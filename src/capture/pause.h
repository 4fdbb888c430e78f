/* Inside the capture room: the state of a pause of ours, for lease, conductor and guard. */
#ifndef KAN_CAPTURE_PAUSE_H
#define KAN_CAPTURE_PAUSE_H

#include "capture/lease.h"

#include <stdatomic.h>

/* Shared memory of lease, conductor and guard; unmapped in the collectors' children, who read what
 * the suspect controls. */
struct kan_lease_share {
	_Atomic int held;            /* a pause is ours, or may be */
	_Atomic int by_kernel;       /* it was made through the cgroup's own file */
	_Atomic int64_t deadline_ns; /* CLOCK_BOOTTIME: the lease resumes by then */
};

void kan_pause_nap(long us);
/* 1 frozen, 0 not, -1 unknown: without a cgroup only the engine's word is left. */
int kan_pause_frozen(const struct kan_lease_setup *s);
/* 1 nothing is held, not even by half; 0 not so; -1 unknown. */
int kan_pause_thawed(const struct kan_lease_setup *s);
/* What was to be paused has ended. With a restart policy there may be a new life under its id. */
bool kan_pause_gone(const struct kan_lease_setup *s);
bool kan_pause_by_kernel(const struct kan_lease_setup *s);
/* Ours from now on, or no more. */
void kan_pause_held(const struct kan_lease_setup *s, bool held);
/* Shut the freezer through the cgroup's own file and wait for the kernel's word, until_ns at most.
 */
bool kan_pause_freeze(const struct kan_lease_setup *s, int64_t until_ns);
/* Wait until it is frozen; again is written every now and then (v1 may need it). */
bool kan_pause_wait(const struct kan_lease_setup *s, bool again, int64_t until_ns);
/* After a thaw behind the engine's back: did somebody have the engine pause it meanwhile? Then it
 * is frozen again, for that pause is not ours. */
bool kan_pause_of_another(const struct kan_lease_setup *s);
/* What a person types to resume it; a pause by the kernel is none that the engine could take back.
 */
enum { KAN_PAUSE_BY_HAND = 4608 };
void kan_pause_by_hand(char out[KAN_PAUSE_BY_HAND], const struct kan_lease_setup *s);
/* How a pause ended without the conductor. */
struct kan_pause_end {
	const char *by;                /* lease, guard */
	int64_t paused_ns, resumed_ns; /* CLOCK_BOOTTIME; 0: not known, not resumed */
	bool kept;                     /* it stays, as --on-fail says */
	const char *why;
};
/* lease.json. A whole bag is not written into any more: that would be an alteration. */
void kan_pause_write(int bundle_fd, const struct kan_pause_end *end);

#endif
