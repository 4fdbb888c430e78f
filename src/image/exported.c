/* The engine's list first, then its export once: nothing of a tree is held but the list's names. */
#include "image/exported.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/raised.h"
#include "base/row.h"
#include "image/exported_state.h"

enum { PATH_OCTETS = 128, NAMES_MAX = 3 * KAN_EXPORT_PATH };
enum { NOT_OPENED = 1 << 30 }; /* as large as what no window takes */

static const char rows_name[] = "changes.ndjson", list_name[] = "engine-changes.json",
		  export_name[] = "export";

/* --- the list */

static int on_list(struct kan_bytes piece, void *arg)
{
	struct kan_exported *x = arg;
	if (kan_artefact_write(x->raw, piece.p, piece.n, &x->a.fatal) < 0)
		return -1;
	/* What cannot be parsed is kept all the same; the status is known at the end. */
	if (x->a.why.code == KAN_OK)
		(void)kan_changelist_feed(x->list, piece, &x->a.why);
	return 0;
}

static int ask(struct kan_exported *x, const char *what, uint64_t max,
	       int (*fn)(struct kan_bytes piece, void *arg))
{
	char path[PATH_OCTETS];
	x->a = (struct kan_answer){0};
	(void)snprintf(path, sizeof(path), "/containers/%s/%s", x->t->id, what);
	int rc = kan_answer_get(&x->a, x->t, path, max, fn, x);
	kan_buf_free(&x->a.head);
	return rc;
}

static int give_up(struct kan_err *err, const struct kan_err *fatal)
{
	if (err)
		*err = *fatal;
	return -1;
}

/* -1: evidence cannot be written. */
static int take_list(struct kan_exported *x, struct kan_err *err)
{
	struct kan_err cut = {0};
	if (kan_sink_open(&x->raw, x->sink, list_name, err) < 0)
		return -1;
	int rc = ask(x, "changes", KAN_EXPORTED_LIST, on_list);
	if (x->a.fatal.code != KAN_OK) {
		kan_artefact_abandon(kan_take_ptr(x->raw));
		return give_up(err, &x->a.fatal);
	}
	int ended = kan_changelist_finish(x->list, &cut);
	if (rc < 0)
		kan_sink_gap_err(x->sink, kan_bytes_of(list_name), &x->a.why);
	else if (ended < 0)
		kan_sink_gap_err(x->sink, kan_bytes_of(list_name), &cut);
	x->whole = rc == 0 && ended == 0;
	if (kan_changelist_bad(x->list)) {
		x->whole = false;
		kan_sink_gap(x->sink, kan_bytes_of(list_name), KAN_GAP_MALFORMED,
			     "entries without a path that can be, or of an unknown kind: %llu",
			     (unsigned long long)kan_changelist_bad(x->list));
	}
	return kan_artefact_close(kan_take_ptr(x->raw), err);
}

/* --- the export */

/* 1: a member was begun; 0: it has no place; -1: evidence cannot be written. */
static int begin_member(struct kan_exported *x, const struct kan_export_member *m,
			struct kan_err *err)
{
	struct kan_err why = {0};
	struct kan_tar_entry e = {.path = m->path,
				  .mode = m->mode,
				  .uid = m->head->uid,
				  .gid = m->head->gid,
				  .size = m->head->hardlink ? 0 : m->head->size,
				  .mtime_ns = m->head->mtime_ns,
				  .hardlink = m->hardlink,
				  .link = m->head->link};
	if (kan_tar_entry(x->tar.tar, &e, &why) == 0)
		return 1;
	if (why.code == KAN_ELIMIT || why.code == KAN_EUNSUPPORTED || why.code == KAN_EFORMAT) {
		kan_sink_gap_err(x->sink, m->path, &why);
		return 0;
	}
	return give_up(err, &why);
}

static bool fits(struct kan_exported *x, uint64_t size)
{
	if (size <= KAN_READER_FILE_MAX && size <= x->kept_max - x->kept) {
		x->kept += size;
		return true;
	}
	x->left_out++;
	return false;
}

/* Directories, links, and files whose bytes are here and fit; never a name twice. */
static bool belongs(struct kan_exported *x, const struct kan_export_member *m)
{
	if (m->again)
		return false;
	if (m->head->hardlink)
		return m->linked && m->linked->stored;
	if (S_ISREG(m->mode))
		return fits(x, m->head->size);
	return S_ISDIR(m->mode) || S_ISLNK(m->mode);
}

