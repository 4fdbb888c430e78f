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
	KAN_RESPOND_NO_RESTART, /* the engine does not start it again by itself */
	/* Renamed to NAME-quarantined: no engine changes the labels of a container that is there.
	 */
	KAN_RESPOND_LABEL,
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
	/* Its inspect as the evidence has it, or NULL: what is found done and was not so then is
	 * marked since_seal, and has its undo. */
	const json_t *sealed;
};
/*
 * Do it. *act is set whatever comes of it, and yours: {do, target, undo, before, after, began_ns,
 * ended_ns, impact[], and where they apply already, since_seal, networks[], lost[], restart{},
 * renamed{}}. 0: done, or found done.
 * -1: not so, or not wholly; impact and undo tell what was changed all the same. No call is
 * repeated; the engine's state decides.
 */
int kan_respond(json_t **act, const struct kan_respond *r, struct kan_err *err);
/* The record of a container that --on-fail left paused: into *act of what failed, or a new one.
 * host: as kan_engine_host. by_hand: what resumes it when the engine cannot; NULL: it can. */
void kan_respond_left_paused(json_t **act, const char *host, const char *id, const char *by_hand);

/*
 * Takes back what done (an act as above) tells. *act is set whatever comes of it, and yours: do is
 * resume, connect, start, restart-policy or rename; lost has what did not come back. Found so
 * already is done. usage: nothing takes this one back. One call each, and the engine's state
 * decides.
 */
int kan_respond_back(json_t **act, struct kan_engine *e, const json_t *done, struct kan_err *err);
/* Is what the act did in force now? 1, 0, or -1: the engine cannot say. */
int kan_respond_holds(struct kan_engine *e, const json_t *done, struct kan_err *err);
/* The container as the engine has it, by name or id; *out NULL: it has none. Yours. */
int kan_respond_inspect(json_t **out, struct kan_engine *e, const char *word, struct kan_err *err);
/* "paused, on no network, not started again by the engine". inspect NULL: gone. */
void kan_respond_condition(struct kan_buf *out, const json_t *inspect);
/* The word of the act that takes this one back, or NULL. */
const char *kan_respond_back_word(const char *what);

/* One line for people: "container web is paused and stays so; undo: docker unpause 3f2a9c41d0be".
 */
void kan_respond_sentence(struct kan_buf *out, const json_t *act, const char *name);

#endif
