/* Rung 5: the files that the image shows against the checksums of its own packages. */
#ifndef KAN_ANALYZE_RECORDED_H
#define KAN_ANALYZE_RECORDED_H

#include "analyze/facts.h"

enum { KAN_RECORDED_PATHS = 100 };

struct kan_recorded {
	const char *why;      /* it could not be done, or not for all; or NULL */
	uint64_t as_recorded; /* files with their package's checksum */
	uint64_t modified;    /* and with another one */
	uint64_t conffiles;   /* the same of configuration files: builders edit these */
	uint64_t unrecorded;  /* files of a package that records none that could be compared */
	json_t *paths;        /* of modified ones, KAN_RECORDED_PATHS at most; NULL: none */
};
/* Of an image that --verify-image read. -1: the evidence was altered. Yours: paths. */
int kan_recorded_check(struct kan_recorded *out, const struct kan_facts *f, struct kan_err *err);

#endif
