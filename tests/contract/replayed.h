/* A collector run against recorded answers of an engine: what it wrote, what it said, what it
 * asked. */
#ifndef KAN_TEST_REPLAYED_H
#define KAN_TEST_REPLAYED_H

#include <kanshiki/engine.h>
#include <kanshiki/target.h>
#include <pthread.h>

#include "evidence/channel.h"

struct kan_collector;

enum { REPLAYED_WORDS = 256 };

struct replayed {
	char top[64]; /* of the test's own: a copy of the answers, and the bundle */
	char answers[96], bundle[96], host[112];
	char id[65];
	const struct kan_collector *collector; /* ran last */
	struct kan_engine *engine;
	struct kan_target *target;
	struct kan_policy policy;
	struct kan_msg words[REPLAYED_WORDS];
	size_t n;
	int channel[2];
	pthread_t listener;
};

/* Each engine and state below tests/fixtures/engines: "docker-20.10/running". */
typedef void replayed_fn(struct replayed *r, const char *name, void *arg);
void replayed_each(replayed_fn *fn, void *arg);
/* One of them, copied, so that a test may alter it. The target is not opened yet. */
struct replayed *replayed_new(const char *name);
void replayed_free(struct replayed *r);

/* Alter an answer. name as recorded, with "ID" for the container's id and "IMAGE" for its image's.
 */
void replayed_put(struct replayed *r, const char *name, const char *text);
void replayed_remove(struct replayed *r, const char *name);
void replayed_status(struct replayed *r, const char *name, int status);
void replayed_cut(struct replayed *r, const char *name); /* the connection ends within the body */
/* The recorded bytes, or the altered ones. */
struct kan_buf replayed_answer(const struct replayed *r, const char *name);

/* Opens engine and target by the recorded id: 0 or -1 as kan_target_open says. */
int replayed_open(struct replayed *r, struct kan_err *err);
/* Runs the collector into a fresh bundle. words are what it said this time. */
int replayed_collect(struct replayed *r, const char *collector);

bool replayed_has(const struct replayed *r, const char *artefact);
struct kan_buf replayed_artefact(const struct replayed *r, const char *artefact);
size_t replayed_count(const struct replayed *r, enum kan_msg_type type);
/* A word about what, with this code (gaps) or any (-1); NULL. */
const struct kan_msg *replayed_word(const struct replayed *r, enum kan_msg_type type,
				    const char *what, int code);

#endif