static void keep(struct kan_exported *x, struct kan_bytes *v, size_t *at)
{
	*at = x->names.len;
	kan_buf_addb(&x->names, *v);
}

/* Views of a member live as long as the call: what the row needs is copied. */
static void copy_member(struct kan_exported *x, const struct kan_export_member *m)
{
	size_t at[5];
	x->member = *m;
	x->head = *m->head;
	x->member.head = &x->head;
	kan_buf_reset(&x->names);
	struct kan_bytes *views[] = {&x->member.path, &x->member.name, &x->member.hardlink,
				     &x->head.link, &x->head.xattrs};
	for (size_t i = 0; i < 5; i++)
		keep(x, views[i], &at[i]);
	for (size_t i = 0; i < 5; i++)
		views[i]->p = x->names.data + at[i];
}

static void describe(struct kan_exported *x)
{
	const struct kan_export_member *m = &x->member;
	x->file = (struct kan_file){.path = m->path,
				    .path_len = m->path.n,
				    .name = m->name,
				    .hardlink = m->hardlink,
				    .stable = true,
				    .frozen = kan_sink_frozen(x->sink)};
	x->file.st.stx_mode = (uint16_t)m->mode;
	if (m->linked && m->linked->digest)
		kan_hex(x->file.sha256,
			(struct kan_bytes){m->linked->sha256, sizeof(m->linked->sha256)});
}

static void judge(struct kan_exported *x, const struct kan_export_member *m)
{
	if (m->again)
		kan_tally_count(&x->again, m->path);
	if (m->listed && m->listed->kind == KAN_LISTED_DELETED)
		kan_tally_count(&x->contradicted, m->path);
	if (m->head->hardlink && !(m->linked && m->linked->digest) && S_ISREG(m->mode))
		kan_tally_count(&x->unlinked, m->path);
}

/* The visit's own failures are ours, not the engine's: they go to the answer's fatal. */
static int on_member(const struct kan_export_member *m, void *arg, struct kan_err *err)
{
	struct kan_exported *x = arg;
	(void)err;
	copy_member(x, m);
	describe(x);
	judge(x, m);
	int in = belongs(x, m) ? begin_member(x, m, &x->a.fatal) : 0;
	if (in < 0)
		return -1;
	x->in_tar = in > 0;
	if (m->listed && !m->again)
		m->listed->stored = x->in_tar;
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_exported *x = arg;
	(void)err;
	return x->in_tar ? kan_tar_data(x->tar.tar, piece.p, piece.n, &x->a.fatal) : 0;
}

static int on_end(const char *sha256, uint64_t octets, void *arg, struct kan_err *err)
{
	struct kan_exported *x = arg;
	(void)err;
	if (*sha256) {
		memcpy(x->file.sha256, sha256, sizeof(x->file.sha256));
		x->file.content = KAN_CONTENT_READ;
		x->file.octets = octets;
		x->file.stable = octets == x->head.size;
		x->left_octets += x->in_tar ? 0 : octets;
	}
	if (x->in_tar && kan_tar_finish(x->tar.tar, &x->a.fatal) < 0)
		return -1;
	return kan_exported_row(x, x->in_tar ? x->tar.name : NULL, &x->a.fatal);
}

static int on_export(struct kan_bytes piece, void *arg)
{
	struct kan_exported *x = arg;
	return kan_export_feed(x->export, piece, &x->a.why);
}

/* -1: evidence cannot be written. */
static int take_export(struct kan_exported *x, struct kan_err *err)
{
	const struct kan_export_visit visit = {on_member, on_data, on_end, x, !x->whole};
	struct kan_err cut = {0};
	x->export = kan_export_new(x->list, &visit);
	int rc = ask(x, export_name, KAN_EXPORTED_STREAM, on_export);
	int ended = x->a.fatal.code == KAN_OK ? kan_export_finish(x->export, &cut) : 0;
	if (x->a.fatal.code != KAN_OK)
		return give_up(err, &x->a.fatal);
	if (rc < 0)
		kan_sink_gap_err(x->sink, kan_bytes_of(export_name), &x->a.why);
	else if (ended < 0)
		kan_sink_gap_err(x->sink, kan_bytes_of(export_name), &cut);
	return 0;
}

/* --- what is left, and what is told */

