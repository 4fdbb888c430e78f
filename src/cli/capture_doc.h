/* The document of `capture --json` (kanshiki.capture/1), and the small words that several commands
 * share. */
#ifndef KAN_CLI_CAPTURE_DOC_H
#define KAN_CLI_CAPTURE_DOC_H

#include <kanshiki/custody.h>

#include "capture/capture.h"
#include "cli/cmd.h"

struct kan_capture_doc {
	const struct kan_capture_result *capture;
	const struct kan_receipt *receipt, *derived; /* NULL: not committed */
	const struct kan_read *read;
	json_t *act;           /* --then: borrowed, or NULL */
	const char *timestamp; /* of the seal: none, queued, unchecked, verified */
	int status;
};
json_t *kan_capture_json(const struct kan_capture_doc *doc); /* yours */
int kan_print_capture(const struct kan_capture_doc *doc);

/* For a request id that was done before: what the receipt knows. */
int kan_print_seen(const struct kan_receipt *r, int status);
/* Nothing was sealed: {schema, exit, error}; partial and act are NULL where there is none. */
int kan_print_failure(const struct kan_err *err, int status, const char *partial, json_t *act);

json_t *kan_receipt_json(const struct kan_receipt *r);
bool kan_colour(const struct kan_args *a);
char *kan_absolute(const char *path);
void kan_size_words(char *out, size_t n, uint64_t bytes); /* "4.7 kB" */

#endif
