/* Inside the engine room: a store of Podman (containers/storage) as files, beside Docker's. */
#ifndef KAN_ENGINE_PODMANROOT_H
#define KAN_ENGINE_PODMANROOT_H

#include "engine/dataroot.h"

/* Has it "<driver>-containers"? */
bool kan_podmanroot_is(int root_fd);
/* Each container of containers.json and of volatile-containers.json, then each directory that
 * neither has; a list that cannot be read is an entry of its own name. As kan_dataroot_each. */
int kan_podmanroot_each(int root_fd, kan_dataroot_fn *fn, void *arg, struct kan_err *err);
/* By the lists alone. not-found: those that could be read do not have it, and none is damaged.
 * lacks: what of it cannot be read. */
int kan_podmanroot_container(json_t **inspect, int root_fd, const char *id, struct kan_err *lacks,
			     struct kan_err *err);
/* By its directory alone: what the runtime's config says. NULL: there is no directory. Yours. */
json_t *kan_podmanroot_by_id(int root_fd, const char *id);
/* How many drivers have that directory; where: their names are added; or NULL. */
size_t kan_podmanroot_stores(struct kan_buf *where, int root_fd, const char *id);
/* Podman makes the driver's directory a mount of itself while it is in use. */
bool kan_podmanroot_live(int root_fd);

#endif
