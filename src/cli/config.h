/* The configuration file: lines "key value", where the keys are long options. The command line and
 * the environment come first. */
#ifndef KAN_CLI_CONFIG_H
#define KAN_CLI_CONFIG_H

#include "cli/cmd.h"

enum {
	KAN_CONFIG_FILES = 2,
	KAN_CONFIG_SETTINGS = 64, /* of one file */
	KAN_CONFIG_LINE = 4096,
	KAN_CONFIG_OCTETS = 64 << 10,
	KAN_CONFIG_KEY = 32,
};

struct kan_setting {
	char *key, *value;
	const char *file; /* one of the configuration's files */
	unsigned line;
};
/* Open data. What a later file says again takes the earlier one's place. */
struct kan_config {
	struct kan_setting v[KAN_CONFIG_FILES * KAN_CONFIG_SETTINGS];
	size_t n;
	char *files[KAN_CONFIG_FILES];
	size_t n_files;
};
void kan_config_free(struct kan_config *c);

/*
 * Pure: one file's text, added to what is there. usage: "file:line: why" of an odd line, a key that
 * stands twice in it, a byte that is no text, too much of anything.
 */
int kan_config_parse(struct kan_config *c, struct kan_bytes text, const char *file,
		     struct kan_err *err);
/*
 * named: that file alone, which must be there; NULL: the system's, then the user's, where they are.
 * usage: one that cannot be read, is no regular file, or that somebody else could have written.
 */
int kan_config_load(struct kan_config *c, const char *named, struct kan_err *err);

/*
 * settings.c: which keys there are and for whom. Fills what neither the command line nor the
 * environment has given. usage: a key that is none, or that may not stand in a file.
 */
int kan_settings_use(struct kan_args *a, const struct kan_command *cmd, const struct kan_config *c,
		     struct kan_err *err);
/* [{key, value, from}]: what this command takes from files. Yours. */
json_t *kan_settings_json(const struct kan_args *a);
/* The variable of the environment that stands for this option and is set, or NULL. */
const char *kan_setting_variable(const char *key);

#endif
