/* The managers' own logs: the last state that they say a package was brought into. */
#ifndef KAN_IMAGE_PKG_LOG_H
#define KAN_IMAGE_PKG_LOG_H

#include <kanshiki/bytes.h>

enum { KAN_PKG_LOG_LINE = 4096, KAN_PKG_LOG_PACKAGES = 1 << 18, KAN_PKG_LOG_OCTETS = 64 << 20 };

/* Whose log a file is: dpkg's; that of dnf, yum or zypper, of which rpm itself writes none. */
enum kan_pkg_log_of { KAN_PKG_LOG_NONE, KAN_PKG_LOG_DPKG, KAN_PKG_LOG_RPM };
enum kan_pkg_log_of kan_pkg_log_of(struct kan_bytes path); /* without '/' in front */
/* The paths of rpm's, NULL at the end. */
extern const char *const kan_pkg_log_rpm[];

struct kan_pkg_log;
struct kan_pkg_log *kan_pkg_log_new(enum kan_pkg_log_of of);
void kan_pkg_log_free(struct kan_pkg_log *l);
/* In pieces of any size. A line that is no record is passed over: it claims nothing. */
void kan_pkg_log_read(struct kan_pkg_log *l, struct kan_bytes piece);
void kan_pkg_log_done(struct kan_pkg_log *l); /* before the first question */
/* Does the last record of the package say this state, and this version where it has one? */
bool kan_pkg_log_says(const struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		      struct kan_bytes state, struct kan_bytes version);

#endif
