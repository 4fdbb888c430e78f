/* bodyfile.txt: the files of the container's layer, as mactime reads them (bodyfile 3.x). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "reports/model.h"

enum { PATH_OCTETS = 2 * KAN_ROW_MAX, NS_PER_S = 1000000000, OCTAL = 8 };

struct lines {
	struct kan_buf *out;
	const struct kan_model *m;
};

/* mactime splits at each '|' and decodes %NN: all but printable ASCII, and these, as \xNN. */
static void name(struct kan_buf *out, struct kan_bytes v)
{
	for (size_t i = 0, plain = 0; i < v.n; i = plain) {
		while (plain < v.n && v.p[plain] > ' ' && v.p[plain] < 0x7f &&
		       !strchr("|%\\", v.p[plain]))
			plain++;
		kan_buf_add(out, v.p + i, plain - i);
		if (plain < v.n)
			kan_buf_addf(out, "\\x%02x", v.p[plain++]);
	}
}

static char letter_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 'h';
	default:
		return 'r';
	}
}

/* "r/rrwsr-xr-x" */
static void mode_text(struct kan_buf *out, mode_t mode)
{
	static const char bits[] = "rwxrwxrwx";
	char text[] = "---------", kind = letter_of(mode);
	for (int i = 0; i < 9; i++)
		if (mode >> (8 - i) & 1)
			text[i] = bits[i];
	if (mode & S_ISUID)
		text[2] = text[2] == 'x' ? 's' : 'S';
	if (mode & S_ISGID)
		text[5] = text[5] == 'x' ? 's' : 'S';
	if (mode & S_ISVTX)
		text[8] = text[8] == 'x' ? 't' : 'T';
	kan_buf_addf(out, "%c/%c%s", kind, kind, text);
}

/* Seconds with their fraction; 0: not known. */
static void stamp(struct kan_buf *out, const json_t *o, const char *key)
{
	int64_t ns = kan_json_int(o, key), rest = ns % NS_PER_S;
	if (ns <= 0)
		kan_buf_adds(out, "|0");
	else
		kan_buf_addf(out, "|%" PRId64 ".%09" PRId64, ns / NS_PER_S, rest);
}

/* The upper inode; of what was deleted the image's version, whose ctime is not the deletion's. */
static int on_change(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const struct lines *s = arg;
	struct kan_buf *out = s->out;
	bool deleted = strcmp(kan_json_str(row, "change"), "deleted") == 0;
	const json_t *of = deleted ? json_object_get(row, "below") : row;
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH_OCTETS);
	struct kan_err ignored = {0};
	(void)line;
	if (!of || kan_json_bytes(&path, row, "path", &ignored) < 0)
		return 0;
	kan_buf_adds(out, "0|");
	name(out, kan_buf_bytes(&path));
	const char *ino = kan_json_str(of, "ino");
	bool number = *ino && ino[strspn(ino, "0123456789")] == '\0';
	kan_buf_addf(out, "%s|%s|", deleted ? " (deleted)" : "", number ? ino : "0");
	mode_text(out, (mode_t)strtoul(kan_json_str(of, "mode"), NULL, OCTAL));
	kan_buf_addf(out, "|%" PRId64 "|%" PRId64 "|%" PRId64 "|0", kan_json_int(of, "uid"),
		     kan_json_int(of, "gid"), kan_json_int(of, "size"));
	stamp(out, of, "mtime_ns");
	stamp(out, deleted ? NULL : of, "ctime_ns");
	stamp(out, deleted ? NULL : of, "btime_ns");
	kan_buf_addc(out, '\n');
	return kan_model_drained(s->m, out, err);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	struct lines s = {out, m};
	return kan_model_stream(m, "data/filesystem/changes.ndjson", on_change, &s, err);
}

extern const struct kan_report kan_report_bodyfile;
const struct kan_report kan_report_bodyfile = {
	.name = "bodyfile",
	.file = "bodyfile.txt",
	.summary = "files and times for mactime",
	.render = render,
};
