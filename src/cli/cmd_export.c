/* export: a bundle as one tar, the same bytes for the same bundle. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kanshiki/bundle.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "cli/capture_doc.h"
#include "cli/cmd.h"
#include "custody/check.h"
#include "evidence/carry.h"

static const struct kan_option options[] = {
	{"out", 'o', "FILE", "where to (default: standard output); it must not be there yet"},
	{NULL, 0, NULL, NULL},
};

struct sink {
	int fd;
	uint8_t *piece;
	size_t n;
	uint64_t octets;
};

static int drain(struct sink *s, struct kan_err *err)
{
	size_t n = s->n;
	s->n = 0;
	s->octets += n;
	return kan_write_all(s->fd, s->piece, n, err);
}

static int gather(void *arg, const void *p, size_t n, struct kan_err *err)
{
	struct sink *s = arg;
	const uint8_t *at = p;
	while (n) {
		size_t room = KAN_IO_WRITE - s->n, some = n < room ? n : room;
		memcpy(s->piece + s->n, at, some);
		s->n += some;
		at += some;
		n -= some;
		if (s->n == KAN_IO_WRITE && drain(s, err) < 0)
			return -1;
	}
	return 0;
}

/* What was altered does not leave as if it were whole. */
static int whole(char name[KAN_BAG_NAME], char seal[KAN_SHA256_HEX], const char *path,
		 struct kan_err *err)
{
	struct kan_err fault = {0};
	struct kan_bundle *b = NULL;
	if (kan_bundle_open(&b, path, false, err) < 0)
		return -1;
	(void)snprintf(name, KAN_BAG_NAME, "%s", kan_bundle_name(b));
	(void)snprintf(seal, KAN_SHA256_HEX, "%s", kan_bundle_seal(b));
	kan_bundle_free(b);
	if (kan_custody_verify_bag(path, NULL, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0 : kan_fail(err, fault.code, "%s: %s", path, fault.text);
}

static int open_out(int *fd, const char *out, struct kan_err *err)
{
	if (out)
		return kan_create(fd, AT_FDCWD, out, 0400, err);
	if (isatty(STDOUT_FILENO))
		return kan_fail(err, KAN_EUSAGE,
				"a tar does not go to a terminal: -o FILE, or a pipe");
	kan_stdout_taken();
	*fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return *fd < 0 ? kan_fail_sys(err, "standard output") : 0;
}

static int write_tar(struct sink *s, const char *path, const char *name, struct kan_err *err)
{
	kan_auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return kan_fail_sys(err, "%s", path);
	return kan_carry_out(dir, name, gather, s, err) < 0 ? -1 : drain(s, err);
}

/* The file's name is on the disk, too. */
static int sync_parent(const char *path, struct kan_err *err)
{
	kan_auto_free char *dir = kan_xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	kan_auto_close int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? kan_fail_sys(err, "%s", slash ? dir : ".") : 0;
}

static int print_document(const char *name, const char *seal, const char *out, uint64_t octets)
{
	json_auto_t *o = json_pack("{s:s,s:s,s:s,s:I}", "schema", "kanshiki.export/1", "bundle",
				   name, "seal", seal, "octets", (json_int_t)octets);
	kan_json_set_bytes(o, "file", kan_bytes_of(out));
	return kan_print_json(o);
}

static int run(const struct kan_args *a)
{
	char name[KAN_BAG_NAME], seal[KAN_SHA256_HEX];
	struct kan_err err = {0};
	const char *out = kan_arg(a, "out");
	kan_auto_free char *path = NULL;
	kan_auto_close int fd = -1;
	struct sink s = {.fd = -1};
	int rc = kan_find_bundle(&path, a, a->words[0], &err);
	if (rc == 0)
		rc = whole(name, seal, path, &err);
	if (rc == 0)
		rc = open_out(&fd, out, &err);
	if (rc < 0)
		return kan_say_err(&err);
	s.fd = fd;
	s.piece = kan_io_buffer(KAN_IO_WRITE);
	rc = write_tar(&s, path, name, &err);
	if (rc == 0 && out && fsync(fd) < 0)
		rc = kan_fail_sys(&err, "%s", out);
	if (rc == 0 && out)
		rc = sync_parent(out, &err);
	free(s.piece);
	if (rc < 0 && out) /* half a tar is none */
		(void)unlink(out);
	if (rc < 0)
		return kan_say_err(&err);
	if (out)
		kan_say("%s: %llu octets; the receiver runs kanshiki import, and compares the seal",
			out, (unsigned long long)s.octets);
	return out && kan_flag(a, "json") ? print_document(name, seal, out, s.octets) : KAN_EXIT_OK;
}

extern const struct kan_command kan_cmd_export;
const struct kan_command kan_cmd_export = {
	.name = "export",
	.args = "[OPTIONS] BUNDLE",
	.summary = "a bundle as one tar, the same bytes for the same bundle",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
