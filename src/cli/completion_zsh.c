/* completion zsh: _arguments of each command. */
#include <string.h>

#include "cli/completion.h"

static const char head[] =
	"#compdef kanshiki\n"
	"# zsh completion of kanshiki; made by: kanshiki completion zsh\n"
	"_kanshiki_names() {\n"
	"\tlocal -a names expl\n"
	"\tnames=(${(f)\"$(command $program $pass completion $1 2>/dev/null)\"})\n"
	"\t_wanted names expl $1 compadd -a - names\n"
	"}\n"
	"_kanshiki_containers() { _kanshiki_names containers }\n"
	"_kanshiki_bundles() { _kanshiki_names bundles; _files }\n";

static const char tail[] = "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
			   "\t_kanshiki \"$@\"\n"
			   "else\n"
			   "\tcompdef _kanshiki kanshiki\n"
			   "fi\n";

/* Within '...' and there within [...] or before a colon. */
static void quote(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			(void)fputs("'\\''", out);
			continue;
		}
		if (strchr("[]:\\", *text))
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void action(FILE *out, const struct kan_option *o)
{
	static const char *const actions[] = {
		[KAN_OFFER_NOTHING] = " ",
		[KAN_OFFER_FILES] = "_files",
		[KAN_OFFER_DIRS] = "_files -/",
		[KAN_OFFER_BUNDLES] = "_kanshiki_bundles",
		[KAN_OFFER_CONTAINERS] = "_kanshiki_containers",
	};
	enum kan_offer offer = kan_offer_of(o);
	const char *word = NULL;
	if (offer != KAN_OFFER_WORDS && offer != KAN_OFFER_LIST) {
		(void)fputs(actions[offer], out);
		return;
	}
	(void)fputs(offer == KAN_OFFER_LIST ? "_values -s , word" : "(", out);
	for (size_t i = 0; (word = kan_offer_word(o, i)); i++)
		(void)fprintf(out, " %s", word);
	(void)fputs(offer == KAN_OFFER_LIST ? "" : " )", out);
}

/* '(-o --out)--out=[help]:FILE:_files' */
static void spec(FILE *out, const struct kan_option *o, bool letter)
{
	(void)fputs(" \\\n\t\t'", out);
	if (o->letter)
		(void)fprintf(out, "(-%c --%s)", o->letter, o->name);
	if (letter)
		(void)fprintf(out, "-%c%s", o->letter, o->arg ? "+" : "");
	else
		(void)fprintf(out, "--%s%s", o->name, o->arg ? "=" : "");
	(void)fputc('[', out);
	quote(out, o->help);
	(void)fputc(']', out);
	if (o->arg) {
		(void)fputc(':', out);
		quote(out, o->arg);
		(void)fputc(':', out);
		action(out, o);
	}
	(void)fputc('\'', out);
}

static void specs(FILE *out, const struct kan_option *options)
{
	for (const struct kan_option *o = options; o && o->name; o++) {
		if (o->letter)
			spec(out, o, true);
		spec(out, o, false);
	}
}

static void words(FILE *out, const struct kan_command *c)
{
	static const char *const actions[] = {
		[KAN_OFFER_CONTAINERS] = "container:_kanshiki_containers",
		[KAN_OFFER_BUNDLES] = "bundle:_kanshiki_bundles",
		[KAN_OFFER_FILES] = "file:_files",
		[KAN_OFFER_DIRS] = "directory:_files -/",
		[KAN_OFFER_NOTHING] = "word: ",
	};
	char verb[KAN_VERB];
	if (kan_offer_verb(verb, c, 0)) {
		(void)fputs(" \\\n\t\t'1:verb:(", out);
		for (size_t i = 0; kan_offer_verb(verb, c, i); i++)
			(void)fprintf(out, " %s", verb);
		(void)fputs(" )'", out);
	}
	if (c->max_words > (kan_offer_verb(verb, c, 0) ? 1 : 0))
		(void)fprintf(out, " \\\n\t\t'*:%s'", actions[kan_offer_words(c)]);
}

static void command(FILE *out, const struct kan_command *c)
{
	(void)fprintf(out, "_kanshiki_%s() {\n\t_arguments", c->name);
	specs(out, kan_common_options);
	specs(out, c->options);
	words(out, c);
	(void)fputs("\n}\n", out);
}

static void commands(FILE *out)
{
	(void)fputs("_kanshiki_commands() {\n\tlocal -a commands\n\tcommands=(", out);
	for (const struct kan_command *const *c = kan_commands; *c; c++) {
		(void)fprintf(out, "\n\t\t'%s:", (*c)->name);
		quote(out, (*c)->summary);
		(void)fputc('\'', out);
	}
	(void)fputs("\n\t\t'help:explains a command'\n\t)\n"
		    "\t_describe -t commands command commands\n}\n",
		    out);
}

/* Common options go along when names are asked for: of that engine, of that home. */
static void passed(FILE *out)
{
	for (const struct kan_option *o = kan_common_options; o->name; o++) {
		if (!o->arg)
			continue;
		(void)fprintf(out, "\t\t--%s) option=$word ;;\n\t\t--%s=*) pass+=(${(Q)word}) ;;\n",
			      o->name, o->name);
		if (o->letter)
			(void)fprintf(out, "\t\t-%c) option=$word ;;\n", o->letter);
	}
}

void kan_completion_zsh(FILE *out)
{
	(void)fputs(head, out);
	commands(out);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		command(out, *c);
	(void)fputs(
		"_kanshiki() {\n\tlocal curcontext=$curcontext state line\n\tlocal -A opt_args\n"
		"\tlocal program=$words[1] word option=\n\tlocal -a pass\n"
		"\tfor word in $words; do\n"
		"\t\t[[ -n $option ]] && pass+=($option ${(Q)word})\n"
		"\t\toption=\n"
		"\t\tcase $word in\n",
		out);
	passed(out);
	(void)fputs("\t\tesac\n"
		    "\tdone\n"
		    "\t_arguments -C",
		    out);
	specs(out, kan_common_options);
	(void)fputs(" \\\n\t\t'(-): :_kanshiki_commands' \\\n\t\t'(-)*:: :->words'\n"
		    "\t[[ $state == words ]] || return\n"
		    "\tcase $words[1] in\n\thelp) _arguments '1: :_kanshiki_commands' ;;\n\t",
		    out);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		(void)fprintf(out, "%s%s", c == kan_commands ? "" : " | ", (*c)->name);
	(void)fputs(") _kanshiki_$words[1] ;;\n\tesac\n}\n", out);
	(void)fputs(tail, out);
}
