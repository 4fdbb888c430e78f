/* Where only the engine can be asked: its list of changes, and of its export what the list names.
 */
#ifndef KAN_IMAGE_EXPORTED_H
#define KAN_IMAGE_EXPORTED_H

#include <kanshiki/err.h>
#include <stdint.h>

struct kan_target;
struct kan_sink;

#define KAN_EXPORTED_STREAM (UINT64_C(64) << 30) /* octets of an export that are looked at */
#define KAN_EXPORTED_KEPT (UINT64_C(4) << 30)    /* of them in upper.tar; --max-bytes raises it */
#define KAN_EXPORTED_LIST (UINT64_C(1) << 30)    /* octets of the list */
enum { KAN_EXPORTED_PACE_S = 30, KAN_EXPORTED_PACE = 64 << 10 }; /* slower is no progress */

/*
 * Rows to changes.ndjson, content to upper.tar, the list as it came to engine-changes.json. What
 * the engine cannot give is said once. A list that is not whole: then every member of the export
 * is a row, and only what the list names has a word. items: rows. -1: evidence cannot be written.
 */
int kan_exported_take(uint64_t *items, const struct kan_target *t, struct kan_sink *s,
		      struct kan_err *err);

#endif
