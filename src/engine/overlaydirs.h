/* Inside the engine room: the directories of an overlay, found by path and opened. */
#ifndef KAN_ENGINE_OVERLAYDIRS_H
#define KAN_ENGINE_OVERLAYDIRS_H

#include <kanshiki/target.h>

enum { KAN_OVERLAY_LAYERS = 512, KAN_OVERLAY_PATH = 4096 };

/* "/data/overlay2/x" below "/data" is "overlay2/x"; relative ones are relative to the driver's
 * directory. false: it is not below. */
bool kan_overlay_below(char out[KAN_OVERLAY_PATH], const struct kan_target *t, const char *path);
/* A name that an engine gives a directory. */
bool kan_overlay_word(const char *s);
/* One layer; no link is followed but the engine's own short ones. */
int kan_overlay_open(struct kan_layer *out, const struct kan_target *t, const char *path,
		     struct kan_err *err);
/* Into the target. list: ':'-separated, topmost first; upper: where it was found beside, or NULL.
 * On failure what is open already stays for kan_overlay_drop. */
int kan_overlay_upper(struct kan_target *t, const char *path, struct kan_err *err);
int kan_overlay_lowers(struct kan_target *t, const char *list, const char *upper,
		       struct kan_err *err);
void kan_overlay_drop(struct kan_target *t); /* the lower directories */

#endif
