/* An answer of the engine, stored as raw bytes while it comes. Shared by the collectors that ask
 * the engine. */
#ifndef KAN_COLLECTORS_ANSWER_H
#define KAN_COLLECTORS_ANSWER_H

#include <kanshiki/err.h>
#include <stdint.h>

struct kan_engine;
struct kan_sink;

/*
 * GET path into the artefact name. A fault or an error status is a gap with the engine's words;
 * what came stays, marked not whole when it was cut. -1 only when evidence cannot be written.
 */
int kan_answer_store(struct kan_engine *e, struct kan_sink *sink, const char *path,
		     const char *name, struct kan_err *err);
/* The same for what may be larger than an answer usually is. */
int kan_answer_store_max(struct kan_engine *e, struct kan_sink *sink, const char *path,
			 const char *name, uint64_t max, struct kan_err *err);

#endif
