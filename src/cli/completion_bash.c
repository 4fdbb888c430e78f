/* completion bash: one function with the tables in it. Names that kanshiki or the disk give are
 * compared and kept as strings: compgen -W would evaluate them. */
#include <string.h>

#include "cli/completion.h"

static const char head[] =
	"# bash completion of kanshiki; made by: kanshiki completion bash\n"
	"_kanshiki_offer() {\n"
	"\tlocal word\n"
	"\tfor word in \"$@\"; do [[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\"); done\n"
	"}\n"
	"_kanshiki_list() {\n"
	"\tlocal word before=\n"
	"\t[[ $cur == *,* ]] && before=${cur%,*},\n"
	"\tfor word in \"$@\"; do\n"
	"\t\t[[ $before$word == \"$cur\"* ]] && COMPREPLY+=(\"$before$word\")\n"
	"\tdone\n"
	"\tcompopt -o nospace 2>/dev/null\n"
	"}\n"
	"_kanshiki_lines() {\n"
	"\tlocal line\n"
	"\twhile IFS= read -r line; do [[ $line == \"$cur\"* ]] && COMPREPLY+=(\"$line\"); done\n"
	"}\n"
	"_kanshiki_names() {\n"
	"\t_kanshiki_lines < <(\"$program\" \"${pass[@]}\" completion \"$1\" 2>/dev/null)\n"
	"}\n"
	"_kanshiki_files() {\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\t_kanshiki_lines < <(compgen -\"${1:-f}\" -- \"$cur\")\n"
	"}\n";

static const char body[] = "_kanshiki() {\n"
			   "\tlocal program=$1 cur option= command= word glue= i n=0\n"
			   "\tlocal -a words=() pass=()\n"
			   "\tCOMPREPLY=()\n"
			   "\t# bash makes words of their own of = and of : (unix:///path)\n"
			   "\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
			   "\t\tword=${COMP_WORDS[i]}\n"
			   "\t\tif [[ $i -gt 0 && ( -n $glue || $word == :* ) ]]; then\n"
			   "\t\t\twords[${#words[@]} - 1]+=$word\n"
			   "\t\telse\n"
			   "\t\t\twords+=(\"$word\")\n"
			   "\t\tfi\n"
			   "\t\tglue=\n"
			   "\t\t[[ $word == *: ]] && glue=1\n"
			   "\tdone\n"
			   "\tcur=${words[${#words[@]} - 1]}\n"
			   "\tfor ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
			   "\t\tword=${words[i]}\n"
			   "\t\tif [[ -n $option ]]; then\n"
			   "\t\t\t[[ $word == = ]] && continue\n"
			   "\t\t\t_kanshiki_takes \" $option\" && pass+=(\"$option\" \"$word\")\n"
			   "\t\t\toption=\n"
			   "\t\telif _kanshiki_takes \"$command $word\"; then\n"
			   "\t\t\toption=$word\n"
			   "\t\telif [[ $word == -* ]]; then\n"
			   "\t\t\t:\n"
			   "\t\telif [[ -z $command ]]; then\n"
			   "\t\t\tcommand=$word\n"
			   "\t\telse\n"
			   "\t\t\t((++n))\n"
			   "\t\tfi\n"
			   "\tdone\n"
			   "\t[[ $cur == = ]] && cur=\n"
			   "\tif [[ -n $option ]]; then\n"
			   "\t\t_kanshiki_value \"$command $option\"\n"
			   "\telif [[ $cur == -* ]]; then\n"
			   "\t\t_kanshiki_options \"$command\"\n"
			   "\telif [[ -z $command ]]; then\n"
			   "\t\t_kanshiki_commands\n"
			   "\telse\n"
			   "\t\t_kanshiki_words \"$command\" \"$n\"\n"
			   "\tfi\n"
			   "\treturn 0\n"
			   "}\n"
			   "complete -F _kanshiki kanshiki\n";

/* 'capture --out' | 'capture -o'; of a common option: *' --home' */
static void name(FILE *out, const char *command, const struct kan_option *o)
{
	const char *star = command ? "" : "*";
	if (o->letter)
		(void)fprintf(out, "%s'%s -%c' | ", star, command ? command : "", o->letter);
	(void)fprintf(out, "%s'%s --%s'", star, command ? command : "", o->name);
}

