/* The image's package databases, raw, as its layers have them merged. */
#ifndef KAN_IMAGE_PACKAGES_H
#define KAN_IMAGE_PACKAGES_H

#include <kanshiki/err.h>
#include <kanshiki/target.h>

struct kan_sink;

enum { KAN_PACKAGES_FILE = 512 << 20, KAN_PACKAGES_FILES = 200000 };
/* Octets of all, the total: one file with many names is taken as often. */
#define KAN_PACKAGES_TOTAL ((uint64_t)1 << 30)

/* Writes pkgdb.tar when there is a database: dpkg, apk, rpm. manager: of the first one, or NULL.
 * -1: evidence cannot be written. */
int kan_packages_take(const char **manager, const struct kan_target *t, struct kan_sink *s,
		      uint64_t total, struct kan_err *err);

#endif
