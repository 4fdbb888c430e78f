/* What the image has and the container no longer shows: a row for every path. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "base/tree.h"
#include "image/changes_state.h"

/* One directory whose names are told. */
struct inside {
	struct kan_changes *c;
	uint64_t parent;
	const struct kan_view *view;
	const struct kan_gone *gone;
	unsigned depth;
	char **seen; /* sorted names that the upper layer has; NULL */
	size_t n_seen;
	bool fatal; /* evidence cannot be written: nothing of a layer's */
};

static int put_row(struct kan_changes *c, const struct kan_entry *e, uint64_t parent,
		   const struct kan_gone *gone, struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(c->rows);
	kan_row_dec(r, "id", e->id);
	kan_row_dec(r, "parent", parent);
	kan_row_name(r, e->f);
	kan_row_str(r, "type", kan_file_type(e->below.st.stx_mode));
	kan_row_str(r, "change", "deleted");
	kan_row_str(r, "deleted_by", gone->by);
	if (gone->bound) {
		kan_row_str(r, "bound", gone->bound);
		kan_row_int(r, "bound_ns", gone->bound_ns);
	}
	kan_below_row(r, c, e);
	kan_row_str(r, "source", "upper");
	kan_row_bool(r, "frozen", gone->frozen);
	return kan_rows_end(c->rows, err);
}

/* One lower entry that is gone: its row, and its bytes while the budget lasts. */
static int one(struct kan_changes *c, uint64_t *id, uint64_t parent, struct kan_bytes name,
	       struct kan_below *below, const struct kan_gone *gone, struct kan_err *err)
{
	struct kan_bytes path = kan_buf_bytes(&c->path);
	struct kan_file f = {.name = name, .path = path, .path_len = path.n, .st = below->st};
	struct kan_entry e = {.f = &f, .below = *below, .id = ++c->ids};
	f.path.n = path.n < KAN_ROW_PATH_MAX ? path.n : KAN_ROW_PATH_MAX;
	*id = e.id;
	kan_entry_lower_facts(c, &e);
	int rc = 0;
	if (kan_before_fits(c->before, below)) {
		kan_before_read(e.sha256, c->before, below, path);
		rc = e.sha256[0] ? kan_before_keep(c->before, below, path, err) : 0;
	} else if (S_ISREG(below->st.stx_mode)) {
		kan_before_leave_out(c->before, below);
	}
	if (rc == 0)
		rc = put_row(c, &e, parent, gone, err);
	e.below = (struct kan_below){.fd = -1, .data_fd = -1}; /* the caller's */
	kan_entry_free(&e);
	return rc;
}

static int tell(struct kan_changes *c, uint64_t parent, struct kan_bytes name,
		struct kan_below *below, const struct kan_gone *gone, unsigned depth,
		struct kan_err *err)
{
	uint64_t id = 0;
	if (one(c, &id, parent, name, below, gone, err) < 0)
		return -1;
	return below->view.n ? kan_changes_inside(c, id, below, gone, depth + 1, err) : 0;
}

int kan_changes_deleted(struct kan_changes *c, uint64_t parent, struct kan_bytes name,
			struct kan_below *below, const struct kan_gone *gone, struct kan_err *err)
{
	return tell(c, parent, name, below, gone, 0, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int each_name(struct kan_bytes name, void *arg, struct kan_err *err)
{
	struct inside *in = arg;
	struct kan_below below = {.fd = -1, .data_fd = -1};
	struct kan_err why = {0};
	const char *key = (const char *)name.p;
	if (in->n_seen && bsearch(&key, in->seen, in->n_seen, sizeof(*in->seen), by_text))
		return 0;
	size_t len = in->c->path.len;
	kan_buf_addc(&in->c->path, '/');
	kan_buf_addb(&in->c->path, name);
	const struct kan_lower_name ask = {.name = name, .above = {in->c->path.data, len}};
	int rc = kan_lower_lookup(&below, &in->c->stack, in->view, &ask, &why);
	if (rc < 0)
		kan_sink_gap_err(in->c->o.sink, kan_buf_bytes(&in->c->path), &why);
	rc = rc == 0 && below.found
		     ? tell(in->c, in->parent, name, &below, in->gone, in->depth, err)
		     : 0;
	in->fatal |= rc < 0;
	kan_below_free(&below);
	in->c->path.len = len;
	in->c->path.data[len] = 0;
	return rc;
}

/* -1 only when evidence cannot be written: what a layer refuses is a gap. */
static int each(struct inside *in, struct kan_err *err)
{
	struct kan_err why = {0};
	if (kan_lower_names(&in->c->stack, in->view, each_name, in, &why) == 0)
		return 0;
	if (in->fatal) {
		if (err)
			*err = why;
		return -1;
	}
	if (!kan_tree_gave_up_again(in->c->stack.opener, &why))
		kan_sink_gap_err(in->c->o.sink, kan_buf_bytes(&in->c->path), &why);
	return 0;
}

int kan_changes_inside(struct kan_changes *c, uint64_t parent, struct kan_below *below,
		       const struct kan_gone *gone, unsigned depth, struct kan_err *err)
{
	struct inside in = {
		.c = c, .parent = parent, .view = &below->view, .gone = gone, .depth = depth};
	if (depth >= KAN_DELETED_DEPTH) {
		kan_sink_limit(c->o.sink, kan_buf_bytes(&c->path), depth, depth, KAN_DELETED_DEPTH);
		return 0;
	}
	return each(&in, err);
}

static void split(struct inside *in, const struct kan_buf *seen)
{
	size_t cap = 0;
	for (size_t at = 0; at < seen->len; at += strlen((char *)seen->data + at) + 1) {
		if (in->n_seen == cap) {
			cap = cap ? cap * 2 : 64;
			in->seen = kan_xrealloc(in->seen, cap, sizeof(*in->seen));
		}
		in->seen[in->n_seen++] = (char *)seen->data + at;
	}
	if (in->n_seen)
		qsort(in->seen, in->n_seen, sizeof(*in->seen), by_text);
}

int kan_changes_hidden(struct kan_changes *c, struct kan_changes_level *l, struct kan_err *err)
{
	struct inside in = {.c = c, .parent = l->id, .view = &l->view, .gone = &l->gone};
	if (l->view.n == 0 || l->view.n == SIZE_MAX)
		return 0;
	if (l->seen.failed) {
		kan_sink_limit(c->o.sink, kan_buf_bytes(&c->path), l->seen.len, l->seen.len,
			       KAN_SEEN_OCTETS);
		return 0;
	}
	split(&in, &l->seen);
	int rc = each(&in, err);
	free(in.seen);
	return rc;
}
