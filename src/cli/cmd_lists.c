/* collectors: what can be collected, and what of it here. */
#include <stdlib.h>

#include "cli/able.h"
#include "cli/cmd.h"

/* Without an engine the reason is one for all, and was said. */
static void print_one(const struct kan_collector *c, const struct kan_able *able, bool tell)
{
	(void)printf("%-14s tier %d  %s\n", c->name, (int)c->tier, c->summary);
	if (able->state == KAN_ABLE || !tell)
		return;
	(void)printf("%-14s %s: ", "", kan_able_words[able->state]);
	kan_print(stdout, kan_bytes_of(able->why));
	(void)printf("%s%s\n", able->todo ? ": " : "", able->todo ? able->todo : "");
}

static int collectors(const struct kan_args *a)
{
	struct kan_surroundings s;
	kan_auto_free char *home = kan_home(a);
	json_auto_t *list = json_array();
	bool json = kan_flag(a, "json");
	kan_surroundings_take(&s, kan_arg(a, "host"), home);
	if (!s.engine)
		kan_say("all are unavailable: %s", s.no_engine.text);
	for (const struct kan_collector *const *c = kan_collectors; *c; c++) {
		struct kan_able able = kan_able_of(*c, &s);
		json_array_append_new(list, kan_able_json(*c, &able));
		if (!json)
			print_one(*c, &able, s.engine != NULL);
	}
	kan_surroundings_free(&s);
	if (!json)
		return KAN_EXIT_OK;
	json_auto_t *doc =
		json_pack("{s:s,s:O}", "schema", "kanshiki.collectors/1", "collectors", list);
	return kan_print_json(doc);
}

extern const struct kan_command kan_cmd_collectors;
const struct kan_command kan_cmd_collectors = {
	.name = "collectors",
	.args = "",
	.summary = "what can be collected, in the order of volatility, and what of it here",
	.run = collectors,
};
