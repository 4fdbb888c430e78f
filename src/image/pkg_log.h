/* The managers' own logs: the last state that they say a package was brought into. */
#ifndef KAN_IMAGE_PKG_LOG_H
#define KAN_IMAGE_PKG_LOG_H

#include <kanshiki/bytes.h>

enum { KAN_PKG_LOG_LINE = 4096, KAN_PKG_LOG_PACKAGES = 1 << 18, KAN_PKG_LOG_OCTETS = 64 << 20 };

/* Whose log a file is: dpkg's; that of dnf, yum or zypper, of which rpm itself writes none; apk's,
 * which apk-tools writes since 3.0. */
enum kan_pkg_log_of {
	KAN_PKG_LOG_NONE,
	KAN_PKG_LOG_DPKG,
	KAN_PKG_LOG_RPM,
	KAN_PKG_LOG_APK,
	KAN_PKG_LOGS
};
enum kan_pkg_log_of kan_pkg_log_of(struct kan_bytes path); /* without '/' in front */
enum kan_pkg_log_of kan_pkg_log_manager(const char *manager);
/* Where those of one kind lie, NULL at the end. Not of NONE. */
const char *const *kan_pkg_log_paths(enum kan_pkg_log_of of);

struct kan_pkg_log;
struct kan_pkg_log *kan_pkg_log_new(enum kan_pkg_log_of of);
void kan_pkg_log_free(struct kan_pkg_log *l);
/* In pieces of any size. A line that is no record is passed over: it claims nothing. */
void kan_pkg_log_read(struct kan_pkg_log *l, struct kan_bytes piece);
void kan_pkg_log_done(struct kan_pkg_log *l); /* before the first question */
/* Does the last record of the package say this state, and this version where it has one? apk's says
 * nothing of an architecture, so none is compared. */
bool kan_pkg_log_says(const struct kan_pkg_log *l, struct kan_bytes name, struct kan_bytes arch,
		      struct kan_bytes state, struct kan_bytes version);

#endif
