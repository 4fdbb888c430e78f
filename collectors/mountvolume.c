/* Volumes of the local driver, below the data root: volumes/NAME, as an engine keeps them. */
#include "collectors/mountvolume.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "engine/below.h"

enum { PATH_OCTETS = 512, NAME_OCTETS = 255, OPTIONS_MAX = 64 << 10, JSON_DEPTH = 16 };

/* A volume's name is a directory's name, or it is not built into a path. */
bool kan_volume_name_ok(const char *name)
{
	size_t n = strlen(name);
	return n && n <= NAME_OCTETS && name[0] != '.' && !strchr(name, '/');
}

/* A local volume with options is a mount of something else: the directory is only its place. */
int kan_volume_elsewhere(const struct kan_target *t, const char *name, struct kan_err *err)
{
	char path[PATH_OCTETS];
	json_t *doc = NULL;
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(OPTIONS_MAX);
	(void)snprintf(path, sizeof(path), "volumes/%s/opts.json", name);
	if (kan_below_read(&text, t, path, &why) < 0 && why.code == KAN_ENOTFOUND)
		return 0;
	if (why.code != KAN_OK ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), OPTIONS_MAX, JSON_DEPTH, &why) < 0) {
		*err = why;
		return kan_wrap(err, "its options");
	}
	bool elsewhere = *kan_json_str(doc, "MountDevice") || *kan_json_str(doc, "MountType");
	json_decref(doc);
	return elsewhere;
}

/* A mount on the volume's own directory is not its content, whatever its options say. */
int kan_volume_enter(struct kan_entered *e, const struct kan_target *t, const char *name,
		     struct kan_err *err)
{
	char path[PATH_OCTETS];
	struct kan_err why = {0};
	kan_auto_close int volume = -1;
	(void)snprintf(path, sizeof(path), "volumes/%s", name);
	if (kan_below_pin(&volume, t, path, O_DIRECTORY, err) < 0)
		return -1;
	if (kan_open_beneath(&e->fd, volume, "_data", O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV, &why) <
	    0) {
		*err = why;
		return why.sys == EXDEV
			       ? kan_fail(err, KAN_EUNSUPPORTED,
					  "a volume whose content is mounted from elsewhere")
			       : -1;
	}
	if (kan_below_owned(t, e->fd, path, err) < 0)
		return -1;
	if (statx(e->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME, &e->st) < 0)
		return kan_fail_sys(err, "%s", path);
	return 0;
}
