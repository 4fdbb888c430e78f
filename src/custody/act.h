/* The event of an act on a container. */
#ifndef KAN_CUSTODY_ACT_H
#define KAN_CUSTODY_ACT_H

#include <jansson.h>
#include <kanshiki/custody.h>

/*
 * An act event, after the collect commit of the bundle that of names. done: the act object (do,
 * target, undo ...); failed: why it was not done, or not wholly; NULL: it was. What it changed is
 * act->impact.
 */
int kan_custody_act(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		    const json_t *done, const char *failed, const struct kan_act *act,
		    struct kan_err *err);
/* What a derive commit adds. stamp: an RFC 3161 reply over the bytes of the commit that the receipt
 * names; empty: none. */
struct kan_derived {
	const char *files_dir;
	struct kan_bytes stamp;
};
int kan_custody_derive_with(struct kan_receipt *out, struct kan_custody *c,
			    const struct kan_receipt *of, const struct kan_derived *with,
			    const struct kan_act *act, struct kan_err *err);
/* What people say of a finding: as is "confirmed" or "dismissed". A note of the case. */
int kan_custody_judge(struct kan_receipt *out, struct kan_custody *c, const char *finding,
		      const char *as, const char *text, const struct kan_act *act,
		      struct kan_err *err);
/* The case is resolved: its close event. Evidence and notes may follow all the same. */
int kan_custody_close(struct kan_receipt *out, struct kan_custody *c, const char *text,
		      const struct kan_act *act, struct kan_err *err);

#endif
