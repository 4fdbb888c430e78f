/* capture --then: the options, the act through src/respond, its custody event, and what is said. */
#ifndef KAN_CLI_THEN_H
#define KAN_CLI_THEN_H

#include <kanshiki/custody.h>

#include "capture/capture.h"
#include "cli/cmd.h"

/* What was asked for, and what came of it for the container at hand. */
struct kan_then {
	bool asked, stay_paused, loses;
	bool tried;               /* act is of what was asked for, and not of --on-fail alone */
	int what;                 /* enum kan_respond_do */
	json_t *act;              /* what was tried; NULL: nothing */
	const char *failed;       /* why what was asked for was not done; NULL: it was */
	struct kan_receipt event; /* commit "" without one */
};
extern const char *const kan_then_words[], *const kan_on_fail_words[]; /* NULL-terminated */
int kan_then_read(struct kan_then *t, const struct kan_args *a);       /* -1: said why on stderr */
int kan_then_allowed(const struct kan_then *t, const struct kan_target *target,
		     struct kan_err *err);
int kan_then_do(struct kan_then *t, struct kan_capture_hold *h, struct kan_err *err);
/* After the capture: what is left to be recorded of it. Call once before the next three. */
void kan_then_settle(struct kan_then *t, const struct kan_capture_result *c);
int kan_then_commit(struct kan_then *t, struct kan_custody *custody, const struct kan_receipt *of,
		    const struct kan_act *who, struct kan_err *err);
void kan_then_say(FILE *out, const struct kan_then *t, const struct kan_capture_result *c);
/* The field `act` of kanshiki.capture/1, or NULL. Yours. */
json_t *kan_then_json(const struct kan_then *t, const struct kan_capture_result *c);
/* Of a request that was seen before: 1 there is an event of this act, and it was done, or no act is
 * asked for; 0 not, and it is said; -1 error. */
int kan_then_was_done(const struct kan_then *t, const char *home, const char *request_id,
		      struct kan_err *err);
void kan_then_reset(struct kan_then *t); /* for the next container */

#endif
