/* A build without libyara: rules are refused, and nothing is silently not scanned. */
#include "analyze/yaraengine.h"

int kan_yara_compile(struct kan_yara **out, const char *path, struct kan_err *err)
{
	(void)out;
	return kan_fail(err, KAN_EUSAGE, "%s: this build has no libyara, so it takes no YARA rules",
			path);
}

void kan_yara_free(struct kan_yara *y)
{
	(void)y;
}

json_t *kan_yara_about(const struct kan_yara *y)
{
	(void)y;
	return json_object();
}

int kan_yara_match(struct kan_yara *y, const struct kan_yara_subject *s, int seconds,
		   kan_yara_hit_fn *fn, void *arg, struct kan_err *err)
{
	(void)y;
	(void)s;
	(void)seconds;
	(void)fn;
	(void)arg;
	return kan_fail(err, KAN_EUSAGE, "this build has no libyara");
}
