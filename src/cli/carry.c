/* Unpacking what may be anybody's, where it can reach nothing. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "cli/carry.h"
#include "cli/cmd.h"

struct source {
	int fd;
	uint8_t *piece;
};

static ssize_t pull(void *arg, const void **p, struct kan_err *err)
{
	struct source *s = arg;
	ssize_t n;
	do
		n = read(s->fd, s->piece, KAN_IO_READ);
	while (n < 0 && errno == EINTR);
	*p = s->piece;
	return n < 0 ? kan_fail_sys(err, "read") : n;
}

/* What the child tells: the error, and the name of what it made. */
struct answer {
	int code, sys;
	char text[KAN_ERR_TEXT], bundle[KAN_BAG_NAME];
};

static void work(struct answer *a, int parent_fd, const char *parent, int in)
{
	struct kan_carried c = {.fd = -1};
	struct kan_sandbox_state box = {0};
	struct kan_err err = {0};
	const char *reads[] = {parent, NULL}, *writes[] = {parent, NULL};
	struct source s = {in, kan_io_buffer(KAN_IO_READ)};
	int rc = kan_sandbox_reader(&box, reads, writes, &err);
	if (rc == 0)
		rc = kan_carry_in(&c, parent_fd, pull, &s, &err);
	if (rc < 0)
		kan_carry_drop(&c, parent_fd);
	(void)snprintf(a->bundle, sizeof(a->bundle), "%s", c.bundle);
	(void)snprintf(a->text, sizeof(a->text), "%s", err.text);
	a->code = rc < 0 ? (int)err.code : KAN_OK;
	a->sys = err.sys;
}

static int open_source(int *fd, const char *word, struct kan_err *err)
{
	struct stat st;
	*fd = strcmp(word, "-") == 0
		      ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		      : open(word, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return kan_fail_sys(err, "%s", word);
	if (strcmp(word, "-") != 0 && !S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "%s: not a regular file; - reads a pipe", word);
	if (isatty(*fd))
		return kan_fail(err, KAN_EUSAGE,
				"standard input is a terminal: pipe a tar into it");
	return 0;
}

/* The child's lock ended with it: it is taken again before anybody else does. */
static int take_over(struct kan_carried *out, int parent_fd, const struct answer *a,
		     struct kan_err *err)
{
	char name[KAN_BAG_NAME + 32];
	(void)snprintf(out->bundle, sizeof(out->bundle), "%s", a->bundle);
	(void)snprintf(name, sizeof(name), "%s%s", a->bundle, KAN_CARRIED);
	out->fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return out->fd < 0 ? kan_fail_sys(err, "%s", name) : kan_carry_hold(out, err);
}

static int hear(struct answer *a, int end, struct kan_err *err)
{
	struct kan_buf got = KAN_BUF(sizeof(*a));
	int rc = kan_read_all(&got, end, err);
	if (rc == 0 && got.len != sizeof(*a))
		rc = kan_fail(err, KAN_ETAMPER, "whoever unpacked it has died of it");
	else if (rc == 0)
		memcpy(a, got.data, sizeof(*a));
	kan_buf_free(&got);
	if (rc < 0)
		return -1;
	a->text[sizeof(a->text) - 1] = a->bundle[sizeof(a->bundle) - 1] = 0;
	if (a->code == KAN_OK)
		return 0;
	kan_err_set(err, (enum kan_code)a->code, a->sys, "%s", a->text);
	return -1;
}

int kan_carry_unpack(struct kan_carried *out, const char *parent, const char *word,
		     struct kan_err *err)
{
	kan_auto_close int in = -1, parent_fd = -1, end = -1;
	struct answer a = {0};
	pid_t pid = 0;
	*out = (struct kan_carried){.fd = -1};
	if (open_source(&in, word, err) < 0)
		return -1;
	parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (parent_fd < 0)
		return kan_fail_sys(err, "%s", parent);
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0) {
		work(&a, parent_fd, parent, in);
		_exit(kan_write_all(end, &a, sizeof(a), NULL) < 0);
	}
	int rc = hear(&a, end, err);
	kan_sandbox_end(pid);
	/* A tar that cannot be read as one is not evidence: no bundle of ours looks so. */
	if (rc < 0 && err && (err->code == KAN_EFORMAT || err->code == KAN_ELIMIT))
		err->code = KAN_ETAMPER;
	if (rc < 0)
		return kan_wrap(err, "%s", word);
	return take_over(out, parent_fd, &a, err);
}
