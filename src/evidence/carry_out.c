/* Export: the same bytes for the same bundle, wherever and whenever. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "evidence/carry.h"

enum { MODE = 0444, PATH_OCTETS = 512 };

void kan_carry_files_free(struct kan_carry_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->path[i]);
	free(l->path);
	*l = (struct kan_carry_list){0};
}

struct listing {
	struct kan_carry_list list;
	struct kan_err *err;
	int rc;
};

static enum kan_tree_next list_entry(const struct kan_tree_entry *e, void *arg)
{
	struct listing *l = arg;
	if (S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	if (!S_ISREG(e->st->stx_mode) || l->list.n >= KAN_CARRY_MEMBERS) {
		l->rc = kan_fail(l->err, KAN_ETAMPER, "a link, a special file, or too many files");
		return KAN_TREE_STOP;
	}
	if (l->list.n % 256 == 0)
		l->list.path = kan_xrealloc(l->list.path, l->list.n + 256, sizeof(*l->list.path));
	l->list.path[l->list.n++] = strndup((const char *)e->path.p + 1, e->path.n - 1);
	return KAN_TREE_GO;
}

static void list_problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct listing *l = arg;
	(void)path;
	if (l->rc == 0)
		l->rc = kan_fail(l->err, err->code, "%s", err->text);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int kan_carry_files(struct kan_carry_list *out, int dir_fd, struct kan_err *err)
{
	struct listing l = {.err = err};
	struct kan_tree_walk walk = {.max_entries = 2 * KAN_CARRY_MEMBERS,
				     .fn = list_entry,
				     .problem = list_problem,
				     .arg = &l};
	if (kan_tree_walk(&walk, dir_fd, err) < 0 && l.rc == 0)
		l.rc = -1;
	if (l.rc < 0) {
		kan_carry_files_free(&l.list);
		return -1;
	}
	if (l.list.n)
		qsort(l.list.path, l.list.n, sizeof(*l.list.path), by_path);
	*out = l.list;
	return 0;
}

/* What leaves, counted: the end is padded to a block. */
struct exporting {
	kan_tar_out_fn *fn;
	void *arg;
	uint64_t octets;
};

static int count(void *arg, const void *p, size_t n, struct kan_err *err)
{
	struct exporting *x = arg;
	x->octets += n;
	return x->fn(x->arg, p, n, err);
}

static int pad(struct exporting *x, struct kan_err *err)
{
	static const uint8_t zeros[KAN_CARRY_BLOCK];
	size_t over = (size_t)(x->octets % KAN_CARRY_BLOCK);
	return over ? count(x, zeros, KAN_CARRY_BLOCK - over, err) : 0;
}

static int content(struct kan_tar *tar, int fd, uint64_t size, uint8_t *piece, struct kan_err *err)
{
	uint64_t left = size;
	while (left) {
		size_t want = left < KAN_IO_READ ? (size_t)left : KAN_IO_READ;
		ssize_t n = read(fd, piece, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "read");
		if (n == 0)
			return kan_fail(err, KAN_EIO, "it became shorter while it was read");
		if (kan_tar_data(tar, piece, (size_t)n, err) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	return kan_tar_finish(tar, err);
}

static int one_file(struct kan_tar *tar, int dir_fd, const char *name, const char *path,
		    uint8_t *piece, struct kan_err *err)
{
	kan_auto_buf struct kan_buf member = KAN_BUF(PATH_OCTETS);
	kan_auto_close int fd = -1;
	uint64_t size = 0;
	kan_buf_addf(&member, "%s/%s", name, path);
	if (kan_bag_open(&fd, &size, dir_fd, path, INT64_MAX, err) < 0)
		return -1;
	struct kan_tar_entry e = {
		.path = kan_buf_bytes(&member), .mode = S_IFREG | MODE, .size = size};
	if (kan_tar_entry(tar, &e, err) < 0 || content(tar, fd, size, piece, err) < 0)
		return kan_wrap(err, "%s", path);
	return 0;
}

int kan_carry_out(int dir_fd, const char *name, kan_tar_out_fn *fn, void *arg, struct kan_err *err)
{
	struct exporting x = {fn, arg, 0};
	struct kan_carry_list list = {0};
	struct kan_tar *tar = NULL;
	kan_auto_free uint8_t *piece = kan_io_buffer(KAN_IO_READ);
	if (kan_carry_files(&list, dir_fd, err) < 0)
		return -1;
	int rc = kan_tar_new(&tar, count, &x, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		rc = one_file(tar, dir_fd, name, list.path[i], piece, err);
	if (rc == 0)
		rc = kan_tar_close(tar, err);
	else
		kan_tar_free(tar);
	kan_carry_files_free(&list);
	return rc < 0 ? -1 : pad(&x, err);
}
