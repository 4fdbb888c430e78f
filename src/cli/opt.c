/* Options: parsed, explained and refused from one table. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"

enum {
	FIRST_LONG = 256,
	SHORT_MAX = KAN_OPTIONS_MAX * 2 + 2,
	HELP_COLUMN = 28,
	CALLED_OCTETS = 300
};

static const char *const colours[] = {"auto", "always", "never", NULL};

const struct kan_option kan_common_options[] = {
	{"host", 'H', "HOST", "the engine: unix:///path or tcp://host:port (else DOCKER_HOST)"},
	{"home", 0, "DIR", "where bundles, reports and the repository live (else KANSHIKI_HOME)"},
	{"config", 0, "FILE",
	 "settings from FILE alone (else /etc/kanshiki/config, then ~/.config/kanshiki/config)"},
	{"json", 0, NULL, "one JSON document on stdout instead of text"},
	{"quiet", 'q', NULL, "no progress lines"},
	{"color", 0, "WHEN", "auto, always or never", colours},
	{"help", 'h', NULL, "this text"},
	{NULL, 0, NULL, NULL},
};

static void gather(struct kan_args *a, const struct kan_option *table)
{
	for (const struct kan_option *o = table; o && o->name && a->n_options < KAN_OPTIONS_MAX;
	     o++)
		a->options[a->n_options++] = o;
}

static void tabulate(struct option *longs, char *shorts, const struct kan_args *a)
{
	*shorts++ = ':';
	for (size_t i = 0; i < a->n_options; i++) {
		const struct kan_option *o = a->options[i];
		longs[i] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL,
					   FIRST_LONG + (int)i};
		if (!o->letter)
			continue;
		*shorts++ = o->letter;
		if (o->arg)
			*shorts++ = ':';
	}
	longs[a->n_options] = (struct option){0};
	*shorts = 0;
}

static size_t index_of(const struct kan_args *a, int c)
{
	if (c >= FIRST_LONG)
		return (size_t)(c - FIRST_LONG);
	size_t i = 0;
	while (i < a->n_options && a->options[i]->letter != c)
		i++;
	return i;
}

/* The word that getopt has just taken as the option; its value may be a word of its own. */
static const char *taken(char *const *argv)
{
	return optarg && optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
}

/* getopt takes unique beginnings too: a script that relies on one would break with the next option.
 */
static bool in_full(const char *word, const struct kan_option *o)
{
	const char *name = word + strspn(word, "-");
	return strcspn(name, "=") == strlen(o->name);
}

static int refuse(const char *word, const char *why, const struct kan_command *cmd)
{
	kan_say("%s %s: see kanshiki %s --help", word, why, cmd->name);
	return -1;
}

/* What was read stays for as long as the program runs: values point into it. */
static int configure(struct kan_args *a, const struct kan_command *cmd)
{
	static struct kan_config config;
	struct kan_err err = {0};
	if (cmd->bare)
		return 0;
	kan_config_free(&config);
	if (kan_config_load(&config, kan_arg(a, "config"), &err) < 0 ||
	    kan_settings_use(a, cmd, &config, &err) < 0) {
		kan_say("%s", err.text);
		return -1;
	}
	return 0;
}

int kan_args_parse(struct kan_args *out, const struct kan_command *cmd, int argc, char **argv)
{
	struct option longs[KAN_OPTIONS_MAX + 1];
	char shorts[SHORT_MAX];
	struct kan_args a = {.argv = (const char *const *)argv};
	gather(&a, kan_common_options);
	gather(&a, cmd->options);
	tabulate(longs, shorts, &a);
	optind = 0;
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
		if (c == ':')
			return refuse(argv[optind - 1], "needs a value", cmd);
		if (c == '?')
			return refuse(argv[optind - 1], "is no option of this command", cmd);
		size_t i = index_of(&a, c);
		if (c >= FIRST_LONG && !in_full(taken(argv), a.options[i]))
			return refuse(taken(argv), "is only the beginning of an option", cmd);
		a.values[i] = optarg ? optarg : "";
	}
	a.words = (const char *const *)argv + optind;
	a.n_words = (size_t)(argc - optind);
	*out = a;
	if (kan_flag(&a, "help"))
		return 0;
	if (configure(out, cmd) < 0 || kan_arg_word(out, "color", colours, 0) < 0)
		return -1;
	if (a.n_words < cmd->min_words || a.n_words > cmd->max_words) {
		kan_say("usage: kanshiki %s %s: see kanshiki %s --help", cmd->name, cmd->args,
			cmd->name);
		return -1;
	}
	return 0;
}

