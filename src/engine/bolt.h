/* Inside the engine room: the bytes of a bbolt database, in which containerd notes its snapshots.
 */
#ifndef KAN_ENGINE_BOLT_H
#define KAN_ENGINE_BOLT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/* Views into the file's bytes, which stay the caller's. */
struct kan_bolt {
	struct kan_bytes file;
	size_t page_size;
	uint64_t txid;
	uint64_t root; /* page of the root bucket */
	size_t left;   /* of pages and elements that all walks together may look at */
};
/* Pure: the newer of the two meta pages whose checksum is right. format: neither is one. */
int kan_bolt_open(struct kan_bolt *out, struct kan_bytes file, struct kan_err *err);

/* A bucket: a page number, or the page itself when it is small enough to stand in its parent. */
struct kan_bolt_bucket {
	uint64_t root;
	struct kan_bytes in_place;
};
struct kan_bolt_entry {
	struct kan_bytes key, value;
	bool is_bucket;
	struct kan_bolt_bucket bucket;
};
/* Pure: each entry in order, at any depth of the tree. -1: fn's, format when pages lead out of the
 * file, limit when they lead in circles or are met too often. Return -1 from fn to stop with err, 1
 * to stop without. */
typedef int kan_bolt_fn(const struct kan_bolt_entry *e, void *arg, struct kan_err *err);
int kan_bolt_each(struct kan_bolt *b, const struct kan_bolt_bucket *in, kan_bolt_fn *fn, void *arg,
		  struct kan_err *err);
/* Pure: one entry. not-found. in NULL: the root bucket. */
int kan_bolt_find(struct kan_bolt_entry *out, struct kan_bolt *b, const struct kan_bolt_bucket *in,
		  const char *key, struct kan_err *err);

#endif
