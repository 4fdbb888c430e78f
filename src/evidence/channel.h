/* What a collector's child tells the conductor: fixed-size messages over SOCK_SEQPACKET. */
#ifndef KAN_EVIDENCE_CHANNEL_H
#define KAN_EVIDENCE_CHANNEL_H

#include <kanshiki/sink.h>
#include <stdatomic.h>

enum kan_msg_type {
	KAN_MSG_READY = 1, /* n[0] entries, n[1] bytes: waiting for the window */
	KAN_MSG_GO,        /* conductor to child: read now; n[0] 1: inside the pause */
	KAN_MSG_LEAVE,     /* nothing more needs the pause */
	KAN_MSG_BREAK,     /* a read blocks: end the pause */
	KAN_MSG_ARTEFACT, /* what: path below the bundle; sha256; n[0] octets, n[1] rows, n[2] whole
			   */
	KAN_MSG_GAP,      /* what, why, code */
	KAN_MSG_LIMIT,    /* what, why; n[0] seen, n[1] kept, n[2] limit */
	KAN_MSG_SCOPE,    /* what, why */
	KAN_MSG_IMPACT,   /* why */
	KAN_MSG_ITEMS,    /* n[0] */
	KAN_MSG_REQUEST,  /* what: path, why: method, sha256 of the answer; n[0] status, n[1] octets
			   */
	KAN_MSG_END, /* n[0] 0: done, 1: gave up (why), 2: fatal, evidence cannot be written (why)
		      */
};
/* A collector of the last tier is ended so long after it began; it may end before, by itself. */
enum { KAN_CHILD_AFTER_S = 1200 };
enum { KAN_MSG_WHAT = 1024, KAN_MSG_WHY = 512 };

/* Texts are NUL-terminated and clean for display (control characters made visible by the sink). */
struct kan_msg {
	uint32_t type, code;
	uint64_t n[4];
	char sha256[65];
	char what[KAN_MSG_WHAT];
	char why[KAN_MSG_WHY];
};
/* Is a received message well-formed: size, type, code, NULs, hex, artefact name? */
bool kan_msg_ok(const struct kan_msg *m, size_t size);

/*
 * Shared (MAP_SHARED|MAP_ANONYMOUS) by conductor, lease and children: the state a row's "frozen"
 * tells; and what one collector reads for another (evidence/holders.h), NULL: nothing.
 */
struct kan_holders;
struct kan_window {
	_Atomic int frozen;
	struct kan_holders *holders;
};

struct kan_sink_opts {
	int bundle_fd; /* <bundle>.partial */
	int channel;
	const char *collector, *bundle;
	struct kan_window *window;
	const char *const *artefacts; /* allowed names, '*' within a component; "x/": a directory;
					 NULL: any (tests) */
};
int kan_sink_new(struct kan_sink **out, const struct kan_sink_opts *o, struct kan_err *err);
/* Artefacts still open are abandoned. */
void kan_sink_free(struct kan_sink *s);
/* Has a write failed? Then the capture may not be sealed. */
bool kan_sink_failed(const struct kan_sink *s);
/* One call to the engine, for the journal: arg of kan_engine_watch is the sink. */
struct kan_engine_call;
void kan_sink_request(const struct kan_engine_call *call, void *sink);
void kan_sink_end(struct kan_sink *s, int status, const char *why);

#endif
