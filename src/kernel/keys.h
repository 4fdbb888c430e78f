/* /proc/keys, proc_keys(5): a pure parser. Descriptions are words of whoever made the key. */
#ifndef KAN_KERNEL_KEYS_H
#define KAN_KERNEL_KEYS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/* Views are borrowed from the text. */
struct kan_key {
	uint32_t serial, perm, uid, gid;
	uint64_t usage;
	struct kan_bytes flags, timeout, type,
		desc; /* timeout: "perm", "expd", "3d"; type: cut at 9 */
};
typedef int kan_key_fn(const struct kan_key *k, void *arg, struct kan_err *err);
/*
 * Each key in order. A description may hold line feeds, and after one whatever it likes: a line
 * that is none, or whose serial is not above the last one's, as the kernel sorts them, belongs to
 * the description before it. format when the first line is none.
 */
int kan_keys_each(struct kan_bytes text, kan_key_fn *fn, void *arg, struct kan_err *err);

#endif
