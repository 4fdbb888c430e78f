/* dpkg's own log: the last state that it says a package was brought into. */
#ifndef KAN_IMAGE_PKG_LOG_H
#define KAN_IMAGE_PKG_LOG_H

#include <kanshiki/bytes.h>

enum { KAN_PKG_LOG_LINE = 4096, KAN_PKG_LOG_PACKAGES = 1 << 18, KAN_PKG_LOG_OCTETS = 64 << 20 };

struct kan_pkg_log;
struct kan_pkg_log *kan_pkg_log_new(void);
void kan_pkg_log_free(struct kan_pkg_log *l);
/* In pieces of any size. A line that is no record is passed over: it claims nothing. */
void kan_pkg_log_read(struct kan_pkg_log *l, struct kan_bytes piece);
void kan_pkg_log_done(struct kan_pkg_log *l); /* before the first question */
/* Does the last record of the package say this state, and this version where it has one? */
bool kan_pkg_log_says(const struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		      struct kan_bytes state, struct kan_bytes version);

#endif
