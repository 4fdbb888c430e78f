/* A configuration file: it is refused in a sentence that names the line, or each of its settings is
 * a key and a clean value of one line. */
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct kan_setting *s)
{
	size_t key = strlen(s->key), value = strlen(s->value);
	if (!key || key > KAN_CONFIG_KEY || strspn(s->key, "abcdefghijklmnopqrstuvwxyz-") != key)
		abort();
	if (!value || value > KAN_CONFIG_LINE || strpbrk(s->value, "\n\r\t\x1b") || !s->line ||
	    s->value[0] == ' ' || s->value[value - 1] == ' ')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kan_config c;
	struct kan_err err = {0};
	int rc = kan_config_parse(&c, (struct kan_bytes){data, size}, "f", &err);
	if (rc < 0 && (err.code != KAN_EUSAGE || strncmp(err.text, "f:", 2) != 0))
		abort();
	for (size_t i = 0; i < c.n; i++)
		check(&c.v[i]);
	kan_config_free(&c);
	return 0;
}
