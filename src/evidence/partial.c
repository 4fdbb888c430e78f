/* seal --partial: what a crash left becomes a bundle. */
#include "evidence/seal.h"

int kan_seal_partial(char seal[65], char **sealed, const char *path, const char *reason,
		     struct kan_err *err)
{
	(void)seal;
	(void)sealed;
	(void)reason;
	return kan_fail(err, KAN_EUNSUPPORTED, "%s: not there yet", path);
}
