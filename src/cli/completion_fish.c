/* completion fish: a line a command and a line an option. */
#include <string.h>

#include "cli/completion.h"

static const char head[] =
	"# fish completion of kanshiki; made by: kanshiki completion fish\n"
	"complete -c kanshiki -e\n"
	"complete -c kanshiki -f\n"
	"# The command, and how many words stand behind it: values of options are none.\n"
	"function __kanshiki_words\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l command\n"
	"\tset -l n 0\n"
	"\tset -e words[1]\n"
	"\twhile set -q words[1]\n"
	"\t\tset -l word $words[1]\n"
	"\t\tset -e words[1]\n"
	"\t\tif __kanshiki_takes \"$command $word\"\n"
	"\t\t\tset -e words[1]\n"
	"\t\telse if string match -q -- '-*' $word\n"
	"\t\t\tcontinue\n"
	"\t\telse if test -z \"$command\"\n"
	"\t\t\tset command $word\n"
	"\t\telse\n"
	"\t\t\tset n (math $n + 1)\n"
	"\t\tend\n"
	"\tend\n"
	"\techo -- \"$command\"\n"
	"\techo -- $n\n"
	"end\n"
	"function __kanshiki_at\n"
	"\tset -l found (__kanshiki_words)\n"
	"\ttest \"$found[1]\" = \"$argv[1]\"; or return 1\n"
	"\tset -q argv[2]; or return 0\n"
	"\ttest \"$argv[2]\" = 0 -a \"$found[2]\" = 0; or test \"$argv[2]\" = 1 -a \"$found[2]\" "
	"!= 0\n"
	"end\n"
	"function __kanshiki_list\n"
	"\tset -l before (string replace -r '[^,=]*$' '' -- (commandline -ct) | string replace -r "
	"'^-[^=]*=' '')\n"
	"\tfor word in $argv\n"
	"\t\techo -- $before$word\n"
	"\tend\n"
	"end\n"
	"function __kanshiki_names\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l pass\n"
	"\tfor i in (seq 2 (count $words))\n"
	"\t\t# What stands before any command's name takes a value: a common option.\n"
	"\t\tif __kanshiki_takes \" $words[$i]\"\n"
	"\t\t\tset -a pass $words[$i] $words[(math $i + 1)]\n"
	"\t\telse if string match -q -- '--*=*' $words[$i]; and __kanshiki_takes \" \"(string "
	"replace -r '=.*' '' -- $words[$i])\n"
	"\t\t\tset -a pass $words[$i]\n"
	"\t\tend\n"
	"\tend\n"
	"\tcommand $words[1] $pass completion $argv[1] 2>/dev/null\n"
	"end\n";

/* 'what is between quotes', as fish reads it */
static void quote(FILE *out, const char *text)
{
	(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
	(void)fputc('\'', out);
}

static void takes(FILE *out, const char *command, const struct kan_option *options)
{
	const char *star = command ? command : "*";
	for (const struct kan_option *o = options; o && o->name; o++) {
		if (!o->arg)
			continue;
		(void)fprintf(out, " '%s --%s'", star, o->name);
		if (o->letter)
			(void)fprintf(out, " '%s -%c'", star, o->letter);
	}
}

static void offer(FILE *out, enum kan_offer what)
{
	static const char *const after[] = {
		[KAN_OFFER_NOTHING] = "-x",
		[KAN_OFFER_WORDS] = "-x",
		[KAN_OFFER_LIST] = "-x",
		[KAN_OFFER_FILES] = "-r -F",
		[KAN_OFFER_DIRS] = "-x -a '(__fish_complete_directories)'",
		[KAN_OFFER_BUNDLES] = "-r -F -a '(__kanshiki_names bundles)'",
		[KAN_OFFER_CONTAINERS] = "-x -a '(__kanshiki_names containers)'",
	};
	(void)fputs(after[what], out);
}

static void option(FILE *out, const char *command, const struct kan_option *o)
{
	const char *word = NULL;
	(void)fputs("complete -c kanshiki", out);
	if (command)
		(void)fprintf(out, " -n '__kanshiki_at %s'", command);
	if (o->letter)
		(void)fprintf(out, " -s %c", o->letter);
	(void)fprintf(out, " -l %s ", o->name);
	if (o->arg)
		offer(out, kan_offer_of(o));
	if (o->arg && o->words) {
		bool list = kan_offer_of(o) == KAN_OFFER_LIST;
		(void)fputs(list ? " -a '(__kanshiki_list" : " -a '", out);
		for (size_t i = 0; (word = kan_offer_word(o, i)); i++)
			(void)fprintf(out, " %s", word);
		(void)fputs(list ? ")'" : "'", out);
	}
	(void)fputs(" -d ", out);
	quote(out, o->help);
	(void)fputc('\n', out);
}

static void command(FILE *out, const struct kan_command *c)
{
	char verb[KAN_VERB];
	enum kan_offer words = kan_offer_words(c);
	bool verbs = kan_offer_verb(verb, c, 0);
	(void)fprintf(out, "complete -c kanshiki -n '__kanshiki_at \"\"' -a %s -d ", c->name);
	quote(out, c->summary);
	(void)fprintf(out, "\ncomplete -c kanshiki -n '__kanshiki_at help 0' -a %s\n", c->name);
	for (size_t i = 0; kan_offer_verb(verb, c, i); i++)
		(void)fprintf(out, "complete -c kanshiki -n '__kanshiki_at %s 0' -a %s\n", c->name,
			      verb);
	if (words != KAN_OFFER_NOTHING) {
		(void)fprintf(out, "complete -c kanshiki -n '__kanshiki_at %s%s' ", c->name,
			      verbs ? " 1" : "");
		/* Of a word, not of an option: nothing is "required". */
		(void)fprintf(out, "%s\n",
			      words == KAN_OFFER_CONTAINERS ? "-a '(__kanshiki_names containers)'"
			      : words == KAN_OFFER_BUNDLES  ? "-F -a '(__kanshiki_names bundles)'"
							    : "-F");
	}
	for (const struct kan_option *o = c->options; o && o->name; o++)
		option(out, c->name, o);
}

void kan_completion_fish(FILE *out)
{
	(void)fputs(head, out);
	(void)fputs("function __kanshiki_takes\n\tswitch $argv[1]\n\t\tcase", out);
	takes(out, NULL, kan_common_options);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		takes(out, (*c)->name, (*c)->options);
	(void)fputs("\n\t\t\treturn 0\n\tend\n\treturn 1\nend\n", out);
	for (const struct kan_option *o = kan_common_options; o->name; o++)
		option(out, NULL, o);
	(void)fputs(
		"complete -c kanshiki -n '__kanshiki_at \"\"' -a help -d 'explains a command'\n",
		out);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		command(out, *c);
}
