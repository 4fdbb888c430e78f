/* HTTP/1.1 over a unix socket or TCP by libcurl: bounded in time and size, no redirect, no proxy.
 */
#ifndef KAN_BASE_HTTP_H
#define KAN_BASE_HTTP_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_HTTP_CONNECT_MS = 5000,
	KAN_HTTP_SILENCE_S = 10,
	KAN_HTTP_HEADERS_MAX = 64 << 10,
	KAN_HTTP_INTERIM_MAX = 16
};

/* Files of TLS, all three or none: who may sign for the other end, and who we are. None, and a URL
 * with https: whom the system's own list trusts, and we stay nobody. */
struct kan_http_tls {
	const char *ca, *cert, *key;
};

typedef int kan_http_data_fn(struct kan_bytes piece, void *arg); /* -1 stops */
struct kan_http_request {
	const char *socket; /* unix socket path, or NULL */
	struct kan_http_tls tls;
	const char *url;    /* "http://localhost/v1.41/..." */
	const char *method; /* "GET", "POST" or "PUT" */
	struct kan_bytes body;
	/* The body is what this descriptor of a file has, from its beginning, when body_size is not
	 * 0; it is read by pread, and its offset stays. */
	int body_fd;
	uint64_t body_size;
	const char *content_type;   /* of the body, or NULL */
	const char *const *headers; /* "Name: value" each, NULL-terminated; or NULL */
	const char *user;           /* "name:password" for HTTP's Basic, or NULL */
	uint64_t max;               /* octets of the answer's body; beyond: limit */
	unsigned total_ms;          /* whole call */
	unsigned silence_s;         /* without a byte; 0: KAN_HTTP_SILENCE_S */
	kan_http_data_fn *on_data;
	void *arg;
};
/* One call, one connection. -1: engine (sys ETIMEDOUT when too slow; format when the reply is no
 * HTTP); status may be set. */
int kan_http_call(int *status, const struct kan_http_request *r, struct kan_err *err);
/* Once per process, before threads, from main. */
int kan_http_global_init(struct kan_err *err);

#endif
