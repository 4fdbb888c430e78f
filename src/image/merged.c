/* The walk of a container's root on storage that has no overlay: rows for all, change words for
 * none.
 */
#include "image/merged.h"

#include <kanshiki/sink.h>
#include <kanshiki/target.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "engine/below.h"
#include "image/mountclass.h"
#include "image/points.h"
#include "image/take.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

enum { ENTRIES = 2000000, UNKNOWN_SIZE = 1 << 30, FSTYPE = 64 };

struct merged {
	struct kan_sink *sink;
	struct kan_rows *rows;
	const struct kan_points *points;
	int64_t created_ns;
	uint64_t items;
	uint64_t *ids; /* of the directories above, by depth */
	size_t cap;
};

static bool is_young(const struct merged *m, const struct kan_file *f)
{
	return kan_statx_ns(&f->st.stx_ctime) >= m->created_ns;
}

/* In the reader's thread: what it looks at does not change. */
static enum kan_want want(const struct kan_file *f, void *arg)
{
	return is_young(arg, f) ? KAN_WANT_STORE : KAN_WANT_NOTHING;
}

static bool member(const struct kan_file *f, void *arg)
{
	return is_young(arg, f) && (!kan_file_is(f, S_IFREG) || f->store);
}

static uint64_t *id_at(struct merged *m, unsigned depth)
{
	if (depth >= m->cap) {
		m->cap = (size_t)depth * 2 + 64;
		m->ids = kan_xrealloc(m->ids, m->cap, sizeof(*m->ids));
	}
	return &m->ids[depth];
}

static int on_entry(const struct kan_file *f, const char *stored, void *arg, struct kan_err *err)
{
	struct merged *m = arg;
	int shadow = kan_points_at(m->points, f->path);
	uint64_t id = m->items++;
	*id_at(m, f->depth) = id;
	struct kan_row *r = kan_rows_begin(m->rows);
	kan_row_dec(r, "id", id);
	if (f->depth)
		kan_row_dec(r, "parent", *id_at(m, f->depth - 1));
	kan_row_name(r, f);
	if (shadow)
		kan_row_int(r, "shadowed_by", shadow);
	kan_row_str(r, "type", kan_file_type(f->st.stx_mode));
	kan_row_statx(r, &f->st);
	if (kan_file_is(f, S_IFLNK))
		kan_row_bytes(r, "link", f->link);
	kan_row_xattrs(r, f->xattrs);
	kan_row_content(r, f, stored);
	kan_row_str(r, "source", "merged");
	kan_row_bool(r, "frozen", f->frozen);
	return kan_rows_end(m->rows, err);
}

static int root_class(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct kan_buf *fstype = arg;
	(void)err;
	if (kan_bytes_eq(m->point, KAN_LIT("/"))) {
		kan_buf_reset(fstype);
		kan_buf_addb(fstype, m->fstype);
	}
	return 0;
}

/* Asked of the table, never of the file system: the question alone could hang. */
static int refuse_stuck(const struct kan_target *t, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX), fstype = KAN_BUF(FSTYPE);
	if (kan_proc_read(&text, t->pid_dir, "mountinfo", err) < 0 ||
	    kan_mountinfo_each(kan_buf_bytes(&text), root_class, &fstype, err) < 0)
		return -1;
	if (kan_mount_hangs(kan_buf_bytes(&fstype)))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the root is %.32s, which can hang: it is not touched",
				kan_buf_str(&fstype));
	return 0;
}

static int root_of(const struct kan_target *t)
{
	return t->space_fd >= 0 ? t->space_fd : t->root_fd;
}

static int walk(struct merged *m, const struct kan_target *t, struct kan_tarfile *tar,
		struct kan_err *err)
{
	struct kan_take k = {
		.sink = m->sink,
		.reader = {.root_fd = root_of(t),
			   .sink = m->sink,
			   .want = want,
			   .arg = m,
			   .shared = true,
			   .max_entries = ENTRIES},
		.tar = tar,
		.content = "content",
		.window = true,
		.member = member,
		.row = on_entry,
		.arg = m,
	};
	if (kan_sink_window_enter(m->sink, UNKNOWN_SIZE, UNKNOWN_SIZE, err) < 0)
		return -1;
	return kan_take_tree(&k, err);
}

static int take(struct merged *m, const struct kan_target *t, struct kan_err *err)
{
	struct kan_tarfile tar = {0};
	if (kan_rows_open(&m->rows, m->sink, "changes.ndjson", err) < 0)
		return -1;
	int rc = kan_tarfile_open(&tar, m->sink, "upper.tar", err);
	if (rc == 0)
		rc = walk(m, t, &tar, err);
	if (rc == 0)
		rc = kan_tarfile_close(&tar, err);
	else
		kan_tarfile_abandon(&tar);
	if (rc == 0)
		return kan_rows_close(m->rows, err);
	kan_rows_abandon(m->rows);
	return -1;
}

int kan_merged_take(uint64_t *items, const struct kan_target *t, struct kan_sink *s,
		    const struct kan_points *points, struct kan_err *err)
{
	struct merged m = {.sink = s, .points = points, .created_ns = t->created_ns};
	if (refuse_stuck(t, err) < 0)
		return -1;
	struct kan_err why = {0};
	if (kan_root_proven(t, root_of(t), &why) < 0) {
		kan_sink_gap(s, KAN_LIT("changes.ndjson"),
			     why.code == KAN_EREFUSED ? KAN_GAP_CONTRADICTED : kan_gap_of_err(&why),
			     "not walked: %.200s", why.text);
		return 0;
	}
	kan_sink_gap(s, KAN_LIT("changes.ndjson"), KAN_GAP_UNSUPPORTED,
		     "storage %.32s: nothing tells the container's files from the image's: all "
		     "entries are listed, none has a word of change; content of what changed since "
		     "Created",
		     t->storage ? t->storage : "unknown");
	int rc = take(&m, t, err);
	free(m.ids);
	*items = m.items;
	return rc;
}
