/* verify of a bundle: every check of the format, one result each. */
#include <kanshiki/bundle.h>

int kan_bundle_verify(const char *dir, const char *want_seal, kan_check_fn *fn, void *arg,
		      struct kan_err *err)
{
	(void)want_seal;
	(void)fn;
	(void)arg;
	return kan_fail(err, KAN_EUNSUPPORTED, "%s: verify of a bundle is not there yet", dir);
}
