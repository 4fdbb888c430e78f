/* completion: a script for a shell, and the names that the scripts ask for. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/engine.h>

#include "base/file.h"
#include "cli/completion.h"

enum { ANSWER_OCTETS = 16 << 20, WAIT_S = 2 };

/* Names go to a shell: nothing that a shell, or a terminal, gives a meaning. */
static bool plain(const char *name)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	return *name && *name != '-' && *name != '.' && name[strspn(name, good)] == 0;
}

static int bundles(const struct kan_args *a)
{
	kan_auto_free char *home = kan_home(a), *dir = kan_path(home, "bundles");
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		if (kan_name_ok(e->d_name))
			(void)puts(e->d_name);
	if (d)
		(void)closedir(d);
	return KAN_EXIT_OK;
}

static void print_names(const json_t *list)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, one) {
		const json_t *name = json_array_get(json_object_get(one, "Names"), 0);
		const char *text = json_string_value(name);
		if (text && plain(text + (*text == '/')))
			(void)puts(text + (*text == '/'));
	}
}

/* Somebody waits for a key that he has pressed: an engine that does not answer has no names. */
static int containers(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_engine *e = NULL;
	json_t *list = NULL;
	kan_auto_buf struct kan_buf raw = KAN_BUF(ANSWER_OCTETS);
	(void)alarm(WAIT_S);
	int rc = kan_engine_open(&e, kan_arg(a, "host"), &err);
	if (rc == 0)
		rc = kan_engine_get_raw(&raw, e, "/containers/json?all=1", &err);
	if (rc == 0)
		rc = kan_engine_parse(&list, kan_buf_bytes(&raw), &err);
	print_names(list);
	json_decref(list);
	kan_engine_free(e);
	return rc < 0 ? kan_say_err(&err) : KAN_EXIT_OK;
}

static int script(void (*write)(FILE *out))
{
	kan_stdout_taken();
	write(stdout);
	return KAN_EXIT_OK;
}

static int run(const struct kan_args *a)
{
	const char *what = a->words[0];
	if (strcmp(what, "bash") == 0)
		return script(kan_completion_bash);
	if (strcmp(what, "zsh") == 0)
		return script(kan_completion_zsh);
	if (strcmp(what, "fish") == 0)
		return script(kan_completion_fish);
	if (strcmp(what, "bundles") == 0)
		return bundles(a);
	if (strcmp(what, "containers") == 0)
		return containers(a);
	kan_say("completion is for bash, zsh and fish, not '%s'", what);
	return KAN_EXIT_USAGE;
}

extern const struct kan_command kan_cmd_completion;
const struct kan_command kan_cmd_completion = {
	.name = "completion",
	.args = "bash | zsh | fish",
	.summary = "a script for a shell that completes commands, options and their words",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
