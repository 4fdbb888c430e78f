/* Names of a layer's tar: pure. What a path means, and where it would lie in the layer's directory.
 */
#ifndef KAN_IMAGE_LAYERNAME_H
#define KAN_IMAGE_LAYERNAME_H

#include <kanshiki/bytes.h>

enum kan_layer_name {
	KAN_LAYER_NAME_ENTRY,
	KAN_LAYER_NAME_WHITEOUT, /* .wh.NAME: path is that of NAME */
	KAN_LAYER_NAME_OPAQUE,   /* .wh..wh..opq: path is that of its directory */
	KAN_LAYER_NAME_AUFS,     /* that store's own, at the root: nobody else unpacks it */
	KAN_LAYER_NAME_BAD,      /* ".." in it, or a NUL: leads out, never looked up */
};
/*
 * path (emptied first): "/" or "/a/b", without empty and "." components. out->max bounds it: beyond
 * is BAD.
 */
enum kan_layer_name kan_layer_name(struct kan_buf *path, struct kan_bytes member);
/* The same of a tree that knows no marks: false when it is BAD. */
bool kan_layer_path(struct kan_buf *path, struct kan_bytes member);
/* The directory that it lies in: "/" for "/a"; empty for "/". */
struct kan_bytes kan_layer_above(struct kan_bytes path);
/* Its name there; "/" of "/". */
struct kan_bytes kan_layer_last(struct kan_bytes path);
/* The first name of path, which is taken off; empty: there is none. */
struct kan_bytes kan_layer_next(struct kan_bytes *path);

#endif
