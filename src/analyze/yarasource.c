/* The texts of a user's YARA rules: a file, or the *.yar and *.yara of a folder, in byte order. */
#include "analyze/yarasource.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { FILE_MAX = 4 << 20, ALL_MAX = 32 << 20, FILES_MAX = 1000, DEPTH_MAX = 8, NAME_TEXT = 4096 };

static int load_text(struct kan_yara_sources *s, int dir, const char *file, const char *name,
		     struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(FILE_MAX);
	if (s->n == FILES_MAX)
		return kan_fail(err, KAN_EUSAGE, "%s: more than %d files of rules", name,
				FILES_MAX);
	if (kan_read_file(&text, dir, file, &why) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a regular file of at most %d MiB: %s",
				name, FILE_MAX >> 20, why.text);
	if (kan_bytes_starts(kan_buf_bytes(&text), "YARA"))
		return kan_fail(
			err, KAN_EUSAGE,
			"%s: compiled rules are refused: they are programs; give the source", name);
	if (text.len && memchr(text.data, 0, text.len))
		return kan_fail(err, KAN_EUSAGE, "%s: a NUL: not the source of rules", name);
	s->octets += text.len;
	if (s->octets > ALL_MAX)
		return kan_fail(err, KAN_EUSAGE, "%s: more than %d MiB of rules", name,
				ALL_MAX >> 20);
	s->v = kan_xrealloc(s->v, s->n + 1, sizeof *s->v);
	s->v[s->n++] = (struct kan_yara_source){kan_xstrdup(name), text};
	text = KAN_BUF(0);
	return 0;
}

static bool is_source(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && (strcmp(dot, ".yar") == 0 || strcmp(dot, ".yara") == 0);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_dir(struct kan_yara_sources *s, int dir, const char *prefix, unsigned depth,
		    struct kan_err *err);

static int load_entry(struct kan_yara_sources *s, int dir, const char *file, const char *prefix,
		      unsigned depth, struct kan_err *err)
{
	char name[NAME_TEXT];
	struct stat st;
	if (snprintf(name, sizeof name, "%s%s", prefix, file) >= (int)sizeof name - 1)
		return kan_fail(err, KAN_EUSAGE, "%.64s...: a path that long", prefix);
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return kan_fail_sys(err, "%s", name);
	if (!S_ISDIR(st.st_mode))
		return is_source(file) ? load_text(s, dir, file, name, err) : 0;
	if (depth == DEPTH_MAX)
		return kan_fail(err, KAN_EUSAGE, "%s: deeper than %d folders", name, DEPTH_MAX);
	kan_auto_close int below =
		openat(dir, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return kan_fail_sys(err, "%s", name);
	size_t n = strlen(name);
	name[n] = '/';
	name[n + 1] = 0;
	return load_dir(s, below, name, depth + 1, err);
}

static int load_dir(struct kan_yara_sources *s, int dir, const char *prefix, unsigned depth,
		    struct kan_err *err)
{
	struct dirent **list = NULL;
	int rc = 0, n = scandirat(dir, ".", &list, visible, by_bytes);
	if (n < 0)
		return kan_fail_sys(err, "the folder of rules %s", prefix);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = load_entry(s, dir, list[i]->d_name, prefix, depth, err);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int load(struct kan_yara_sources *s, const char *path, struct kan_err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		const char *slash = strrchr(path, '/');
		return load_text(s, AT_FDCWD, path, slash ? slash + 1 : path, err);
	}
	kan_auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a folder that can be read", path);
	if (load_dir(s, dir, "", 0, err) < 0)
		return -1;
	return s->n ? 0 : kan_fail(err, KAN_EUSAGE, "%s: has no *.yar and no *.yara", path);
}

int kan_yara_sources_load(struct kan_yara_sources **out, const char *path, struct kan_err *err)
{
	struct kan_yara_sources *s = kan_xalloc(sizeof *s);
	if (load(s, path, err) < 0) {
		kan_yara_sources_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void kan_yara_sources_free(struct kan_yara_sources *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		kan_buf_free(&s->v[i].text);
	}
	free(s->v);
	free(s);
}

/* import, white space, the name in quotes: as good as always there is no comment between. */
static int import_line(const char *text, const char *module)
{
	static const char word[] = "import";
	size_t n = strlen(module);
	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
		const char *p = at + strlen(word);
		while (isspace((unsigned char)*p))
			p++;
		if (*p != '"' || strncmp(p + 1, module, n) != 0 || p[1 + n] != '"')
			continue;
		int line = 1;
		for (const char *c = text; c < at; c++)
			line += *c == '\n';
		return line;
	}
	return 0;
}

const char *kan_yara_import_of(int *line, const struct kan_yara_sources *s, const char *module)
{
	for (size_t i = 0; i < s->n; i++) {
		*line = import_line(kan_buf_str(&s->v[i].text), module);
		if (*line)
			return s->v[i].name;
	}
	return s->n ? s->v[0].name : "";
}
