/* What a directory is to a reader: a sealed bundle, a .partial, or neither. */
#ifndef KAN_EVIDENCE_BUNDLEOPEN_H
#define KAN_EVIDENCE_BUNDLEOPEN_H

#include <kanshiki/err.h>
#include <stdbool.h>

enum kan_bag_kind { KAN_BAG_NONE, KAN_BAG_UNSEALED, KAN_BAG_SEALED };
/* The directory itself, no link. not-found when it is no directory. */
int kan_bag_open_dir(int *fd, const char *dir, struct kan_err *err);
enum kan_bag_kind kan_bag_kind_of(int dir_fd, const char *dir);
/* Does the last component of the path end in ".partial"? */
bool kan_bag_says_partial(const char *dir);

#endif
