/* The bundles of a home: their names, and what its repository knows of them. */
#ifndef KAN_CLI_BUNDLES_H
#define KAN_CLI_BUNDLES_H

#include <kanshiki/bundle.h>

#include "cli/cmd.h"

struct kan_home_bundles {
	char *home, *dir, *reports; /* reports NULL: there are none */
	char **names;               /* as they lie there, the oldest first; left-overs too */
	size_t n;
};
/* not-found when the home has no directory of bundles; denied when it may not be read. */
int kan_home_bundles(struct kan_home_bundles *out, const struct kan_args *a, struct kan_err *err);
void kan_home_bundles_free(struct kan_home_bundles *h);

/*
 * As kan_custody_recorded, in a child in the readers' sandbox; *out stays NULL when the home has no
 * repository. With a case that is not there: not-found.
 */
int kan_home_recorded(json_t **out, const char *home, const char *case_id, const char *derived,
		      struct kan_err *err);

/* In a child: the bundle of that name. Otherwise why says "unsealed", "altered" or "unreadable" in
 * code, and the reason in err. */
int kan_home_bundle(struct kan_bundle **out, const char **code, const struct kan_home_bundles *h,
		    const char *name, struct kan_err *err);
/* {name, id, image} of its container, as its capture.json has it. Yours. */
json_t *kan_home_container(const struct kan_bundle *b);

#endif
