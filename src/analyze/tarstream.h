/* A tar of a bundle, streamed once: its digest is checked while its members go by. */
#ifndef KAN_ANALYZE_TARSTREAM_H
#define KAN_ANALYZE_TARSTREAM_H

#include <kanshiki/bundle.h>

#include "base/tar.h"

/* -1: it was altered, or cannot be read. Act on nothing that v saw before this returns 0. */
int kan_tar_stream(const struct kan_bundle *b, const char *path, const struct kan_tar_visit *v,
		   struct kan_err *err);

#endif
