/* What a --request-id has done before, as the home's chain has it. Nothing is made or written, and
 * no key is asked for. */
#ifndef KAN_CLI_SEEN_H
#define KAN_CLI_SEEN_H

#include <kanshiki/custody.h>

/*
 * The receipt of the capture with that request id: 1 found, 0 not (also: no such home), -1 error:
 * refused when the home is not ours alone, tamper when the chain cannot be read.
 */
int kan_seen_request(struct kan_receipt *out, const char *home, const char *request_id,
		     struct kan_err *err);
/*
 * Each event of that request in the case of its capture, oldest first: the collect event, acts,
 * what was derived. Event and commit are borrowed. fn: 0 go on, 1 stop, -1 error. 1 the capture was
 * found, 0 not, -1 error.
 */
int kan_seen_events(const char *home, const char *request_id, kan_event_fn *fn, void *arg,
		    struct kan_err *err);

#endif
