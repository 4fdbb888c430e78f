/* Volumes of the local driver, below the data root. */
#ifndef KAN_COLLECTORS_MOUNTVOLUME_H
#define KAN_COLLECTORS_MOUNTVOLUME_H

#include <kanshiki/target.h>

#include "image/mountfiles.h"

bool kan_volume_name_ok(const char *name);
/* Is its directory only the place of a mount? 1, 0; -1: its options are there and cannot be read.
 */
int kan_volume_elsewhere(const struct kan_target *t, const char *name, struct kan_err *err);
/* unsupported: something is mounted on it. */
int kan_volume_enter(struct kan_entered *e, const struct kan_target *t, const char *name,
		     struct kan_err *err);

#endif
