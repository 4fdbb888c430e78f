/* Between the scanner of YARA rules and its parent: messages over a pipe. */
#ifndef KAN_ANALYZE_YARALINE_H
#define KAN_ANALYZE_YARALINE_H

#include "analyze/yarascan.h"

enum kan_yara_kind {
	KAN_YARA_BOX = 1,
	KAN_YARA_SCAN,
	KAN_YARA_BEGIN,
	KAN_YARA_HIT,
	KAN_YARA_GAP,
	KAN_YARA_DONE,
	KAN_YARA_FAILED
};
enum {
	KAN_YARA_BOX_PRIVILEGES = 1,
	KAN_YARA_BOX_LANDLOCK = 2,
	KAN_YARA_BOX_SECCOMP = 4,
	KAN_YARA_BOX_WHOLE = 7
};

struct kan_yara_message {
	uint32_t kind, n; /* n: octets that follow, or the bits of the box */
	uint64_t number;  /* of a subject */
};
struct kan_yara_failure {
	uint32_t code;
	char text[KAN_ERR_TEXT];
};

/* The child: into its sandbox, then over the bundle from subject number from; never returns. */
_Noreturn void kan_yara_child(int out, const struct kan_yara_job *job, uint64_t from);

/* Where bytes are, and what they are: the collectors' own words. */
struct kan_yara_place {
	const char *prefix, *what, *trust;
	bool tar, mount;
};
/* NULL: nothing of it is scanned. */
const struct kan_yara_place *kan_yara_place_of(const char *artefact);
/* The row, when it is one that a scanner says which is itself, of the subject at hand; else NULL.
 * Yours. */
json_t *kan_yara_take(enum kan_yara_kind kind, struct kan_bytes line, const json_t *subject);

/* What the parent knows. */
struct kan_yara_hearing {
	const struct kan_yara_job *job;
	struct kan_buf *rows;
	char *unboxed;
	int64_t until_ns;
	unsigned restarts;
	uint64_t next; /* the subject to go on with */
	bool boxed, about;
	json_t *subject; /* what the child is at; NULL: at none yet */
	uint64_t files, hits, gaps, hits_left_out, gaps_left_out;
};
/* How a child ended. SILENT: nothing came for as long as one step may take. TIME_UP: nor may
 * anything more. OVER: it said so, with err when it failed. BAD: it said what it may not. */
enum kan_yara_outcome {
	KAN_YARA_GO_ON,
	KAN_YARA_ENDED,
	KAN_YARA_SILENT,
	KAN_YARA_TIME_UP,
	KAN_YARA_OVER,
	KAN_YARA_BAD
};
/* All that one child says, until it ends. The child may be hostile: it parsed hostile bytes. */
enum kan_yara_outcome kan_yara_hear(struct kan_yara_hearing *s, int fd, struct kan_err *err);

#endif
