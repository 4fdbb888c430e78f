/* One long answer of the engine: bounded in octets, and in time without progress. */
#include <kanshiki/engine.h>

#include "base/clock.h"
#include "engine/transport.h"
#include "image/exported.h"
#include "image/exported_state.h"

#define NS_PER_S INT64_C(1000000000)

struct call {
	struct kan_answer *a;
	int (*fn)(struct kan_bytes piece, void *arg);
	void *arg;
};

/* A peer that sends an octet a second is never silent: it has to bring something. */
int kan_answer_pace(struct kan_answer *a, size_t n)
{
	int64_t now = kan_boot_ns();
	if (!a->since_ns)
		a->since_ns = now;
	a->since_octets += n;
	if (now - a->since_ns < KAN_EXPORTED_PACE_S * NS_PER_S)
		return 0;
	if (a->since_octets < KAN_EXPORTED_PACE) {
		kan_err_set(&a->why, KAN_EENGINE, ETIMEDOUT,
			    "the engine sent %llu bytes in %d s: given up",
			    (unsigned long long)a->since_octets, KAN_EXPORTED_PACE_S);
		return -1;
	}
	a->since_ns = now;
	a->since_octets = 0;
	return 0;
}

static int on_piece(struct kan_bytes piece, void *arg)
{
	struct call *c = arg;
	struct kan_answer *a = c->a;
	size_t room = a->head.max - a->head.len;
	kan_buf_add(&a->head, piece.p, piece.n < room ? piece.n : room);
	if (kan_answer_pace(a, piece.n) < 0)
		return -1;
	return c->fn(piece, c->arg);
}

/* Why it failed, in the order of what explains most: the status, the parser, the transfer. */
int kan_answer_get(struct kan_answer *a, const struct kan_target *t, const char *path, uint64_t max,
		   int (*fn)(struct kan_bytes piece, void *arg), void *arg)
{
	struct call c = {a, fn, arg};
	struct kan_err transfer = {0};
	a->head = KAN_BUF(KAN_EXPORTED_WORDS);
	int rc = kan_engine_get(&a->status, t->engine, path, max, on_piece, &c, &transfer);
	if (a->fatal.code != KAN_OK)
		return -1;
	if (a->status && a->status != 200)
		return kan_engine_status_err(a->status, path, kan_buf_bytes(&a->head), &a->why);
	if (a->why.code != KAN_OK)
		return -1;
	if (rc < 0)
		a->why = transfer;
	return rc;
}
