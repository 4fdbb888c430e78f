/* What there is of an engine, before there is a container: asked and proven, nothing is changed. */
#ifndef KAN_ENGINE_PROBE_H
#define KAN_ENGINE_PROBE_H

#include <jansson.h>
#include <kanshiki/err.h>

/*
 * {host, api, name?, version?, storage?, cgroup_version?, data_root?, local, why_not_local?,
 * same_disk?, mounted_by[], lacks[]}. place: a directory, or one that is to be made; same_disk: it
 * is on the data root's filesystem, mounted_by: names of containers that have it, or what it is in,
 * as a mount. Both only when the engine is proven to be local. Errors as of kan_engine_open. Text
 * of the engine may be anything: escape it. Yours.
 */
int kan_engine_probe(json_t **out, const char *host, const char *place, struct kan_err *err);

#endif
