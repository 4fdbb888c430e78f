/* The words of --require. */
#include <string.h>

#include "cli/cmd.h"
#include "cli/require.h"

const char *const kan_require_words[] = {"signed", "known-signer", "stamped",
					 "pushed", "anchored",     NULL};

bool kan_require_has(const char *list, const char *word)
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

static bool known(const char *word, size_t n)
{
	for (const char *const *w = kan_require_words; *w; w++)
		if (strlen(*w) == n && strncmp(word, *w, n) == 0)
			return true;
	return false;
}

int kan_require_check(const char *list)
{
	for (const char *at = list; at && *at;) {
		size_t n = strcspn(at, ",");
		if (!known(at, n)) {
			kan_say("--require takes signed, known-signer, stamped, pushed and "
				"anchored, not '%.*s'",
				(int)n, at);
			return -1;
		}
		at += n + (at[n] == ',');
	}
	return 0;
}
