/* A user's YARA rules over a bundle: changed files, files of mounts, carved bytes, logs; in a child
 * that has nothing but them. */
#ifndef KAN_ANALYZE_YARASCAN_H
#define KAN_ANALYZE_YARASCAN_H

#include <jansson.h>
#include <kanshiki/bundle.h>

/* The rows of a scan, as a source gives them: never a file of a bundle. */
#define KAN_YARA_ROWS "yara.ndjson"

struct kan_yara_limits {
	int compile_s, file_s, total_s;
	int grace_s; /* beyond file_s before a scan that does not look at its clock is ended */
	uint64_t file_octets;
	unsigned hits, gaps; /* rows; beyond they are counted */
	unsigned restarts;   /* after a scan that ended its child, or had to be ended */
};
extern const struct kan_yara_limits kan_yara_defaults;

struct kan_yara_job {
	const char *bundle; /* directory */
	const char *rules;  /* file or folder */
	struct kan_yara_limits limits;
};
/* What the kernel did not give the child: "" when nothing is missing. */
enum { KAN_YARA_UNBOXED = 64 };

/*
 * Rows as NDJSON into rows: one of type scan (what with), then hit and gap in the order of the
 * bundle, then one of type end. usage: "file:line: why" of a rule. tamper: not what was sealed.
 * limit: the rules were not compiled within their limits.
 */
int kan_yara_scan(struct kan_buf *rows, char unboxed[KAN_YARA_UNBOXED],
		  const struct kan_yara_job *job, struct kan_err *err);

/* The walk, in the child. Subjects are numbered from 0 in the order of the bundle; those below
 * from are passed over. */
struct kan_yara;
struct kan_source;
struct kan_yara_tell {
	/* Before a subject is scanned: {"what", "artefact"}, what to say if it never ends. */
	int (*begin)(const json_t *place, uint64_t number, void *arg, struct kan_err *err);
	int (*row)(const json_t *row, bool gap, void *arg, struct kan_err *err);
	void *arg;
};
int kan_yara_walk(struct kan_yara *y, const struct kan_source *s, const struct kan_bundle *b,
		  const struct kan_yara_limits *limits, uint64_t from,
		  const struct kan_yara_tell *tell, struct kan_err *err);

#endif
