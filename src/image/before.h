/* The image's version of a file: its digest, and its bytes in before.tar while the budget lasts. */
#ifndef KAN_IMAGE_BEFORE_H
#define KAN_IMAGE_BEFORE_H

#include "image/lower.h"
#include "image/take.h"

enum { KAN_BEFORE_FILE = 1 << 20, KAN_BEFORE_TOTAL = 64 << 20 };

struct kan_before;
int kan_before_open(struct kan_before **out, struct kan_sink *s, const char *name,
		    struct kan_err *err);
int kan_before_close(struct kan_before *b,
		     struct kan_err *err); /* tells what was left out; frees in every case */
void kan_before_abandon(struct kan_before *b);

/* Would the bytes of this file be kept? */
bool kan_before_fits(const struct kan_before *b, const struct kan_below *below);
/*
 * Read the lower file once: sha256 is set, or "" with a gap. Its bytes stay in memory when they
 * fit, and go into the tar with keep.
 */
void kan_before_read(char sha256[KAN_SHA256_HEX], struct kan_before *b,
		     const struct kan_below *below, struct kan_bytes path);
/* The file read last goes into the tar; one that did not fit is counted. -1: evidence cannot be
 * written. */
int kan_before_keep(struct kan_before *b, const struct kan_below *below, struct kan_bytes path,
		    struct kan_err *err);
/* Not read because it does not fit: counted. */
void kan_before_leave_out(struct kan_before *b, const struct kan_below *below);

#endif
