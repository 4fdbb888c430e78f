/* The hard links met so far: what was read under one name is not read again under another. */
#ifndef KAN_IMAGE_LINKS_H
#define KAN_IMAGE_LINKS_H

#include "image/file.h"

enum { KAN_LINKS_MAX = 65536, KAN_LINKS_NAMES = 8 << 20 };

struct kan_links;
struct kan_links *kan_links_new(void);
void kan_links_free(struct kan_links *l);
/*
 * Is another name of this inode known? Then content, digest and hardlink of f are set (hardlink
 * lives as long as l); when that was its last name, the inode is forgotten with the next call.
 */
bool kan_links_find(struct kan_file *f, struct kan_links *l);
/* f was read and its nlink is over 1. Not kept beyond the limits: full() tells. */
void kan_links_add(struct kan_links *l, const struct kan_file *f);
bool kan_links_full(const struct kan_links *l);

#endif
