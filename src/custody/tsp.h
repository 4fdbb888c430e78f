/* RFC 3161: a request for a time stamp, and the proof that a reply is. The only user of OpenSSL's
 * TS. custody.md section 7. */
#ifndef KAN_CUSTODY_TSP_H
#define KAN_CUSTODY_TSP_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_TSP_REPLY_MAX = 1 << 20,
	KAN_TSP_REQUEST_MAX = 4096,
	KAN_TSP_CA_MAX = 1 << 20, /* a file of PEM certificates */
	KAN_TSP_CAS = 64,         /* certificates in it */
};

/* The authorities that count. */
struct kan_tsp_ca;
/* Follows links: the file is the user's. usage: it cannot be read, or holds no certificate. */
int kan_tsp_ca_load(struct kan_tsp_ca **out, const char *path, struct kan_err *err);
void kan_tsp_ca_free(struct kan_tsp_ca *ca);
void kan_tsp_ca_auto(struct kan_tsp_ca **ca);
#define kan_auto_tsp_ca __attribute__((cleanup(kan_tsp_ca_auto)))

/* DER: version 1, SHA-256 of the message, a nonce of 128 bits, certReq. */
int kan_tsp_request(struct kan_buf *out, struct kan_bytes message, struct kan_err *err);
/* Is it such a request over this message? format, or tamper: over other bytes. */
int kan_tsp_request_check(struct kan_bytes request, struct kan_bytes message, struct kan_err *err);

/* Borrowed. */
struct kan_tsp_ask {
	struct kan_bytes message;
	struct kan_bytes request;    /* empty: not at hand, the nonce is not asked */
	const struct kan_tsp_ca *ca; /* NULL: any authority; its own certificate still has to fit */
};
/*
 * Granted, over the message, with the request's nonce, signed by an authority's certificate for
 * time stamping, as of the reply's own time. at: that time, UTC nanoseconds. format: no reply, or
 * one without a stamp. tamper: over other bytes, another nonce, a bad signature. not-found: by
 * none of these authorities, or not valid then.
 */
int kan_tsp_verify(int64_t *at, struct kan_bytes reply, const struct kan_tsp_ask *ask,
		   struct kan_err *err);

#endif
