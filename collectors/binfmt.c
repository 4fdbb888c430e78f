/* Binary formats that the kernel hands to an interpreter: one row each, for the collector host. */
#include "collectors/binfmt.h"

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"

enum { TEXT_MAX = 4096, AUTOFS = 0x187 };

struct formats {
	struct kan_rows *rows;
	struct kan_sink *sink;
	struct kan_err *err;
	int rc;
};

static enum kan_tree_next format(const struct kan_tree_entry *e, void *arg)
{
	struct formats *f = arg;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	kan_auto_close int fd = -1;
	struct kan_err why = {0};
	bool noatime = true;
	if (!S_ISREG(e->st->stx_mode) || kan_bytes_eq(e->name, KAN_LIT("register")))
		return KAN_TREE_GO; /* write only */
	if (kan_tree_open(&fd, &noatime, e->fd, &why) < 0 || kan_read_all(&text, fd, &why) < 0) {
		kan_sink_gap_err(f->sink, e->name, &why);
		return KAN_TREE_GO;
	}
	struct kan_row *row = kan_rows_begin(f->rows);
	kan_row_bytes(row, "name", e->name);
	kan_row_bytes(row, "text", kan_buf_bytes(&text));
	f->rc = kan_rows_end(f->rows, f->err);
	return f->rc < 0 ? KAN_TREE_STOP : KAN_TREE_GO;
}

/* An O_PATH descriptor does not set off an automount: a file system that nobody has asked for stays
 * away. */
static int pin_formats(int *fd, const struct kan_target *t, struct kan_sink *sink)
{
	struct statfs fs;
	struct kan_err why = {0};
	const struct kan_bytes what = KAN_LIT("binfmt_misc");
	if (kan_open_beneath(fd, t->proc_fd, "sys/fs/binfmt_misc", O_PATH, 0, &why) < 0 ||
	    fstatfs(*fd, &fs) < 0)
		kan_sink_gap(sink, what, KAN_GAP_NOT_APPLICABLE, "not in this kernel");
	else if (fs.f_type == AUTOFS)
		kan_sink_scope(sink, what, "waits for an automount: looking would mount it");
	else if (fs.f_type != BINFMTFS_MAGIC)
		kan_sink_gap(sink, what, KAN_GAP_NOT_APPLICABLE, "not mounted");
	else
		return 0;
	return -1;
}

int kan_binfmt(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct formats f = {.sink = sink, .err = err};
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	if (pin_formats(&fd, t, sink) < 0)
		return 0;
	if (kan_rows_open(&f.rows, sink, "binfmt.ndjson", err) < 0)
		return -1;
	struct kan_tree_walk w = {
		.max_entries = KAN_BINFMT_MAX, .sorted = true, .fn = format, .arg = &f};
	if (kan_tree_walk(&w, fd, &why) < 0)
		kan_sink_gap_err(sink, KAN_LIT("binfmt_misc"), &why);
	if (f.rc < 0) {
		kan_rows_abandon(f.rows);
		return -1;
	}
	return kan_rows_close(f.rows, err);
}
