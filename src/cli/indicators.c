/* The file of --indicators: read whole, parsed, refused with file and line. */
#include "cli/indicators.h"

#include <fcntl.h>
#include <stddef.h>

#include "base/file.h"
#include "cli/cmd.h"

int kan_read_indicators(struct kan_indicators **out, const char *name)
{
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_INDICATORS_FILE);
	if (!name)
		return 0;
	kan_auto_close int fd = open(name, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? kan_fail_sys(&err, "open") : kan_read_all(&text, fd, &err);
	if (rc == 0)
		rc = kan_indicators_parse(out, kan_buf_bytes(&text), &err);
	if (rc < 0)
		kan_say("--indicators: %s: %s", name, err.text);
	return rc;
}
