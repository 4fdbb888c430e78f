/* Names that were met, as 64 bits of a seeded SHA-256 each: small, and nobody can aim at a
 * collision. */
#ifndef KAN_IMAGE_NAMESET_H
#define KAN_IMAGE_NAMESET_H

#include <kanshiki/bytes.h>

enum { KAN_NAMESET_PATH = 4096 }; /* PATH_MAX: no longer name can be unpacked */

/* What a name is in a layer; the same name may be several. */
enum kan_name_kind {
	KAN_NAME_MEMBER = 'm',
	KAN_NAME_ABOVE = 'a', /* a directory that something lies in */
	KAN_NAME_WHITEOUT = 'w',
	KAN_NAME_OPAQUE = 'o',
};

struct kan_nameset;
struct kan_nameset *kan_nameset_new(size_t max);
void kan_nameset_free(struct kan_nameset *s);
/* A name did not fit, by number or by length: what is not met may have been there. */
bool kan_nameset_full(const struct kan_nameset *s);
/* false: it was there before. */
bool kan_nameset_add(struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path);
bool kan_nameset_has(const struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path);
/* Each directory that path lies in, "/" too. */
void kan_nameset_add_above(struct kan_nameset *s, struct kan_bytes path);

#endif
