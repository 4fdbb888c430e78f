/* seal --partial: finish what a crash left. */
#include <stdlib.h>
#include <string.h>

#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "evidence/seal.h"

static const struct kan_option options[] = {
	{"partial", 0, NULL, "yes, as a partial bundle"},
	{"reason", 0, "TEXT", "why it is partial (crash)"},
	{NULL, 0, NULL, NULL},
};

static int run(const struct kan_args *a)
{
	char seal[65];
	struct kan_err err = {0};
	kan_auto_free char *sealed = NULL;
	kan_auto_free char *path = kan_absolute(a->words[0]);
	if (!kan_flag(a, "partial")) {
		kan_say("seal wants --partial: what a crash left can only become a partial bundle");
		return KAN_EXIT_USAGE;
	}
	if (kan_seal_partial(seal, &sealed, path, kan_arg(a, "reason"), &err) < 0)
		return kan_say_err(&err);
	if (kan_flag(a, "json")) {
		json_t *o = json_pack("{s:s,s:s,s:s}", "schema", "kanshiki.seal/1", "seal", seal,
				      "bundle", sealed);
		int status = kan_print_json(o);
		json_decref(o);
		return status;
	}
	(void)printf("seal %s\nbundle ", seal);
	kan_print(stdout, kan_bytes_of(sealed));
	(void)fputs("\nnext: kanshiki import ", stdout);
	kan_print(stdout, kan_bytes_of(sealed));
	(void)fputs(" commits it\n", stdout);
	return KAN_EXIT_OK;
}

extern const struct kan_command kan_cmd_seal;
const struct kan_command kan_cmd_seal = {
	.name = "seal",
	.args = "--partial [OPTIONS] BUNDLE.partial",
	.summary = "finish what a crash left, as a partial bundle",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
