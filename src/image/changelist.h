/* The engine's list of what it calls changed: cut into elements as it comes, sorted when all came.
 */
#ifndef KAN_IMAGE_CHANGELIST_H
#define KAN_IMAGE_CHANGELIST_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

#include "base/digest.h"

enum {
	KAN_CHANGELIST_MAX = 2000000,
	KAN_CHANGELIST_NAMES = (256 << 20) - 1, /* and no more of memory */
	KAN_CHANGELIST_ELEMENT = 1 << 20,       /* of JSON: a path of 128 KiB, escaped */
	KAN_CHANGELIST_PATH = 128 << 10,
};

enum kan_listed_kind { KAN_LISTED_MODIFIED, KAN_LISTED_ADDED, KAN_LISTED_DELETED };

/* A path of the list, and what was met under it since. */
struct kan_listed {
	uint64_t at;   /* of its path in the list's names */
	uint64_t size; /* of what was met */
	uint32_t n;
	uint8_t kind;
	uint8_t type; /* S_IFMT >> 12 of what was met; 0 */
	bool parent;  /* something in it is listed */
	bool mixed;   /* names that JSON cannot tell apart, one there and one deleted */
	bool digest, stored;
	uint16_t times, met; /* JSON has no bytes: names that are no UTF-8 may be one text */
	uint8_t sha256[KAN_SHA256_SIZE];
};

struct kan_changelist;
struct kan_changelist *kan_changelist_new(void);
void kan_changelist_free(struct kan_changelist *l);
/* In pieces of any size. -1: format, limit. What came before it stays. */
int kan_changelist_feed(struct kan_changelist *l, struct kan_bytes piece, struct kan_err *err);
/* All has been fed, or no more is wanted: it is sorted. -1 format: it ended within. */
int kan_changelist_finish(struct kan_changelist *l, struct kan_err *err);

size_t kan_changelist_count(const struct kan_changelist *l);
struct kan_listed *kan_changelist_at(struct kan_changelist *l, size_t i);
struct kan_bytes kan_changelist_path(const struct kan_changelist *l, const struct kan_listed *e);
/* By the exact bytes of a path; what is no UTF-8 is looked up as the engine writes it. NULL. */
struct kan_listed *kan_changelist_find(struct kan_changelist *l, struct kan_bytes path);
/* Elements without a path that could lie in a tree, or of a kind that is none: left out. */
uint64_t kan_changelist_bad(const struct kan_changelist *l);

#endif