static size_t named(const struct kan_args *a, const char *name)
{
	size_t i = 0;
	while (i < a->n_options && strcmp(a->options[i]->name, name) != 0)
		i++;
	return i;
}

const char *kan_arg(const struct kan_args *a, const char *name)
{
	size_t i = named(a, name);
	return i < a->n_options ? a->values[i] : NULL;
}

const char *kan_arg_given(const struct kan_args *a, const char *name)
{
	size_t i = named(a, name);
	return i < a->n_options && !a->settings[i] ? a->values[i] : NULL;
}

const char *kan_arg_called(const struct kan_args *a, const char *name)
{
	static char text[CALLED_OCTETS];
	size_t i = named(a, name);
	const struct kan_setting *s = i < a->n_options ? a->settings[i] : NULL;
	if (s)
		(void)snprintf(text, sizeof(text), "%.200s:%u: %s", s->file, s->line, name);
	else
		(void)snprintf(text, sizeof(text), "--%s", name);
	return text;
}

bool kan_flag(const struct kan_args *a, const char *name)
{
	return kan_arg(a, name) != NULL;
}

int kan_arg_number(uint64_t *out, const struct kan_args *a, const char *name, uint64_t fallback,
		   uint64_t max)
{
	const char *text = kan_arg(a, name);
	if (!text) {
		*out = fallback;
		return 0;
	}
	char *end = NULL;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || v > max) {
		kan_say("%s takes a whole number up to %" PRIu64 ", not '%s'",
			kan_arg_called(a, name), max, text);
		return -1;
	}
	*out = v;
	return 0;
}

int kan_arg_word(const struct kan_args *a, const char *name, const char *const *words, int fallback)
{
	const char *text = kan_arg(a, name);
	if (!text)
		return fallback;
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	struct kan_buf list = KAN_BUF(512);
	for (int i = 0; words[i]; i++)
		kan_buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	kan_say("%s takes one of %s, not '%s'", kan_arg_called(a, name), kan_buf_str(&list), text);
	kan_buf_free(&list);
	return -1;
}

static void help_option(FILE *out, const struct kan_option *o)
{
	char left[64];
	(void)snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : "   ",
		       o->letter ? o->letter : ' ', o->letter ? ", " : "", o->name,
		       o->arg ? " " : "", o->arg ? o->arg : "");
	(void)fprintf(out, "  %-*s %s\n", HELP_COLUMN, left, o->help);
}

static void help_command(FILE *out, const struct kan_command *cmd)
{
	(void)fprintf(out, "usage: kanshiki %s %s\n%s\n", cmd->name, cmd->args, cmd->summary);
	if (cmd->options)
		(void)fputs("\noptions:\n", out);
	for (const struct kan_option *o = cmd->options; o && o->name; o++)
		help_option(out, o);
	(void)fputs("\ncommon options:\n", out);
	for (const struct kan_option *o = kan_common_options; o->name; o++)
		help_option(out, o);
}

void kan_help(FILE *out, const struct kan_command *cmd)
{
	if (cmd) {
		help_command(out, cmd);
		return;
	}
	(void)fputs("usage: kanshiki [OPTIONS] COMMAND ...\n"
		    "Takes a suspect container, from outside, into sealed and signed evidence, and "
		    "reports on it.\n\n",
		    out);
	for (const struct kan_command *const *c = kan_commands; *c; c++)
		(void)fprintf(out, "  %-12s%s\n", (*c)->name, (*c)->summary);
	(void)fputs("\nexit statuses:\n", out);
	for (const struct kan_status_row *s = kan_statuses; s->words; s++)
		(void)fprintf(out, "  %-5d%s\n", s->status, s->words);
	(void)fputs("\nkanshiki COMMAND --help explains one command.\n", out);
}
