/* A container as its engine's own files tell it, in the words of inspect: a pure function. */
#ifndef KAN_ENGINE_CONFIG_H
#define KAN_ENGINE_CONFIG_H

#include <jansson.h>
#include <kanshiki/err.h>
#include <stdbool.h>

/*
 * config.v2.json and hostconfig.json of Docker (either may be NULL or no object: then what it would
 * tell is absent). State.Status is made from the flags of State, as the engine makes it; Mounts
 * from MountPoints, in the order of their destinations. Yours; never NULL.
 */
json_t *kan_config_inspect(const json_t *config, const json_t *host);

/*
 * Of Podman: the container's entry of containers.json, and the runtime's config (userdata/
 * config.json), which is there from its first start on. Either may be NULL. State is empty and
 * HostConfig what the runtime was told: the rest of both is in libpod's database. What it is called
 * besides its Name is OtherNames, an array of strings, absent when there are none. Yours; never
 * NULL.
 */
json_t *kan_podman_inspect(const json_t *entry, const json_t *spec);
/* A store has its containers in one of two lists: those that go with a reboot are listed apart. */
enum { KAN_PODMAN_LISTS = 2 };
extern const char *const kan_podman_lists[KAN_PODMAN_LISTS];
/* The one entry of an id, counted over these lists together; each may be NULL. NULL: not-found, or
 * format: there are several, and either may be meant. */
const json_t *kan_podman_entry(json_t *const *lists, size_t n, const char *id, struct kan_err *err);
/* false: the config is of a container with another layer. */
bool kan_podman_is_of(const json_t *spec, const json_t *entry);
/* The store as the engine called it, by what kan_podman_inspect gave; else where it usually is.
 * Yours. */
char *kan_podman_root(const json_t *inspect);

#endif
