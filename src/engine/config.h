/* A container as its engine's own files tell it, in the words of inspect: a pure function. */
#ifndef KAN_ENGINE_CONFIG_H
#define KAN_ENGINE_CONFIG_H

#include <jansson.h>

/*
 * config.v2.json and hostconfig.json of Docker (either may be NULL or no object: then what it would
 * tell is absent). State.Status is made from the flags of State, as the engine makes it; Mounts
 * from MountPoints, in the order of their destinations. Yours; never NULL.
 */
json_t *kan_config_inspect(const json_t *config, const json_t *host);

#endif
