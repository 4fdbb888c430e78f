/* Every step that changes the disk, counted: the process ends at the n-th, or it fails. Linked with
 * --wrap. */
#ifndef KAN_TEST_EVIDENCE_FAULT_H
#define KAN_TEST_EVIDENCE_FAULT_H

#include <stdbool.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_DIE_BEFORE,
	FAULT_DIE_TORN, /* half of a write is done; other steps are done whole */
	FAULT_ENOSPC,
	FAULT_EIO,
};
enum { FAULT_DIED = 99 };
/* From now on; step counts from 1. Nothing is synced for real: only what the files look like is
 * tested. */
void fault_set(enum fault_kind kind, int step);
/* Has the step been reached? */
bool fault_hit(void);

#endif
