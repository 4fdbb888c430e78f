/* The configuration files: found, proven to be nobody else's, cut into settings. */
#include "cli/config.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"

enum { PATH_OCTETS = 4096, NULL_MAJOR = 1, NULL_MINOR = 3 };

static const char system_file[] = "/etc/kanshiki/config";

void kan_config_free(struct kan_config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].key);
		free(c->v[i].value);
	}
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i]);
	*c = (struct kan_config){0};
}

/* --- one text */

struct place {
	const char *file;
	unsigned line;
};

/* "file:line: why" */
static int wrong(const struct place *at, struct kan_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(const struct place *at, struct kan_err *err, const char *fmt, ...)
{
	char why[KAN_ERR_TEXT];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return kan_fail(err, KAN_EUSAGE, "%.200s:%u: %.200s", at->file, at->line, why);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct kan_bytes trimmed(struct kan_bytes b)
{
	while (b.n && blank(b.p[0]))
		b = (struct kan_bytes){b.p + 1, b.n - 1};
	while (b.n && blank(b.p[b.n - 1]))
		b.n--;
	return b;
}

/* Takes the first line off the text, without its end. */
static struct kan_bytes line_of(struct kan_bytes *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	struct kan_bytes line = {text->p, end ? (size_t)(end - text->p) : text->n};
	size_t taken = line.n + (end ? 1 : 0);
	*text = (struct kan_bytes){text->p + taken, text->n - taken};
	return line;
}

static size_t key_octets(struct kan_bytes line)
{
	size_t n = 0;
	while (n < line.n && ((line.p[n] >= 'a' && line.p[n] <= 'z') || line.p[n] == '-'))
		n++;
	return n;
}

/* Nothing that a terminal would act on, or that shows as something else than it is. */
static bool clean(struct kan_bytes b)
{
	kan_auto_buf struct kan_buf out = KAN_BUF((size_t)KAN_CONFIG_LINE * 4);
	return kan_text_clean(&out, b);
}

static char *text_of(struct kan_bytes b)
{
	char *s = kan_xalloc(b.n + 1);
	memcpy(s, b.p, b.n);
	return s;
}

/* Where a key goes: a new place, or that of an earlier file. NULL: twice in this one, or no room.
 */
static struct kan_setting *place_of(struct kan_config *c, struct kan_bytes key,
				    const struct place *at, struct kan_err *err)
{
	size_t of_this = 0;
	struct kan_setting *found = NULL;
	for (size_t i = 0; i < c->n; i++) {
		struct kan_setting *s = &c->v[i];
		of_this += s->file == at->file;
		if (!kan_bytes_eq(kan_bytes_of(s->key), key))
			continue;
		if (s->file == at->file) {
			(void)wrong(at, err, "%s stands in line %u already", s->key, s->line);
			return NULL;
		}
		found = s;
	}
	if (of_this == KAN_CONFIG_SETTINGS) {
		(void)wrong(at, err, "more than %d settings", KAN_CONFIG_SETTINGS);
		return NULL;
	}
	return found ? found : &c->v[c->n++];
}

static int take(struct kan_config *c, struct kan_bytes line, const struct place *at,
		struct kan_err *err)
{
	size_t n = key_octets(line);
	struct kan_bytes key = {line.p, n},
			 value = trimmed((struct kan_bytes){line.p + n, line.n - n});
	if (n == 0 || n > KAN_CONFIG_KEY || (n < line.n && !blank(line.p[n])))
		return wrong(at, err, "no key: a line is 'key value', the key a long option");
	if (value.n == 0)
		return wrong(at, err, "%.*s has no value", (int)n, (const char *)key.p);
	if (!clean(value))
		return wrong(at, err,
			     "%.*s: a control character, or a byte that is no UTF-8 (a line "
			     "ends in LF alone)",
			     (int)n, (const char *)key.p);
	struct kan_setting *s = place_of(c, key, at, err);
	if (!s)
		return -1;
	free(s->key);
	free(s->value);
	*s = (struct kan_setting){text_of(key), text_of(value), at->file, at->line};
	return 0;
}

int kan_config_parse(struct kan_config *c, struct kan_bytes text, const char *file,
		     struct kan_err *err)
{
	struct place at = {.file = file};
	if (c->n_files == KAN_CONFIG_FILES)
		return kan_fail(err, KAN_EUSAGE, "%.200s: more than %d files", file,
				KAN_CONFIG_FILES);
	c->files[c->n_files] = kan_xstrdup(file);
	at.file = c->files[c->n_files++];
	while (text.n) {
		struct kan_bytes line = line_of(&text);
		at.line++;
		if (line.n > KAN_CONFIG_LINE)
			return wrong(&at, err, "longer than %d octets", KAN_CONFIG_LINE);
		if (memchr(line.p, 0, line.n))
			return wrong(&at, err, "a NUL: this is no text");
		line = trimmed(line);
		if (line.n && line.p[0] != '#' && take(c, line, &at, err) < 0)
			return -1;
	}
	return 0;
}

/* --- one file */

/* Whoever could write there could have kanshiki act as root, or look away. */
static int ours(const struct stat *st, const char *what, const char *path, struct kan_err *err)
{
	bool sticky_dir = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return kan_fail(err, KAN_EUSAGE,
				"%.200s: %s belongs to uid %u: make it %s, or name another file "
				"with --config",
				path, what, (unsigned)st->st_uid,
				geteuid() == 0 ? "root's (chown root)" : "yours or root's");
	if (st->st_mode & (S_IWGRP | S_IWOTH) && !sticky_dir)
		return kan_fail(err, KAN_EUSAGE,
				"%.200s: %s is writable by others: chmod go-w it, or name another "
				"file with --config",
				path, what);
	return 0;
}

static int directory_ours(const char *path, struct kan_err *err)
{
	struct stat st;
	kan_auto_free char *dir = kan_xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	if (stat(slash ? dir : ".", &st) < 0)
		return kan_fail(err, KAN_EUSAGE, "%.200s: its directory: %s", path,
				strerror(errno));
	return ours(&st, "its directory", path, err);
}

/* 1: it is there and is to be read; 0: --config /dev/null, which says "none". */
static int usable(int fd, const char *path, struct kan_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return kan_fail(err, KAN_EUSAGE, "%.200s: %s", path, strerror(errno));
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(NULL_MAJOR, NULL_MINOR))
		return 0;
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EUSAGE, "%.200s: no regular file", path);
	return ours(&st, "it", path, err) < 0 || directory_ours(path, err) < 0 ? -1 : 1;
}

