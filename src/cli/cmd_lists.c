/* collectors, rules: what can be collected, and what is looked for. */
#include <string.h>

#include <kanshiki/collector.h>
#include <kanshiki/rule.h>

#include "cli/cmd.h"

static const struct kan_option rules_options[] = {
	{"rules", 0, "DIR", "check these instead of the shipped ones"},
	{NULL, 0, NULL, NULL},
};

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

static int rules(const struct kan_args *a)
{
	struct kan_rules *r = NULL;
	struct kan_err err = {0};
	const char *dir = kan_arg(a, "rules");
	if (strcmp(a->words[0], "list") != 0) {
		kan_say("usage: kanshiki rules list [--rules DIR]");
		return KAN_EXIT_USAGE;
	}
	if ((dir ? kan_rules_load(&r, dir, &err) : kan_rules_shipped(&r, &err)) < 0)
		return kan_say_err(&err);
	json_t *list = kan_rules_list(r), *one = NULL;
	size_t i = 0;
	json_array_foreach (list, i, one)
		if (!kan_flag(a, "json"))
			(void)printf("%-28s %-9s %s\n",
				     json_string_value(json_object_get(one, "id")),
				     json_string_value(json_object_get(one, "severity")),
				     json_string_value(json_object_get(one, "title")));
	int status = kan_flag(a, "json") ? kan_print_json(list) : KAN_EXIT_OK;
	json_decref(list);
	kan_rules_free(r);
	return status;
}

extern const struct kan_command kan_cmd_collectors, kan_cmd_rules;
const struct kan_command kan_cmd_collectors = {
	.name = "collectors",
	.args = "",
	.summary = "what can be collected, in the order of volatility",
	.run = collectors,
};
const struct kan_command kan_cmd_rules = {
	.name = "rules",
	.args = "list [--rules DIR]",
	.summary = "what the analysis looks for",
	.options = rules_options,
	.min_words = 1,
	.max_words = 1,
	.run = rules,
};
