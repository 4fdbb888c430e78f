/* Images in other stores than overlay2's, as a target, made anew for a test. */
#ifndef KAN_TEST_STORES_MADE_H
#define KAN_TEST_STORES_MADE_H

#include "world.h"

enum { TWO = 2, FOUR = 4 };

#define SIXTEEN(c) c c c c c c c c c c c c c c c c
#define A SIXTEEN("aaaa")
#define B SIXTEEN("bbbb")

/* script prints the image's id; paths are those of its directories, the topmost first. */
struct world *store_new(const char *script, const char *storage, const char *const *paths,
			size_t n);
void store_free(struct world *w);
/* Two layers, A and B above it; and two with Docker's own above each. */
struct world *podman_new(void);
struct world *containerd_new(void);

#endif
