/* Who holds which socket: read once in the pause, by the collector that reads all descriptors, and
 * told to the one that reads the sockets. */
#ifndef KAN_EVIDENCE_HOLDERS_H
#define KAN_EVIDENCE_HOLDERS_H

#include <kanshiki/sink.h>
#include <stdatomic.h>

#include "kernel/owners.h"

/* Shared by the children of one capture (MAP_SHARED|MAP_ANONYMOUS); pages are used as it fills. */
struct kan_holders {
	_Atomic int state;
	pid_t by; /* who has promised */
	bool frozen;
	size_t n;
	uint64_t seen;
	struct kan_owner v[KAN_OWNERS_MAX];
};
/* Longer than blocked memory can keep the one who reads. */
enum { KAN_HOLDERS_WAIT_MS = 60000 };

/* Before the window: this collector will tell. Nothing is promised where nothing is shared. */
void kan_holders_promise(struct kan_sink *s);
/* Once, after a promise. o NULL: it could not be read. frozen: all of it was read in the pause. */
void kan_holders_tell(struct kan_sink *s, const struct kan_owners *o, bool frozen);
/* Has somebody promised? Final once the window is entered. */
bool kan_holders_promised(const struct kan_sink *s);
/* Wait for what was promised, for as long as who has promised lives; unsorted into out (zeroed by
 * the caller; its own). false: it did not come. */
bool kan_holders_wait(struct kan_owners *out, bool *frozen, const struct kan_sink *s);

#endif
