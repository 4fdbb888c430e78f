/* --require: conditions of custody that turn into status 5 when they do not hold. */
#ifndef KAN_CLI_REQUIRE_H
#define KAN_CLI_REQUIRE_H

#include <stdbool.h>

extern const char *const kan_require_words[]; /* NULL-terminated */
/* Is each word of the list one of: signed, known-signer, stamped, pushed, anchored? -1: said. */
int kan_require_check(const char *list);
bool kan_require_has(const char *list, const char *word);

#endif
