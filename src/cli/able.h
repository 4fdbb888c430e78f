/* What can be collected on this host, by whom we are and which engine there is: nothing
 * is made. */
#ifndef KAN_CLI_ABLE_H
#define KAN_CLI_ABLE_H

#include <jansson.h>
#include <kanshiki/collector.h>

/* Open data. A part that could not be had is NULL, and its error says why. */
struct kan_surroundings {
	json_t *rights; /* {root, cap_effective, memory, proc, sock_diag, nfnetlink, cgroup,
			   freezer, sandbox}: "" where nothing is wrong, else why */
	json_t *engine; /* kan_engine_probe */
	struct kan_err no_rights, no_engine;
};
/* host: as kan_engine_open has it; home: where evidence would lie. Each part has a time limit. */
void kan_surroundings_take(struct kan_surroundings *out, const char *host, const char *home);
void kan_surroundings_free(struct kan_surroundings *s);

enum kan_able_state { KAN_ABLE, KAN_ABLE_PARTLY, KAN_UNABLE };
enum { KAN_ABLE_WHY = 400 };
struct kan_able {
	enum kan_able_state state;
	char why[KAN_ABLE_WHY]; /* "": available */
	const char *todo;       /* or NULL */
};
extern const char *const kan_able_words[]; /* available, limited, unavailable */
struct kan_able kan_able_of(const struct kan_collector *c, const struct kan_surroundings *s);
/* {name, tier, summary, asked, state, why?, do?} */
json_t *kan_able_json(const struct kan_collector *c, const struct kan_able *able);

#endif