static int refuse_open(const char *path, int why, struct kan_err *err)
{
	if (why == ELOOP)
		return kan_fail(err, KAN_EUSAGE,
				"%.200s: a symbolic link: name the file itself with --config",
				path);
	return kan_fail(err, KAN_EUSAGE, "%.200s: %s: name another file with --config", path,
			strerror(why));
}

static int load(struct kan_config *c, const char *path, bool must, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_CONFIG_OCTETS);
	kan_auto_close int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && !must && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return refuse_open(path, errno, err);
	int rc = usable(fd, path, err);
	if (rc <= 0)
		return rc;
	if (kan_read_all(&text, fd, err) < 0) {
		err->code = KAN_EUSAGE;
		return kan_wrap(err, "%.200s", path);
	}
	return kan_config_parse(c, kan_buf_bytes(&text), path, err);
}

/* The user's, as the XDG base directories have it: what is not absolute does not count. */
static bool own_file(char path[PATH_OCTETS])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool xdg = config && *config == '/';
	if (!xdg && (!home || *home != '/'))
		return false;
	int n = snprintf(path, PATH_OCTETS, "%s%s/kanshiki/config", xdg ? config : home,
			 xdg ? "" : "/.config");
	return n > 0 && n < PATH_OCTETS;
}

/* HOME may still be that of who we were before: what we may not enter is not ours. */
static bool enterable(const char *path)
{
	char dir[PATH_OCTETS];
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	return faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == 0 || errno != EACCES;
}

int kan_config_load(struct kan_config *c, const char *named, struct kan_err *err)
{
	char path[PATH_OCTETS];
	struct kan_err why = {0};
	int rc = 0;
	if (named)
		rc = load(c, named, true, &why);
	else if (load(c, system_file, false, &why) < 0 ||
		 (own_file(path) && enterable(path) && load(c, path, false, &why) < 0))
		rc = -1;
	return rc < 0 ? kan_fail(err, why.code, "%s", why.text) : 0;
}
