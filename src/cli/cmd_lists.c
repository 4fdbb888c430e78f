/* collectors: what can be collected. */
#include <kanshiki/collector.h>

#include "cli/cmd.h"

static int collectors(const struct kan_args *a)
{
	json_t *list = json_array();
	for (const struct kan_collector *const *c = kan_collectors; *c; c++) {
		json_array_append_new(list, json_pack("{s:s,s:i,s:s}", "name", (*c)->name, "tier",
						      (int)(*c)->tier, "summary", (*c)->summary));
		if (!kan_flag(a, "json"))
			(void)printf("%-14s tier %d  %s\n", (*c)->name, (int)(*c)->tier,
				     (*c)->summary);
	}
	int status = kan_flag(a, "json") ? kan_print_json(list) : KAN_EXIT_OK;
	json_decref(list);
	return status;
}

extern const struct kan_command kan_cmd_collectors;
const struct kan_command kan_cmd_collectors = {
	.name = "collectors",
	.args = "",
	.summary = "what can be collected, in the order of volatility",
	.run = collectors,
};
