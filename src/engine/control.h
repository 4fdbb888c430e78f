/* Every call that changes a container, and nothing else. */
#ifndef KAN_ENGINE_CONTROL_H
#define KAN_ENGINE_CONTROL_H

#include <kanshiki/engine.h>

/* POST /containers/ID/pause and /unpause. One call, never repeated here. *status 409: already so
 * (returns 0). */
int kan_control_pause(int *status, struct kan_engine *e, const char *id, struct kan_err *err);
int kan_control_unpause(int *status, struct kan_engine *e, const char *id, struct kan_err *err);
/*
 * For the acts of src/respond. One call each, never repeated here: who is not sure reads the state
 * again. kill sends SIGKILL; stop sends SIGTERM, and SIGKILL ten seconds later. A status that is no
 * success is an error with the engine's words, except 304 (stopped already).
 */
int kan_control_kill(int *status, struct kan_engine *e, const char *id, struct kan_err *err);
int kan_control_stop(int *status, struct kan_engine *e, const char *id, struct kan_err *err);
/* Takes the container off one network. network: its id as inspect names it. */
int kan_control_disconnect(int *status, struct kan_engine *e, const char *id, const char *network,
			   struct kan_err *err);
/* Puts it on one. endpoint: {Aliases, Links, IPAMConfig}, or NULL. */
int kan_control_connect(int *status, struct kan_engine *e, const char *id, const char *network,
			json_t *endpoint, struct kan_err *err);
int kan_control_start(int *status, struct kan_engine *e, const char *id, struct kan_err *err);
/* Its restart policy: no, always, unless-stopped, or on-failure with so many tries (0: endless). */
int kan_control_restart_policy(int *status, struct kan_engine *e, const char *id,
			       const char *policy, int tries, struct kan_err *err);
/* usage: name is none that an engine takes: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255. */
int kan_control_rename(int *status, struct kan_engine *e, const char *id, const char *name,
		       struct kan_err *err);
/* Does the engine call it paused now? 1, 0 (also when it has no such container any more), or -1. */
int kan_control_paused(struct kan_engine *e, const char *id);

/* A request that may be sent: {id} stands for one segment; how long the whole call may take, and
 * how long the engine may be silent (0: the default). */
struct kan_request {
	const char *method, *path;
	unsigned total_ms, silence_s;
};
/* The table of all requests that may ever be sent: its row, or NULL. Tests compare the log of a
 * capture with it. */
const struct kan_request *kan_request_find(const char *method, const char *path);
bool kan_request_allowed(const char *method, const char *path);

#endif