typedef void each_fn(FILE *out, const char *command, const struct kan_option *o);

static void each_option(FILE *out, each_fn *fn)
{
	for (const struct kan_option *o = kan_common_options; o->name; o++)
		fn(out, NULL, o);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		for (const struct kan_option *o = (*c)->options; o && o->name; o++)
			fn(out, (*c)->name, o);
}

static void takes(FILE *out, const char *command, const struct kan_option *o)
{
	if (!o->arg)
		return;
	(void)fputs("\t", out);
	name(out, command, o);
	(void)fputs(") return 0 ;;\n", out);
}

static void offer(FILE *out, enum kan_offer what)
{
	static const char *const calls[] = {
		[KAN_OFFER_NOTHING] = ":",
		[KAN_OFFER_WORDS] = "_kanshiki_offer",
		[KAN_OFFER_LIST] = "_kanshiki_list",
		[KAN_OFFER_FILES] = "_kanshiki_files",
		[KAN_OFFER_DIRS] = "_kanshiki_files d",
		[KAN_OFFER_BUNDLES] = "_kanshiki_names bundles; _kanshiki_files",
		[KAN_OFFER_CONTAINERS] = "_kanshiki_names containers",
	};
	(void)fputs(calls[what], out);
}

static void value(FILE *out, const char *command, const struct kan_option *o)
{
	const char *word = NULL;
	if (!o->arg || kan_offer_of(o) == KAN_OFFER_NOTHING)
		return;
	(void)fputs("\t", out);
	name(out, command, o);
	(void)fputs(") ", out);
	offer(out, kan_offer_of(o));
	for (size_t i = 0; o->words && (word = kan_offer_word(o, i)); i++)
		(void)fprintf(out, " '%s'", word);
	(void)fputs(" ;;\n", out);
}

static void names(FILE *out, const struct kan_option *options)
{
	for (const struct kan_option *o = options; o && o->name; o++) {
		if (o->letter)
			(void)fprintf(out, " -%c", o->letter);
		(void)fprintf(out, " --%s", o->name);
	}
}

static void options(FILE *out)
{
	(void)fputs("_kanshiki_options() {\n\t_kanshiki_offer", out);
	names(out, kan_common_options);
	(void)fputs("\n\tcase $1 in\n", out);
	for (const struct kan_command *const *c = kan_commands; *c; c++) {
		if (!(*c)->options)
			continue;
		(void)fprintf(out, "\t%s) _kanshiki_offer", (*c)->name);
		names(out, (*c)->options);
		(void)fputs(" ;;\n", out);
	}
	(void)fputs("\tesac\n}\n", out);
}

static void commands(FILE *out)
{
	(void)fputs("_kanshiki_commands() { _kanshiki_offer", out);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		(void)fprintf(out, " %s", (*c)->name);
	(void)fputs(" help; }\n", out);
}

/* The verb, then what a verb may take; or the words of the command. */
static void words(FILE *out)
{
	char verb[KAN_VERB];
	(void)fputs("_kanshiki_words() {\n\tcase \"$1 $2\" in\n\t'help 0') _kanshiki_commands ;;\n",
		    out);
	for (const struct kan_command *const *c = kan_commands; *c; c++) {
		if (kan_offer_verb(verb, *c, 0)) {
			(void)fprintf(out, "\t'%s 0') _kanshiki_offer", (*c)->name);
			for (size_t i = 0; kan_offer_verb(verb, *c, i); i++)
				(void)fprintf(out, " %s", verb);
			(void)fputs(" ;;\n", out);
		}
		if (kan_offer_words(*c) == KAN_OFFER_NOTHING)
			continue;
		(void)fprintf(out, "\t'%s '*) ", (*c)->name);
		offer(out, kan_offer_words(*c));
		(void)fputs(" ;;\n", out);
	}
	(void)fputs("\tesac\n}\n", out);
}

void kan_completion_bash(FILE *out)
{
	(void)fputs(head, out);
	(void)fputs("_kanshiki_takes() {\n\tcase $1 in\n", out);
	each_option(out, takes);
	(void)fputs("\tesac\n\treturn 1\n}\n_kanshiki_value() {\n\tcase $1 in\n", out);
	each_option(out, value);
	(void)fputs("\tesac\n}\n", out);
	options(out);
	commands(out);
	words(out);
	(void)fputs(body, out);
}
