/* The command table. */
#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/sandbox.h"
#include "base/self.h"
#include "cli/cmd.h"

extern const struct kan_command kan_cmd_capture, kan_cmd_quarantine, kan_cmd_verify,
	kan_cmd_compare, kan_cmd_report, kan_cmd_seal, kan_cmd_ls, kan_cmd_show, kan_cmd_cat,
	kan_cmd_custody, kan_cmd_import, kan_cmd_export, kan_cmd_collectors, kan_cmd_rules,
	kan_cmd_completion, kan_cmd_doctor, kan_cmd_hunt;

static int version(const struct kan_args *a)
{
	if (a && kan_flag(a, "json")) {
		json_auto_t *o =
			json_pack("{s:s,s:s,s:s,s:s}", "schema", "kanshiki.version/1", "tool",
				  KAN_NAME, "version", kan_version(), "commit", kan_commit());
		return kan_print_json(o);
	}
	(void)printf("%s %s (%s)\n", KAN_NAME, kan_version(), kan_commit());
	return KAN_EXIT_OK;
}

static const struct kan_command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "which kanshiki this is",
	.bare = true,
	.run = version,
};

const struct kan_command *const kan_commands[] = {
	&kan_cmd_capture,
	&kan_cmd_quarantine,
	&kan_cmd_verify,
	&kan_cmd_compare,
	&kan_cmd_report,
	&kan_cmd_seal,
	&kan_cmd_ls,
	&kan_cmd_show,
	&kan_cmd_cat,
	&kan_cmd_hunt,
	&kan_cmd_custody,
	&kan_cmd_export,
	&kan_cmd_import,
	&kan_cmd_rules,
	&kan_cmd_doctor,
	&kan_cmd_collectors,
	&kan_cmd_completion,
	&cmd_version,
	NULL,
};

static const struct kan_command *find(const char *name)
{
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

/* A common option that stands before the command and takes a value: its value is no command. */
static bool takes_value(const char *word)
{
	for (const struct kan_option *o = kan_common_options; o->name; o++) {
		bool is_long = strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0;
		bool is_short = word[0] == '-' && o->letter && word[1] == o->letter && !word[2];
		if (o->arg && (is_long || is_short))
			return true;
	}
	return false;
}

static int command_at(int argc, char **argv)
{
	int i = 1;
	while (i < argc && argv[i][0] == '-')
		i += takes_value(argv[i]) ? 2 : 1;
	return i < argc ? i : 0;
}

/* The command's word moves to the front, so that options may stand before and after it. */
static void command_first(char **argv, int at)
{
	char *word = argv[at];
	for (int i = at; i > 1; i--)
		argv[i] = argv[i - 1];
	argv[1] = word;
}

static int perform(const struct kan_command *cmd, const struct kan_args *args)
{
	kan_json_asked(kan_flag(args, "json"));
	if (!kan_flag(args, "help"))
		return cmd->run(args);
	kan_help(stdout, cmd);
	return KAN_EXIT_OK;
}

static int run(int argc, char **argv)
{
	int at = command_at(argc, argv);
	if (!at || strcmp(argv[at], "help") == 0) {
		bool asked = at || (argc > 1 &&
				    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0));
		const struct kan_command *about = at && argv[at + 1] ? find(argv[at + 1]) : NULL;
		if (argc == 2 && strcmp(argv[1], "--version") == 0)
			return version(NULL);
		kan_help(asked ? stdout : stderr, about);
		if (!asked)
			kan_say("no command was given");
		return asked ? KAN_EXIT_OK : KAN_EXIT_USAGE;
	}
	const struct kan_command *cmd = find(argv[at]);
	if (!cmd) {
		kan_say("'%s' is no command: see kanshiki --help", argv[at]);
		return KAN_EXIT_USAGE;
	}
	struct kan_args args;
	/* The parser moves words about; the record has them as they were typed. */
	const char **typed = kan_xalloc(((size_t)argc + 1) * sizeof(*typed));
	for (int i = 0; i < argc; i++)
		typed[i] = argv[i];
	command_first(argv, at);
	int status = kan_args_parse(&args, cmd, argc - 1, argv + 1) < 0 ? KAN_EXIT_USAGE : -1;
	args.argv = typed;
	if (status < 0)
		status = perform(cmd, &args);
	free(typed);
	return status;
}

/* Where words cannot be parsed, the failure is told to who would have read the document. */
static bool asks_json(char **argv)
{
	while (*argv && strcmp(*argv, "--") != 0 && strcmp(*argv, "--json") != 0)
		argv++;
	return *argv && strcmp(*argv, "--json") == 0;
}

int main(int argc, char **argv)
{
	struct kan_err err = {0};
	kan_json_asked(asks_json(argv));
	if (kan_process_clean(&err) < 0 || kan_http_global_init(&err) < 0)
		return kan_status_written(kan_say_err(&err));
	return kan_status_written(run(argc, argv));
}
