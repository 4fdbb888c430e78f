/* --dry-run, of capture and of quarantine. */
#ifndef KAN_CLI_PLAN_H
#define KAN_CLI_PLAN_H

#include "cli/cmd.h"
#include "respond/respond.h"

struct kan_plan_acts {
	const enum kan_respond_do *what;
	size_t n;
};
/* plan: of kan_capture_plan. Text, or the document kanshiki.plan/1. The exit status. */
int kan_plan_print(const json_t *plan, const struct kan_plan_acts *acts, bool json);

#endif
