/* Lines of the container's log, whatever the engine's driver wrote them as. */
#ifndef KAN_ANALYZE_LOGLINES_H
#define KAN_ANALYZE_LOGLINES_H

#include "analyze/facts.h"

enum {
	KAN_LOG_READ = 16 << 20, /* octets of the logs' ends that are looked at, all together */
	KAN_LOG_PACKED =
		4 << 20, /* octets of a packed rotation as it lies; a larger one is left out */
	KAN_LOG_LINE = 64 << 10, /* octets of one line; beyond it is cut */
};

struct kan_log_line {
	struct kan_bytes text; /* the container's own words, without the line's end */
	const char *stream;    /* "stdout", "stderr", "" */
	int64_t time_ns;       /* when the engine took it, UTC; 0: not known */
	const char *artefact;
	uint64_t number; /* line, or record, of the artefact, from 1 */
};
typedef int kan_log_line_fn(const struct kan_log_line *line, void *arg, struct kan_err *err);

/* From the oldest that is looked at to the newest. What a driver of another kind wrote, a
 * packed rotation that is malformed or does not fit, and what is older are left out: see
 * kan_log_unread. */
int kan_log_lines(const struct kan_facts *f, kan_log_line_fn *fn, void *arg, struct kan_err *err);
/* Octets of the logs in the bundle that kan_log_lines does not look at. */
uint64_t kan_log_unread(const struct kan_facts *f);
/* The same as what a rule over lines did not see; NULL: nothing. Yours. */
json_t *kan_log_unseen(const struct kan_facts *f);

/* The parsers, pure. Each takes one record from the front of left; false: it is at its end, or what
 * is left is no record. decoded holds the text. */
bool kan_log_json(struct kan_log_line *out, struct kan_bytes *left, struct kan_buf *decoded);
bool kan_log_k8s(struct kan_log_line *out, struct kan_bytes *left);
bool kan_log_local(struct kan_log_line *out, struct kan_bytes *left);

#endif