static int rest(struct kan_exported *x, struct kan_err *err)
{
	static const char *const words[] = {"changed", "added", "deleted"};
	for (size_t i = 0; i < kan_changelist_count(x->list); i++) {
		const struct kan_listed *l = kan_changelist_at(x->list, i);
		bool deleted = l->kind == KAN_LISTED_DELETED;
		if (!deleted && !l->mixed && l->met < l->times)
			kan_tally_count(&x->absent, kan_changelist_path(x->list, l));
		if (l->met == 0 && kan_exported_bare_row(x, l, words[l->kind], err) < 0)
			return -1;
		/* Names that are one text: one is there, another was deleted. */
		if (l->mixed && kan_exported_bare_row(x, l, "deleted", err) < 0)
			return -1;
	}
	return 0;
}

static void tell(struct kan_exported *x)
{
	uint64_t bad_names = kan_export_bad_names(x->export);
	bool moves = x->t->state == KAN_STATE_RUNNING && !kan_sink_frozen(x->sink);
	kan_tally_tell(&x->again, x->sink, KAN_GAP_CONTRADICTED,
		       "names that the export has twice, the second without content here");
	kan_tally_tell(&x->contradicted, x->sink, moves ? KAN_GAP_CHANGED : KAN_GAP_CONTRADICTED,
		       "entries that the list calls deleted and the export has");
	kan_tally_tell(&x->unlinked, x->sink, KAN_GAP_UNSUPPORTED,
		       "hard links to what the list does not name: their content was not taken");
	kan_tally_tell(
		&x->absent, x->sink, moves ? KAN_GAP_VANISHED : KAN_GAP_UNSUPPORTED,
		"listed entries that the export does not have (gone since, a socket, or a path too "
		"long)");
	if (bad_names)
		kan_sink_gap(x->sink, kan_bytes_of(export_name), KAN_GAP_CONTRADICTED,
			     "members whose names lead out of the tree, or are too long: %llu",
			     (unsigned long long)bad_names);
	if (x->left_out)
		kan_sink_limit(x->sink, KAN_LIT("upper.tar"), x->kept + x->left_octets, x->kept,
			       x->kept_max);
}

/* What no engine gives. "denied" is what a request for this depth turns into scope. */
static void tell_depth(const struct kan_exported *x)
{
	static const struct {
		const char *what, *why;
	} lacks[] = {
		{"xattrs", "an export has capabilities and no other attributes"},
		{"ctime_ns", "an export has mtime alone: no change or birth time, no inode, no "
			     "number of links"},
		{"how", "the engine's list tells added, modified and deleted: what it calls "
			"modified may be content, owner or mode"},
		{"deleted directories", "the engine's list has the directory and nothing that was "
					"in it"},
	};
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		kan_sink_gap(x->sink, kan_bytes_of(lacks[i].what), KAN_GAP_DENIED, "%s",
			     lacks[i].why);
}

static int take(struct kan_exported *x, struct kan_err *err)
{
	if (take_list(x, err) < 0 || kan_rows_open(&x->rows, x->sink, rows_name, err) < 0 ||
	    kan_tarfile_open(&x->tar, x->sink, "upper.tar", err) < 0 || take_export(x, err) < 0 ||
	    rest(x, err) < 0 || kan_tarfile_close(&x->tar, err) < 0)
		return -1;
	tell(x);
	tell_depth(x);
	if (!x->whole)
		kan_sink_gap(x->sink, kan_bytes_of(rows_name), KAN_GAP_UNSUPPORTED,
			     "without the engine's whole list nothing tells the container's files "
			     "from the image's: every entry of the export is a row, and only what "
			     "the list names has a word of change");
	return kan_rows_close(kan_take_ptr(x->rows), err);
}

static void release(struct kan_exported *x)
{
	struct kan_tally *tallies[] = {&x->again, &x->contradicted, &x->unlinked, &x->absent};
	kan_tarfile_abandon(&x->tar);
	if (x->rows)
		kan_rows_abandon(x->rows);
	for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++)
		kan_tally_free(tallies[i]);
	kan_buf_free(&x->names);
	kan_export_free(x->export);
	kan_changelist_free(x->list);
}

int kan_exported_take(uint64_t *items, const struct kan_target *t, struct kan_sink *s,
		      struct kan_err *err)
{
	struct kan_exported x = {.t = t,
				 .sink = s,
				 .kept_max = kan_raised(t->policy->max_bytes, KAN_EXPORTED_KEPT),
				 .names = KAN_BUF(NAMES_MAX + (4 << 20))};
	/* Answers over a socket have no place in a pause. */
	if (kan_sink_window_enter(s, NOT_OPENED, NOT_OPENED, err) < 0)
		return -1;
	kan_sink_window_leave(s);
	x.list = kan_changelist_new();
	int rc = take(&x, err);
	*items = x.items;
	release(&x);
	return rc;
}
