/* The readers' sandbox as the commands enter it: what the kernel does not give is said. */
#ifndef KAN_CLI_BOX_H
#define KAN_CLI_BOX_H

#include <jansson.h>

#include "base/sandbox.h"

/* kan_sandbox_reader, and one warning on stderr where seccomp or Landlock did not hold. */
int kan_box(const char *const *read_paths, const char *const *write_paths, struct kan_err *err);
void kan_say_box(const struct kan_sandbox_state *box);     /* that warning */
json_t *kan_box_json(const struct kan_sandbox_state *box); /* as in kanshiki.verify/1 */

#endif
