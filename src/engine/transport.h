/* How a request reaches an engine: over its socket, or out of a folder of recorded answers. */
#ifndef KAN_ENGINE_TRANSPORT_H
#define KAN_ENGINE_TRANSPORT_H

#include <kanshiki/engine.h>

struct kan_engine {
	char *host, *socket, *replay; /* replay: a folder; then there is no socket */
	char *remote;                 /* "https://host:port", or NULL */
	char *ca, *cert, *key;        /* files of TLS, with remote */
	char api[16];
	kan_engine_call_fn *watch;
	void *watch_arg;
};

/* One request, allowed by the table or refused; recorded through watch. total_ms 0: the default of
 * the path. */
int kan_engine_request(int *status, struct kan_engine *e, const char *method, const char *path,
		       uint64_t max, kan_engine_data_fn *on_data, void *arg, struct kan_err *err);
/* POST, with a JSON body unless json is empty; the answer goes into answer, capped by its max. */
int kan_engine_post(int *status, struct kan_engine *e, const char *path, struct kan_bytes json,
		    struct kan_buf *answer, struct kan_err *err);
/* The file of a recorded answer: the path without its query, '/' as '-': "containers-ID-json". */
int kan_replay_request(int *status, const struct kan_engine *e, const char *path,
		       kan_engine_data_fn *on_data, void *arg, struct kan_err *err);
/* "tcp://host:port" with the files of DOCKER_CERT_PATH; usage: no such address, or not asked to
 * verify: without TLS nothing is spoken over a network. */
int kan_remote_use(struct kan_engine *e, const char *host, struct kan_err *err);
/* The version to speak, out of the engine's least and most ("1.12", "1.41"): at most 1.52, at
 * least 1.24. */
int kan_engine_choose_api(char out[16], const char *least, const char *most, struct kan_err *err);
/* An error out of a status and the engine's own words in body. */
int kan_engine_status_err(int status, const char *path, struct kan_bytes body, struct kan_err *err);

#endif
