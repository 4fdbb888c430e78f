/* A target made of the files of a data root alone: no engine, no host, no process. */
#ifndef KAN_ENGINE_OFFLINE_H
#define KAN_ENGINE_OFFLINE_H

#include <kanshiki/target.h>

/*
 * Depth offline. asked: a name, an id or the beginning of an id, as with an engine. inspect has
 * what the files say, in inspect's words; inspect_raw is empty, engine NULL, pid 0, whatever the
 * files say of a process. A container whose config cannot be read is opened by its id with what
 * else there is; its claims say so. Codes as of kan_target_open and kan_dataroot_open.
 */
int kan_target_open_offline(struct kan_target **out, const char *dir, const char *asked,
			    const struct kan_policy *policy, struct kan_err *err);

#endif
