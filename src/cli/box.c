/* The readers' sandbox as the commands enter it: what the kernel does not give is said. */
#include "cli/box.h"

#include "cli/cmd.h"

void kan_say_box(const struct kan_sandbox_state *box)
{
	if (!box->landlock || !box->seccomp)
		kan_say("warning: the sandbox is not whole here (landlock %s, seccomp %s)",
			box->landlock ? "yes" : "no", box->seccomp ? "yes" : "no");
}

json_t *kan_box_json(const struct kan_sandbox_state *box)
{
	return json_pack("{s:b,s:b,s:b}", "no_new_privs", box->no_new_privs, "landlock",
			 box->landlock, "seccomp", box->seccomp);
}

int kan_box(const char *const *read_paths, const char *const *write_paths, struct kan_err *err)
{
	struct kan_sandbox_state box = {0};
	if (kan_sandbox_reader(&box, read_paths, write_paths, err) < 0)
		return -1;
	kan_say_box(&box);
	return 0;
}
