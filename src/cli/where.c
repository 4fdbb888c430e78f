/* Where things are: the home, its directories, a bundle by path or name. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"

enum { PATH_OCTETS = 4096 };

char *kan_path(const char *dir, const char *name)
{
	struct kan_buf b = KAN_BUF(PATH_OCTETS);
	kan_buf_addf(&b, "%s%s%s", dir, name ? "/" : "", name ? name : "");
	return b.failed || !b.data ? kan_xstrdup(dir) : (char *)b.data;
}

char *kan_home(const struct kan_args *a)
{
	const char *given = kan_arg(a, "home");
	if (!given)
		given = getenv("KANSHIKI_HOME");
	if (given && *given)
		return kan_absolute(given);
	if (geteuid() == 0)
		return kan_xstrdup("/var/lib/kanshiki");
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data && *data == '/')
		return kan_path(data, "kanshiki");
	return kan_path(home && *home ? home : "/tmp", ".local/share/kanshiki");
}

int kan_own_dir(const char *path, struct kan_err *err)
{
	struct stat st;
	kan_auto_free char *copy = kan_xstrdup(path);
	for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return kan_fail_sys(err, "%s", copy);
		*at = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return kan_fail_sys(err, "%s", path);
	if (lstat(path, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (S_ISLNK(st.st_mode))
		return kan_fail(err, KAN_EREFUSED,
				"%s is a symbolic link: name the directory itself", path);
	if (!S_ISDIR(st.st_mode))
		return kan_fail(err, KAN_EREFUSED,
				"%s is there and is no directory: choose another place", path);
	if (st.st_uid != geteuid())
		return kan_fail(err, KAN_EREFUSED,
				"%s belongs to uid %u, not to us: choose another place", path,
				(unsigned)st.st_uid);
	return 0;
}

static bool is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Names begin with the time, so the greatest name is the newest. */
static char *newest(const char *bundles)
{
	char *best = NULL;
	DIR *d = opendir(bundles);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.' || strstr(e->d_name, ".partial"))
			continue;
		if (!best || strcmp(e->d_name, best) > 0) {
			free(best);
			best = kan_xstrdup(e->d_name);
		}
	}
	if (d)
		(void)closedir(d);
	return best;
}

/* A capture that runs holds its journal's lock. */
static bool held(const char *partial)
{
	kan_auto_free char *path = kan_path(partial, "journal.ndjson");
	kan_auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void kan_each_leftover(const char *bundles, void (*fn)(const char *path, void *arg), void *arg)
{
	DIR *d = opendir(bundles);
	for (struct dirent *e; d && (e = readdir(d));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!dot || strcmp(dot, ".partial") != 0)
			continue;
		kan_auto_free char *path = kan_path(bundles, e->d_name);
		if (is_dir(path) && !held(path))
			fn(path, arg);
	}
	if (d)
		(void)closedir(d);
}

static void name_leftover(const char *path, void *arg)
{
	(void)arg;
	kan_say("warning: %s was left by a capture that did not end: kanshiki seal --partial "
		"finishes it",
		path);
}

void kan_name_leftovers(const char *bundles)
{
	kan_each_leftover(bundles, name_leftover, NULL);
}

int kan_find_bundle(char **out, const struct kan_args *a, const char *word, struct kan_err *err)
{
	if (word && is_dir(word)) {
		*out = kan_absolute(word);
		return 0;
	}
	kan_auto_free char *home = kan_home(a);
	kan_auto_free char *bundles = kan_path(home, "bundles");
	kan_auto_free char *name = word ? NULL : newest(bundles);
	if (!name && access(bundles, F_OK) < 0 && errno == EACCES)
		return kan_fail_sys(err, "%s", bundles);
	if (!word && !name)
		return kan_fail(err, KAN_ENOTFOUND, "no bundle in %s: name one", bundles);
	char *path = kan_path(bundles, word ? word : name);
	if (!is_dir(path) || (word && !kan_name_ok(word))) {
		free(path);
		return kan_fail(err, KAN_ENOTFOUND, "%s: no such bundle: see kanshiki ls",
				word ? word : name);
	}
	*out = path;
	return 0;
}
