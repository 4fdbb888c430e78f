/* A condition as the loader leaves it; for cond*.c alone. */
#ifndef KAN_ANALYZE_COND_PART_H
#define KAN_ANALYZE_COND_PART_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "analyze/cond.h"
#include "analyze/count.h"
#include "analyze/facts.h"
#include "analyze/sequence.h"

enum kan_cond_op {
	OP_ALL,
	OP_ANY,
	OP_NOT,
	OP_EQ,
	OP_IN,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_CONTAINS,
	OP_STARTS,
	OP_ENDS,
	OP_RE,
	OP_CIDR,
	OP_EXISTS,
	OP_COUNT,
	OP_SEQUENCE
};

struct kan_cond {
	enum kan_cond_op op;
	const struct kan_column *column;
	int which; /* -1: of the row itself; else of the join */
	const char *trust;
	const json_t *arg;
	bool icase;
	pcre2_code *re;
	pcre2_match_context *limits;
	pcre2_match_data *data; /* of the match at hand */
	struct kan_net net;
	struct kan_count *count;
	struct kan_sequence *sequence;
	struct kan_cond **kids;
	size_t n;
};

#endif
