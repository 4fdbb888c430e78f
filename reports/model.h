/* What every renderer prints. Only model*.c compute; a renderer chooses words and escapes. */
#ifndef KAN_REPORTS_MODEL_H
#define KAN_REPORTS_MODEL_H

#include "reports/drain.h"
#include "reports/lang.h"

enum {
	KAN_MODEL_SECTION = 200, /* rows that one section of html or md lists */
	KAN_MODEL_VALUE = 4096,  /* bytes of one value in html and md */
	KAN_MODEL_TREE = 200,    /* nodes of the process tree */
	KAN_MODEL_PEERS = 60,    /* peers of the network picture */
	KAN_MODEL_INDICATORS = 200,
};

/*
 * A line is an array of parts: {"text"} is ours, {"value", "value_b64"} is of the evidence and is
 * escaped for the sink, and may be cut; {"command"} is never cut.
 */
struct kan_entry {
	json_t *parts;
	int64_t n; /* finding number, 0: none */
};
struct kan_entries {
	struct kan_entry *at;
	size_t n;
};

/* Geometry of a picture, in integers. */
struct kan_node {
	int x, y, parent; /* index, -1: none */
	const json_t *row;
	const char *mark; /* image, foreign, memory, gone, unknown */
	int64_t n;
	bool socket;
};
struct kan_edge {
	int from, to; /* y of the process, y of the peer */
	bool in;
};
struct kan_tree {
	struct kan_node *nodes;
	size_t n, left_out;
	int width, height;
};
struct kan_graph {
	struct kan_node *left, *right; /* processes with connections; peers */
	size_t n_left, n_right, left_out;
	struct kan_edge *edges;
	size_t n_edges;
	int width, height;
};

struct kan_model {
	const json_t *doc, *receipt;
	kan_rows_fn *rows; /* NULL: there are none beyond the document */
	const void *from;
	kan_drain_fn *drain; /* NULL: a report stays in its buffer */
	void *drain_arg;
	const struct kan_lang *lang; /* NULL: English */
	uint64_t counts[4];          /* low, medium, high, critical */
	uint64_t total, not_assessed;
	uint64_t suppressed; /* findings that the user has accepted */
	struct kan_entries first, do_now, now, talks, entry, changed, hidden, views, reach, secrets,
		after, not_seen;
	size_t now_more, talks_more;
	json_t *headline;   /* level, strength and witnesses; or that nothing was found */
	bool alarm;         /* something counts for an intrusion */
	json_t *about;      /* the line under the verdict */
	json_t *indicators; /* array of {kind, value, n} */
	json_t *peers;      /* array of {scope, dir, raddr, rport, sent, received, pid, n, count} */
	struct kan_tree tree;
	struct kan_graph graph;
};

extern const char *const kan_model_severities[4];
/* The lowest finding number that has this process, path or peer as an object; 0: none. */
int64_t kan_model_pid_finding(const struct kan_model *m, int64_t pid);
int64_t kan_model_object_finding(const struct kan_model *m, const char *kind, const json_t *row,
				 const char *const *keys);

/* Rows of an artefact, in order; none where it is not there. */
int kan_model_stream(const struct kan_model *m, const char *artefact, kan_row_fn *fn, void *arg,
		     struct kan_err *err);

/* Parts of a line. */
void kan_part_text(json_t *parts, const char *text);
void kan_part_textf(json_t *parts, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kan_part_command(json_t *parts, const char *text);
void kan_part_value(json_t *parts, const json_t *holder, const char *key);
void kan_part_bytes(json_t *parts, struct kan_bytes v);
void kan_part_list(json_t *parts, const json_t *holder,
		   const char *key); /* a list of bytes, spaces between */
void kan_entry_add(struct kan_entries *e, json_t *parts, int64_t n);

/* The number of the finding that an id names; 0: a rule that only votes. */
int64_t kan_model_number(const struct kan_model *m, const char *id);
/* A hypothesis in a line: name, side, grade, and what was missing. */
void kan_model_hypothesis(json_t *parts, const json_t *h);

/* The pieces of the model, one file each. */
void kan_model_verdict(struct kan_model *m);
void kan_model_screen(struct kan_model *m);
void kan_model_reach(struct kan_model *m); /* of it: what it can reach, and what leaked */
void kan_model_pictures(struct kan_model *m);
const json_t *kan_model_rows(const struct kan_model *m,
			     const char *section); /* doc[section].rows */

#endif
