/* What the repository tells of a case, as plain rows: reports never see custody. */
#ifndef KAN_CLI_CASE_H
#define KAN_CLI_CASE_H

#include <jansson.h>
#include <kanshiki/err.h>
#include <stdint.h>

struct kan_case_events {
	char id[80];     /* as the repository spells it */
	json_t *events;  /* rows of reports/case.h; json_decref it */
	json_t *bundles; /* {bundle, seal}, in the order of their events; json_decref it */
	uint64_t events_left_out, bundles_left_out;
};
/* not-found, with the cases that there are, when there is no such case. */
int kan_case_events(struct kan_case_events *out, const char *home, const char *id,
		    struct kan_err *err);

#endif
