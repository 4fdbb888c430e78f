/* Acts on a container after its evidence is safe: what each does, and how a human undoes it. */
#ifndef KAN_RESPOND_RESPOND_H
#define KAN_RESPOND_RESPOND_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/engine.h>
#include <kanshiki/target.h>

enum kan_respond_do {
	KAN_RESPOND_PAUSE,      /* it stands still, with all its memory */
	KAN_RESPOND_DISCONNECT, /* off all its networks; then it runs */
	KAN_RESPOND_KILL,       /* SIGKILL: no code of it runs any more */
	KAN_RESPOND_STOP,       /* SIGTERM first: the attacker's handler runs */
};
extern const char *const kan_respond_words[]; /* in the order of the enum; NULL-terminated */

/*
 * May it be done? Asked before anything is paused. refused: the original would be lost (--rm, Swarm
 * task) and loses is false; or the network is the host's or another container's.
 */
int kan_respond_allowed(const struct kan_target *t, enum kan_respond_do what, bool loses,
			struct kan_err *err);

struct kan_respond {
	struct kan_engine *engine;
	const char *id; /* full */
	enum kan_respond_do what;
	bool held; /* the caller holds it paused, and it ran before */
	/* Ends the caller's pause. Called at most once, and only when held. */
	int (*let_run)(void *arg, struct kan_err *err);
	void *arg;
};
/*
 * Do it. *act is set whatever comes of it, and yours: {do, target, undo, before, after, began_ns,
 * ended_ns, impact[], and where they apply already, networks[], lost[]}. 0: done, or found done.
 * -1: not so, or not wholly; impact and undo tell what was changed all the same. No call is
 * repeated; the engine's state decides.
 */
int kan_respond(json_t **act, const struct kan_respond *r, struct kan_err *err);
/* The record of a container that --on-fail left paused: into *act of what failed, or a new one.
 * host: as kan_engine_host. by_hand: what resumes it when the engine cannot; NULL: it can. */
void kan_respond_left_paused(json_t **act, const char *host, const char *id, const char *by_hand);

/* One line for people: "container web is paused and stays so; undo: docker unpause 3f2a9c41d0be".
 */
void kan_respond_sentence(struct kan_buf *out, const json_t *act, const char *name);

#endif
