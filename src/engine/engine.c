/* The engine's read side: found, pinged, negotiated, asked. */
#include <kanshiki/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/http.h"
#include "base/row.h"
#include "engine/control.h"
#include "engine/transport.h"

enum {
	DEPTH_MAX = 128,
	URL_OCTETS = 4096,
	API_FIRST = 24, /* of 1.NN: the oldest that we speak */
	API_LAST = 52,
	SMALL_ANSWER = 1 << 20,
};

static const char *const usual[] = {"/run/docker.sock", "/var/run/docker.sock",
				    "/run/podman/podman.sock"};

/* Feeds the caller and the record of the call. */
struct tap {
	kan_engine_data_fn *fn;
	void *arg;
	struct kan_digest *digest;
	uint64_t octets;
};

static int tap_data(struct kan_bytes piece, void *arg)
{
	struct tap *t = arg;
	t->octets += piece.n;
	if (t->digest)
		kan_digest_add(t->digest, piece.p, piece.n);
	return t->fn ? t->fn(piece, t->arg) : 0;
}

/* One request, before it is known to be allowed. */
struct asked {
	const char *method, *path;
	struct kan_bytes json; /* the body, or empty */
	uint64_t max;
};

static int over_socket(int *status, const struct kan_engine *e, const struct kan_request *kind,
		       const struct asked *a, struct tap *tap, struct kan_err *err)
{
	char url[URL_OCTETS];
	bool versioned = strcmp(a->path, "/_ping") != 0 && e->api[0];
	int n = snprintf(url, sizeof(url), "%s%s%s%s", e->remote ? e->remote : "http://localhost",
			 versioned ? "/v" : "", versioned ? e->api : "", a->path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return kan_fail(err, KAN_EUSAGE, "a request of %d octets", n);
	struct kan_http_request r = {
		.socket = e->socket,
		.tls = {.ca = e->ca, .cert = e->cert, .key = e->key},
		.url = url,
		.method = kind->method,
		.body = a->json,
		.content_type = a->json.n ? "application/json" : NULL,
		.max = a->max,
		.total_ms = kind->total_ms,
		.silence_s = kind->silence_s,
		.on_data = tap_data,
		.arg = tap,
	};
	return kan_http_call(status, &r, err);
}

static void tell(const struct kan_engine *e, const char *method, const char *path, int status,
		 const struct tap *t)
{
	struct kan_engine_call call = {
		.method = method, .path = path, .status = status, .octets = t->octets};
	if (!e->watch)
		return;
	if (status && t->digest)
		kan_digest_finish(call.sha256, t->digest);
	e->watch(&call, e->watch_arg);
}

static int ask(int *status, struct kan_engine *e, const struct asked *a, struct tap *tap,
	       struct kan_err *err)
{
	const struct kan_request *kind = kan_request_find(a->method, a->path);
	if (!kind)
		return kan_fail(err, KAN_EREFUSED, "%s %.200s is no request that may be sent",
				a->method, a->path);
	tap->digest = e->watch ? kan_digest_new() : NULL;
	*status = 0;
	int rc = e->replay ? kan_replay_request(status, e, a->path, tap_data, tap, err)
			   : over_socket(status, e, kind, a, tap, err);
	tell(e, a->method, a->path, *status, tap);
	kan_digest_free(tap->digest);
	return rc < 0 ? kan_wrap(err, "engine: %s %.200s", a->method, a->path) : 0;
}

int kan_engine_request(int *status, struct kan_engine *e, const char *method, const char *path,
		       uint64_t max, kan_engine_data_fn *on_data, void *arg, struct kan_err *err)
{
	struct tap tap = {.fn = on_data, .arg = arg};
	return ask(status, e, &(struct asked){.method = method, .path = path, .max = max}, &tap,
		   err);
}

static int keep(struct kan_bytes piece, void *arg)
{
	struct kan_buf *raw = arg;
	kan_buf_addb(raw, piece);
	return raw->failed ? -1 : 0;
}

int kan_engine_post(int *status, struct kan_engine *e, const char *path, struct kan_bytes json,
		    struct kan_buf *answer, struct kan_err *err)
{
	struct tap tap = {.fn = keep, .arg = answer};
	struct asked a = {.method = "POST", .path = path, .json = json, .max = answer->max};
	return ask(status, e, &a, &tap, err);
}

int kan_engine_get(int *status, struct kan_engine *e, const char *path, uint64_t max,
		   kan_engine_data_fn *on_data, void *arg, struct kan_err *err)
{
	return kan_engine_request(status, e, "GET", path, max, on_data, arg, err);
}

/* The engine's own words, cleaned: {"message":...} of Docker, {"cause","message"} of Podman. */
static void words(char *out, size_t n, struct kan_bytes body)
{
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf clean = KAN_BUF(4096);
	const char *message = NULL;
	if (kan_engine_parse(&doc, body, NULL) == 0)
		message = json_string_value(json_object_get(doc, "message"));
	if (message)
		(void)kan_text_clean(&clean, (struct kan_bytes){(const uint8_t *)message,
								strnlen(message, 300)});
	(void)snprintf(out, n, "%s", clean.len ? kan_buf_str(&clean) : "no words");
	json_decref(doc);
}

int kan_engine_status_err(int status, const char *path, struct kan_bytes body, struct kan_err *err)
{
	char said[320];
	if (status >= 200 && status < 300)
		return 0;
	words(said, sizeof(said), body);
	enum kan_code code = status == 404                    ? KAN_ENOTFOUND
			     : status == 500 || status == 501 ? KAN_EUNSUPPORTED
			     : status == 401 || status == 403 ? KAN_EDENIED
							      : KAN_EENGINE;
	return kan_fail(err, code, "engine: %.200s: status %d: %s", path, status, said);
}

int kan_engine_get_raw(struct kan_buf *raw, struct kan_engine *e, const char *path,
		       struct kan_err *err)
{
	int status = 0;
	if (kan_engine_get(&status, e, path, raw->max, keep, raw, err) < 0)
		return -1;
	return kan_engine_status_err(status, path, kan_buf_bytes(raw), err);
}

int kan_engine_parse(json_t **out, struct kan_bytes raw, struct kan_err *err)
{
	return kan_json_parse(out, raw, KAN_ENGINE_ANSWER_MAX, DEPTH_MAX, err);
}

/* "1.41" to 41; -1 when it is no version of ours. */
static int minor(const char *text)
{
	char *end = NULL;
	if (!text || strncmp(text, "1.", 2) != 0 || text[2] < '0' || text[2] > '9')
		return -1;
	long v = strtol(text + 2, &end, 10);
	return *end || v > 10000 ? -1 : (int)v;
}

int kan_engine_choose_api(char out[16], const char *least, const char *most, struct kan_err *err)
{
	int high = minor(most), low = least && *least ? minor(least) : 0;
	if (high < 0 || low < 0)
		return kan_fail(err, KAN_EENGINE,
				"the engine names no API version that can be read");
	if (high < API_FIRST || low > API_LAST)
		return kan_fail(err, KAN_EENGINE,
				"the engine speaks API %s to %s; kanshiki speaks 1.%d to 1.%d",
				least && *least ? least : "?", most, API_FIRST, API_LAST);
	(void)snprintf(out, 16, "1.%d", high < API_LAST ? high : API_LAST);
	return 0;
}

static int negotiate(struct kan_engine *e, struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(SMALL_ANSWER);
	json_t *doc = NULL;
	if (kan_engine_get_raw(&raw, e, "/_ping", err) < 0)
		return -1;
	if (!kan_bytes_eq(kan_buf_bytes(&raw), KAN_LIT("OK")))
		return kan_fail(err, KAN_EENGINE, "what answers there is no container engine");
	kan_buf_reset(&raw);
	/* Without a prefix: every engine answers it, whatever versions it speaks. */
	if (kan_engine_get_raw(&raw, e, "/version", NULL) < 0 ||
	    kan_engine_parse(&doc, kan_buf_bytes(&raw), NULL) < 0)
		return 0; /* it answers: then without a prefix, which is its newest version; the
			     collector records why */
	int rc = kan_engine_choose_api(e->api,
				       json_string_value(json_object_get(doc, "MinAPIVersion")),
				       json_string_value(json_object_get(doc, "ApiVersion")), err);
	json_decref(doc);
	return rc;
}

static int address(struct kan_engine *e, const char *host, struct kan_err *err)
{
	e->host = kan_xstrdup(host);
	if (strncmp(host, "tcp://", 6) == 0)
		return kan_remote_use(e, host, err);
	if (strncmp(host, "unix://", 7) == 0 && host[7] == '/')
		e->socket = kan_xstrdup(host + 7);
	else if (strncmp(host, "replay:", 7) == 0)
		e->replay = kan_xstrdup(host + 7);
	else
		return kan_fail(
			err, KAN_EUSAGE,
			"'%.200s' is no engine that can be used: name its socket, -H unix:///path",
			host);
	return 0;
}

static int use(struct kan_engine **out, const char *host, struct kan_err *err)
{
	struct kan_engine *e = kan_xalloc(sizeof(*e));
	if (address(e, host, err) < 0) {
		kan_engine_free(e);
		return -1;
	}
	if (negotiate(e, err) < 0) {
		/* Whatever it was that could not be read: an engine that cannot be used. */
		if (err && (err->code == KAN_ELIMIT || err->code == KAN_EFORMAT))
			err->code = KAN_EENGINE;
		if (e->socket && access(e->socket, W_OK) < 0 && errno == EACCES)
			(void)kan_fail(
				err, KAN_EDENIED,
				"%s: permission denied: run as root or as a member of its group",
				e->socket);
		else if (e->socket)
			(void)kan_wrap(err,
				       "%s: is the engine running, is it the right socket (-H)?",
				       e->socket);
		else if (e->remote)
			(void)kan_wrap(err, "%.200s", e->host);
		kan_engine_free(e);
		return -1;
	}
	*out = e;
	return 0;
}

int kan_engine_open(struct kan_engine **out, const char *host, struct kan_err *err)
{
	const char *given = host ? host : getenv("DOCKER_HOST");
	if (given && *given)
		return use(out, given, err);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		char text[128];
		struct stat st;
		if (stat(usual[i], &st) < 0)
			continue;
		(void)snprintf(text, sizeof(text), "unix://%s", usual[i]);
		if (use(out, text, err) == 0)
			return 0;
		if (err && err->code == KAN_EDENIED)
			return -1;
	}
	if (err && err->code != KAN_OK)
		return -1;
	return kan_fail(
		err, KAN_EENGINE,
		"no engine found: no Docker or Podman socket; name one with -H unix:///path");
}

void kan_engine_free(struct kan_engine *e)
{
	if (!e)
		return;
	free(e->host);
	free(e->socket);
	free(e->replay);
	free(e->remote);
	free(e->ca);
	free(e->cert);
	free(e->key);
	free(e);
}

void kan_engine_watch(struct kan_engine *e, kan_engine_call_fn *fn, void *arg)
{
	if (!e) /* offline: nobody is asked */
		return;
	e->watch = fn;
	e->watch_arg = arg;
}

const char *kan_engine_host(const struct kan_engine *e)
{
	return e->host;
}

const char *kan_engine_socket(const struct kan_engine *e)
{
	return e->socket;
}

const char *kan_engine_api(const struct kan_engine *e)
{
	return e->api;
}
