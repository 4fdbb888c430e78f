/* mountinfo: no line is read beyond, and what an option's value holds makes no option. */
#include "kernel/mountinfo.h"

#include <stdlib.h>
#include <string.h>

static int on_mount(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	static const char *const keys[] = {"upperdir", "lowerdir", "userxattr", ""};
	kan_auto_buf struct kan_buf value = KAN_BUF(4096);
	(void)arg;
	(void)err;
	if (m->id < 0 || m->parent < 0 || (m->point.n && !m->point.p) ||
	    (m->source.n && !m->source.p))
		abort();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		kan_buf_reset(&value);
		bool found = kan_mount_option(&value, m->super, keys[i]);
		if (found && value.len > m->super.n)
			abort();
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_err err = {0};
	int rc = kan_mountinfo_each((struct kan_bytes){data, size}, on_mount, NULL, &err);
	if (rc < 0 && err.code != KAN_EFORMAT && err.code != KAN_ELIMIT)
		abort();
	return 0;
}
