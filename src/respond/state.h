/* Inside the respond room: the container as the engine has it now. */
#ifndef KAN_RESPOND_STATE_H
#define KAN_RESPOND_STATE_H

#include "respond/respond.h"

struct kan_seen_state {
	json_t *doc;        /* inspect; NULL: gone */
	const char *status; /* "gone" when the engine has it no more */
	bool live, paused;
};
int kan_state_look(struct kan_seen_state *out, struct kan_engine *e, const char *id,
		   struct kan_err *err);
/* The words of an inspect document, borrowed from it; doc stays NULL. */
void kan_state_read(struct kan_seen_state *out, const json_t *inspect);
void kan_state_free(struct kan_seen_state *s);
#define kan_auto_state __attribute__((cleanup(kan_state_free)))

/* Its networks but `none`: [{id, name, ip, ip6, mac, aliases[], fixed{}}], keys only where known.
 */
json_t *kan_state_networks(const json_t *inspect);
/* Are the two the same network, by id, or by name where one has none? */
bool kan_state_same(const json_t *one, const json_t *other);
/* Is it on that network (as above) now? */
bool kan_state_on(const json_t *inspect, const json_t *network);

/* Its restart policy: a word of the engine's, "" where it has none; *tries of on-failure. */
const char *kan_state_restart(const json_t *inspect, int *tries);
/* Its name without the slash. */
const char *kan_state_name(const json_t *inspect);

/* undo.c: commands of the engine's own client. */
void kan_undo_simple(struct kan_buf *out, const char *host, const char *verb, const char *id);
/* One `network connect` a network, joined by "&&", in their order. */
void kan_undo_connect(struct kan_buf *out, const char *host, const json_t *networks,
		      const char *id);
void kan_undo_restart(struct kan_buf *out, const char *host, const json_t *restart, const char *id);
void kan_undo_rename(struct kan_buf *out, const char *host, const char *name, const char *id);
/* What connecting again does not bring back. Yours. */
json_t *kan_undo_lost(const json_t *networks);

#endif
