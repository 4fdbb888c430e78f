/* Inside the respond room: one act, or one undo, while it is being done. */
#ifndef KAN_RESPOND_DOING_H
#define KAN_RESPOND_DOING_H

#include "respond/respond.h"
#include "respond/state.h"

struct kan_doing {
	struct kan_engine *engine;
	const char *id;
	const struct kan_respond *r; /* of an act; NULL: of an undo */
	json_t *act, *impact;
};

json_t *kan_doing_begin(const char *what, const char *id);
void kan_doing_changed(struct kan_doing *d, const char *text);
/* docker VERB ID; verb NULL: nothing undoes it. */
void kan_doing_undo(struct kan_doing *d, const char *verb);
void kan_doing_lost(struct kan_doing *d, const char *const *texts);
/* Found done. since_seal: it was not when the evidence was sealed, so its undo is ours to tell. 0.
 */
int kan_doing_already(struct kan_doing *d);
int kan_doing_since_seal(struct kan_doing *d);
/* The engine's word for it now, when it gives one. */
void kan_doing_state(json_t *act, const char *key, struct kan_engine *e, const char *id);
/* The record as it leaves: impact and the end's time in it. */
void kan_doing_end(struct kan_doing *d);

/* settings.c: acts that change what the engine has written down of it, and no process. */
int kan_act_no_restart(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err);
int kan_act_label(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err);

#endif
