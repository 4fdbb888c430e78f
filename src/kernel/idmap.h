/* user_namespaces(7): which ids of the host those of a namespace are. */
#ifndef KAN_KERNEL_IDMAP_H
#define KAN_KERNEL_IDMAP_H

#include <kanshiki/bytes.h>

enum { KAN_IDMAP_LINES = 340 }; /* as many as a map may have */

/* Without a line every id is itself. */
struct kan_idmap {
	size_t n;
	struct {
		uint32_t inside, outside, count;
	} v[KAN_IDMAP_LINES];
};

/* Pure: /proc/PID/uid_map or gid_map, "INSIDE OUTSIDE COUNT" a line, as its reader's namespace sees
 * it; up to what is no line. What maps all to itself has no line. */
void kan_idmap_parse(struct kan_idmap *out, struct kan_bytes text);
/* The decimal number that begins here, and where it ends. false: none, or no id. */
bool kan_idmap_number(uint32_t *out, const char **at);
/* The id outside. false: the map does not have it. */
bool kan_idmap_out(uint64_t *out, const struct kan_idmap *m, uint64_t inside);
/* Is it one of those that the namespace was given? */
bool kan_idmap_has(const struct kan_idmap *m, uint64_t outside);

#endif
