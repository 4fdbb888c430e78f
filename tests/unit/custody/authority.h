/* Time stamp authorities of the tests' own, made by openssl, and replies of any time by its
 * library. */
#ifndef KAN_TEST_CUSTODY_AUTHORITY_H
#define KAN_TEST_CUSTODY_AUTHORITY_H

#include "fixture.h"

#include <time.h>

/* <f->dir>/<name> with ca.pem, tsa.pem, tsa.key, tsa.cnf; dates "YYYYMMDDhhmmssZ", NULL: both. */
void authority_make(const struct fixture *f, const char *name, const char *start, const char *end);
/* What `openssl ts -reply` answers, now. */
void authority_reply(struct kan_buf *out, const struct fixture *f, const char *name,
		     struct kan_bytes request);
/* The same at another time. */
void authority_reply_at(struct kan_buf *out, const struct fixture *f, const char *name,
			struct kan_bytes request, time_t at, long usec);
/* One of its files. */
void authority_path(char out[512], const struct fixture *f, const char *name, const char *file);

#endif
