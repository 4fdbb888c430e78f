/* Paths that are looked up often: one table sorted by bytes, with a value each. */
#ifndef KAN_IMAGE_PKG_PATHS_H
#define KAN_IMAGE_PKG_PATHS_H

#include <kanshiki/bytes.h>

/* Of one table; what is beyond is told as unknown. */
enum { KAN_PKG_PATHS = 1 << 18, KAN_PKG_PATHS_OCTETS = 32 << 20 };

struct kan_pkg_paths;
struct kan_pkg_paths *kan_pkg_paths_new(void);
void kan_pkg_paths_free(struct kan_pkg_paths *p);
/* Copies both. Beyond the limits nothing is added, and kan_pkg_paths_whole says so. */
void kan_pkg_paths_add(struct kan_pkg_paths *p, struct kan_bytes path, struct kan_bytes value);
/* Before the first search: sorted, one entry a path (the value added first stays). */
void kan_pkg_paths_sort(struct kan_pkg_paths *p);
bool kan_pkg_paths_whole(const struct kan_pkg_paths *p);
size_t kan_pkg_paths_count(const struct kan_pkg_paths *p);
#define KAN_PKG_NOWHERE SIZE_MAX
size_t kan_pkg_paths_find(const struct kan_pkg_paths *p, struct kan_bytes path);
struct kan_bytes kan_pkg_paths_path(const struct kan_pkg_paths *p, size_t at);
struct kan_bytes kan_pkg_paths_value(const struct kan_pkg_paths *p, size_t at);

/*
 * path with the links of its directories followed, as a lookup in that root would: the last
 * component stays. false: too many links, or too long. left: work that may still be done, less what
 * was done; false at 0.
 */
bool kan_pkg_paths_follow(struct kan_buf *out, const struct kan_pkg_paths *links,
			  struct kan_bytes path, uint64_t *left);

#endif
