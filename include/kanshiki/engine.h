/* The engine's read side: raw answers of a container engine. It never changes a container. */
#ifndef KANSHIKI_ENGINE_H
#define KANSHIKI_ENGINE_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_engine;

enum { KAN_ENGINE_ANSWER_MAX = 64 << 20 };

/* One call the engine was asked, for the journal. status 0: no answer. */
struct kan_engine_call {
	const char *method, *path;
	int status;
	uint64_t octets;
	char sha256[65];
};
typedef void kan_engine_call_fn(const struct kan_engine_call *call, void *arg);
/* A piece of a body. Return -1 to stop the transfer. */
typedef int kan_engine_data_fn(struct kan_bytes piece, void *arg);

/*
 * host: "unix:///path", or NULL for DOCKER_HOST, then the first socket that answers of Docker's and
 * Podman's. Pings and negotiates the version (API 1.24 to 1.52). A connection is made per call, so
 * the object may be used on both sides of a fork. "replay:DIR" answers from recorded files (tests).
 */
int kan_engine_open(struct kan_engine **out, const char *host, struct kan_err *err);
void kan_engine_free(struct kan_engine *e);
void kan_engine_watch(struct kan_engine *e, kan_engine_call_fn *fn, void *arg);

const char *kan_engine_host(const struct kan_engine *e); /* "unix:///run/docker.sock" */
const char *
kan_engine_socket(const struct kan_engine *e);          /* path, or NULL when not a unix socket */
const char *kan_engine_api(const struct kan_engine *e); /* "1.41", as negotiated */

/*
 * GET path ("/containers/ID/json"; the /vN.NN prefix is put in front). The path must be in the
 * table of allowed requests, else refused without touching the socket. Each piece of the body goes
 * to on_data as it comes, also for an error status; what came before a fault stays with the caller.
 * *status is the HTTP status. Returns -1 with code engine when there was no whole answer
 * (sys ETIMEDOUT: silence or too slow), limit when it is above max octets.
 */
int kan_engine_get(int *status, struct kan_engine *e, const char *path, uint64_t max,
		   kan_engine_data_fn *on_data, void *arg, struct kan_err *err);
/*
 * The same into raw (capped by its max), with statuses turned into errors: 404 not-found, 501 and
 * 500 unsupported with the engine's words, others engine. raw keeps what came in every case.
 */
int kan_engine_get_raw(struct kan_buf *raw, struct kan_engine *e, const char *path,
		       struct kan_err *err);
/* Parse an answer: duplicate keys and depth over 128 refused (format). Yours: json_decref it. */
int kan_engine_parse(json_t **out, struct kan_bytes raw, struct kan_err *err);

#endif
