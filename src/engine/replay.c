/* Recorded answers, for tests: a folder with a file a path. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/transport.h"

enum { NAME_OCTETS = 256 };

/* NAME.cut stands for a connection that ends within the body. */
static bool is_cut(int dir, const char *name)
{
	char file[NAME_OCTETS + 16];
	(void)snprintf(file, sizeof(file), "%s.cut", name);
	return faccessat(dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A recorded status other than 200 is a file NAME.status with the number. */
static int recorded_status(int dir, const char *name)
{
	char file[NAME_OCTETS + 16];
	kan_auto_buf struct kan_buf text = KAN_BUF(16);
	(void)snprintf(file, sizeof(file), "%s.status", name);
	if (kan_read_file(&text, dir, file, NULL) < 0)
		return 200;
	int status = 0;
	for (const char *c = kan_buf_str(&text); *c >= '0' && *c <= '9'; c++)
		status = status * 10 + (*c - '0');
	return status;
}

int kan_replay_request(int *status, const struct kan_engine *e, const char *path,
		       kan_engine_data_fn *on_data, void *arg, struct kan_err *err)
{
	char name[NAME_OCTETS];
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	size_t n = strcspn(path, "?");
	if (n < 2 || n >= sizeof(name))
		return kan_fail(err, KAN_EUSAGE, "replay: a path of %zu octets", n);
	for (size_t i = 1; i < n; i++)
		name[i - 1] = path[i] == '/' ? '-' : path[i];
	name[n - 1] = 0;
	kan_auto_close int dir = open(e->replay, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return kan_fail(err, KAN_EENGINE, "replay: %s cannot be opened", e->replay);
	*status = recorded_status(dir, name);
	if (kan_read_file(&text, dir, name, NULL) < 0 && *status == 200) {
		*status = 404;
		return on_data(KAN_LIT("{\"message\":\"not recorded\"}"), arg);
	}
	if (text.len && on_data(kan_buf_bytes(&text), arg) < 0)
		return kan_fail(err, KAN_EENGINE, "stopped by its reader");
	return is_cut(dir, name)
		       ? kan_fail(err, KAN_EENGINE, "the connection ended within the body")
		       : 0;
}
