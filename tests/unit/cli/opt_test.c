/* Options: one table parses, explains and refuses. */
#include "fixture.h"

static const struct kan_option options[] = {
	{"case", 0, "ID", "the case"},
	{"out", 'o', "DIR", "where"},
	{"no-commit", 0, NULL, "do not commit"},
	{"no-report", 0, NULL, "do not report"},
	{NULL, 0, NULL, NULL},
};
const struct kan_command test_command = {
	.name = "take",
	.args = "[OPTIONS] THING...",
	.summary = "take a thing",
	.options = options,
	.min_words = 1,
	.max_words = 2,
};
const struct kan_command *const kan_commands[] = {&test_command, NULL};

enum { WORDS = 16 };

static int parse(struct kan_args *a, const char *line)
{
	static char text[512], *argv[WORDS];
	int argc = 0;
	(void)snprintf(text, sizeof(text), "take %s", line);
	for (char *at = text; *at && argc < WORDS - 1;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		while (*at == ' ')
			*at++ = 0;
	}
	argv[argc] = NULL;
	return kan_args_parse(a, &test_command, argc, argv);
}

Test(opt, options_may_stand_before_behind_and_between_words)
{
	struct kan_args a;
	cr_assert_eq(parse(&a, "one --case=x -o /tmp two --no-commit --json"), 0);
	cr_assert_eq(a.n_words, 2);
	cr_assert_str_eq(a.words[0], "one");
	cr_assert_str_eq(a.words[1], "two");
	cr_assert_null(a.words[2]);
	cr_assert_str_eq(kan_arg(&a, "case"), "x");
	cr_assert_str_eq(kan_arg(&a, "out"), "/tmp");
	cr_assert(kan_flag(&a, "no-commit") && kan_flag(&a, "json"));
	cr_assert_not(kan_flag(&a, "no-report"));
}

Test(opt, two_dashes_end_the_options)
{
	struct kan_args a;
	cr_assert_eq(parse(&a, "-- --case"), 0);
	cr_assert_str_eq(a.words[0], "--case");
}

Test(opt, what_is_wrong_is_named_with_where_to_look)
{
	static const char *const wrong[][2] = {
		{"one --colour", "--colour is no option of this command"},
		{"one --case", "--case needs a value"},
		{"one --no-com", "--no-com is only the beginning of an option"},
		{"one --cas x", "--cas is only the beginning"},
		{"", "usage: kanshiki take [OPTIONS] THING..."},
		{"one two three", "usage: kanshiki take"},
		{"one --color=sometimes", "one of auto, always, never"}};
	char said[4096];
	cr_redirect_stderr();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct kan_args a;
		cr_assert_eq(parse(&a, wrong[i][0]), -1, "%s", wrong[i][0]);
	}
	(void)test_said(said, sizeof(said));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not_null(strstr(said, wrong[i][1]), "%s not in: %s", wrong[i][1], said);
	size_t lines = 0;
	for (const char *at = said; (at = strchr(at, '\n')); at++)
		lines++;
	cr_assert_eq(lines, sizeof(wrong) / sizeof(wrong[0]), "one line each");
}

Test(opt, help_is_answered_whatever_else_is_missing)
{
	struct kan_args a;
	cr_assert_eq(parse(&a, "--help"), 0);
	cr_assert(kan_flag(&a, "help"));
}

Test(opt, numbers_are_whole_and_within_their_maximum)
{
	struct kan_args a;
	uint64_t n = 0;
	cr_redirect_stderr();
	cr_assert_eq(parse(&a, "one"), 0);
	cr_assert_eq(kan_arg_number(&n, &a, "case", 42, 100), 0);
	cr_assert_eq(n, 42);
	cr_assert_eq(parse(&a, "one --case 100"), 0);
	cr_assert_eq(kan_arg_number(&n, &a, "case", 42, 100), 0);
	cr_assert_eq(n, 100);
	static const char *const bad[] = {
		"101", "-1", "+5", "5s", "0x10", "", "99999999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[64];
		(void)snprintf(line, sizeof(line), "one --case=%s", bad[i]);
		cr_assert_eq(parse(&a, line), 0);
		cr_assert_eq(kan_arg_number(&n, &a, "case", 42, 100), -1, "%s", bad[i]);
	}
	cr_assert_eq(n, 100);
}

Test(opt, words_are_of_the_list)
{
	static const char *const words[] = {"auto", "full", NULL};
	struct kan_args a;
	cr_redirect_stderr();
	cr_assert_eq(parse(&a, "one --case full"), 0);
	cr_assert_eq(kan_arg_word(&a, "case", words, 0), 1);
	cr_assert_eq(kan_arg_word(&a, "out", words, 0), 0);
	cr_assert_eq(parse(&a, "one --case ful"), 0);
	cr_assert_eq(kan_arg_word(&a, "case", words, 0), -1);
}

Test(opt, help_lists_every_option_command_and_exit_status)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	kan_help(f, &test_command);
	kan_help(f, NULL);
	(void)fclose(f);
	for (const struct kan_option *o = options; o->name; o++)
		cr_assert_not_null(strstr(text, o->name));
	for (const struct kan_option *o = kan_common_options; o->name; o++)
		cr_assert_not_null(strstr(text, o->help));
	cr_assert_not_null(strstr(text, test_command.summary));
	for (const struct kan_status_row *s = kan_statuses; s->words; s++)
		cr_assert_not_null(strstr(text, s->words));
	free(text);
}
