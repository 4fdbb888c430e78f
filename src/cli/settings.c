/* Which options may come from a configuration file, and for which commands. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "cli/config.h"

enum { FROM_OCTETS = 8192 };
enum kind { TEXT, YES_NO, PATH, KEY };

/*
 * What holds for a site. What names one incident or one thing, confirms, acts on a container or
 * changes the form of what is printed is not here: it is said each time. An option that means
 * something else in another command is here for the commands that are named.
 */
static const struct key {
	const char *name;
	enum kind kind;
	const char *commands; /* words between commas; NULL: each that has it */
	const char *unless;   /* beside this option of the command line it has no meaning */
} keys[] = {
	{"accepted", PATH, "capture,quarantine,report,show", NULL},
	{"allowed-signers", PATH, "verify,custody", NULL},
	{"ca", PATH, "verify", NULL},
	{"color", TEXT, NULL, NULL},
	{"credentials", PATH, "verify,custody", NULL},
	{"depth", TEXT, "capture,quarantine", "root"},
	{"fail-on", TEXT, "capture,quarantine,report,audit", NULL},
	{"format", TEXT, "report", NULL},
	{"freeze", TEXT, "capture,quarantine", "root"},
	{"home", PATH, NULL, NULL},
	{"host", TEXT, NULL, "root"},
	{"image", TEXT, "capture,quarantine", NULL},
	{"indicators", PATH, "capture,quarantine", "root"},
	{"key", KEY, "capture,import,custody,quarantine", NULL},
	{"lang", TEXT, "capture,quarantine,report", NULL},
	{"max-bytes", TEXT, "capture,quarantine", NULL},
	{"max-freeze", TEXT, "capture,quarantine", "root"},
	{"memory", TEXT, "capture,quarantine", "root"},
	{"mounts", TEXT, "capture,quarantine", NULL},
	{"no-commit", YES_NO, "capture", NULL},
	{"no-report", YES_NO, "capture,quarantine", NULL},
	{"operator", TEXT, "capture,quarantine", NULL},
	{"quiet", YES_NO, NULL, NULL},
	{"remote", TEXT, "verify", NULL},
	{"remote-ca", PATH, "verify,custody", NULL},
	{"require", TEXT, "capture,verify,quarantine", NULL},
	{"rules", PATH, "capture,quarantine,report,show,rules", NULL},
	{"timeout", TEXT, "capture,quarantine", NULL},
	{"tlp", TEXT, "report", NULL},
	{"tsa", TEXT, "capture,import,custody,quarantine,doctor", "no-commit"},
	{"tsa-ca", PATH, "capture,import,custody,quarantine,doctor,verify", "no-commit"},
	{"verify-image", YES_NO, "capture,quarantine", NULL},
	{"yara", PATH, "report,show", NULL},
};

static const struct {
	const char *key, *variable;
} variables[] = {{"home", "KANSHIKI_HOME"}, {"host", "DOCKER_HOST"}, {"color", "NO_COLOR"}};

const char *kan_setting_variable(const char *key)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *set = getenv(variables[i].variable);
		if (strcmp(variables[i].key, key) == 0 && set && *set)
			return variables[i].variable;
	}
	return NULL;
}

static const struct key *key_of(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool listed(const struct kan_option *table, const char *name)
{
	for (const struct kan_option *o = table; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static bool an_option(const char *name)
{
	bool found = listed(kan_common_options, name);
	for (const struct kan_command *const *c = kan_commands; *c && !found; c++)
		found = listed((*c)->options, name);
	return found;
}

static bool absolute(const struct key *k, const char *value)
{
	static const char program[] = "ssh-keygen:";
	if (k->kind == KEY && (strcmp(value, "agent") == 0 || strncmp(value, "agent:", 6) == 0))
		return true;
	if (k->kind == KEY && strncmp(value, program, sizeof(program) - 1) == 0)
		value += sizeof(program) - 1;
	return *value == '/';
}

/* What a file says may be used by any command, in any directory, at any time. */
static int check(const struct kan_setting *s, struct kan_err *err)
{
	const struct key *k = key_of(s->key);
	const char *why = NULL;
	if (!k)
		why = an_option(s->key) ? "may not stand in a configuration: it is said on the "
					  "command line each time"
					: "is no option of any command";
	else if (k->kind == YES_NO && strcmp(s->value, "yes") != 0 && strcmp(s->value, "no") != 0)
		why = "takes yes or no";
	else if ((k->kind == PATH || k->kind == KEY) && !absolute(k, s->value))
		why = "takes an absolute path: another directory would be another file";
	if (!why)
		return 0;
	return kan_fail(err, KAN_EUSAGE, "%.200s:%u: %s %s", s->file, s->line, s->key, why);
}

static bool has_word(const char *list, const char *word)
{
	size_t want = strlen(word);
	for (const char *at = list; at && *at;) {
		size_t n = strcspn(at, ",");
		if (n == want && strncmp(at, word, n) == 0)
			return true;
		at += n + (at[n] == ',');
	}
	return false;
}

/* Of custody these sign nothing: a key that cannot be used must not stop who only reads. `custody
 * key` prints the key that it is given, or makes one. */
static bool signs_nothing(const struct kan_args *a, const struct kan_command *cmd)
{
	return strcmp(cmd->name, "custody") == 0 && a->n_words &&
	       has_word("log,key,push", a->words[0]);
}

static bool for_this(const struct key *k, const struct kan_args *a, const struct kan_command *cmd)
{
	if (k->commands && !has_word(k->commands, cmd->name))
		return false;
	if (k->kind == KEY && signs_nothing(a, cmd))
		return false;
	return !k->unless || !kan_arg_given(a, k->unless);
}

static void use(struct kan_args *a, const struct kan_command *cmd, const struct kan_setting *s)
{
	const struct key *k = key_of(s->key);
	if (!for_this(k, a, cmd) || kan_setting_variable(s->key) ||
	    (k->kind == YES_NO && strcmp(s->value, "no") == 0))
		return;
	for (size_t i = 0; i < a->n_options; i++) {
		if (strcmp(a->options[i]->name, s->key) != 0 || a->values[i])
			continue;
		a->values[i] = k->kind == YES_NO ? "" : s->value;
		a->settings[i] = s;
	}
}

int kan_settings_use(struct kan_args *a, const struct kan_command *cmd, const struct kan_config *c,
		     struct kan_err *err)
{
	for (size_t i = 0; i < c->n; i++)
		if (check(&c->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < c->n; i++)
		use(a, cmd, &c->v[i]);
	a->config = c;
	return 0;
}

json_t *kan_settings_json(const struct kan_args *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_options; i++) {
		kan_auto_buf struct kan_buf from = KAN_BUF(FROM_OCTETS);
		const struct kan_setting *s = a->settings[i];
		if (!s)
			continue;
		json_t *o = json_pack("{s:s,s:s}", "key", s->key, "value", s->value);
		kan_buf_addf(&from, "%s:%u", s->file, s->line);
		kan_json_set_bytes(o, "from", kan_buf_bytes(&from));
		json_array_append_new(list, o);
	}
	return list;
}
