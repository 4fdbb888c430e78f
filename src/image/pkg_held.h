/* rpm's database on its way: it comes in pieces and is read as a whole, out of memory that has no
 * name. */
#ifndef KAN_IMAGE_PKG_HELD_H
#define KAN_IMAGE_PKG_HELD_H

#include "image/package.h"

struct kan_pkg_held;
struct kan_pkg_held *kan_pkg_held_new(void);
void kan_pkg_held_free(struct kan_pkg_held *h);
/* The next file, db a database or its log. -1: there is a database already, of which rpm's own
 * configuration says which one counts. */
int kan_pkg_held_begin(struct kan_pkg_held *h, enum kan_pkg_db db, struct kan_bytes path,
		       struct kan_err *err);
/* -1: too large, and none of it stays. */
int kan_pkg_held_add(struct kan_pkg_held *h, struct kan_bytes piece, struct kan_err *err);
/* Where it lies; empty: there is none. */
struct kan_bytes kan_pkg_held_file(const struct kan_pkg_held *h);
/* As kan_pkg_rpm_read. A log without its database is a fault when it holds something. */
int kan_pkg_held_read(const struct kan_pkg_held *h, const struct kan_pkg_events *on,
		      struct kan_err *err);

#endif
