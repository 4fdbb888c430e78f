/* Layer after layer through the reader; while one is written, the next one is read already. */
#include "image/baseline.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "base/tree.h"
#include "image/ghosts.h"
#include "image/overlay.h"
#include "image/take.h"

enum { AHEAD = 2, ATTRIBUTE_NAME = 64, PREFIX = 24, WHY = 160 };

struct baseline {
	struct kan_sink *sink;
	struct kan_stack stack;
	struct kan_rows *rows, *ghosts;
	struct kan_tarfile tar;
	char metacopy[ATTRIBUTE_NAME];
	size_t sum;
	uint64_t entries, used, files_left_out, bytes_left_out;
};

/* A layer that is read. Its reader looks at stack, index and hidden; the writer at all of it. */
struct layer {
	struct baseline *b;
	unsigned index;
	int number; /* -1: init */
	char prefix[PREFIX];
	struct kan_hidden *hidden;
	struct kan_reader *reader;
	bool told_metacopy, told_redirect;
};

/* What every copy of the image carries and nobody sees: not what the engine's own layer covers. */
static bool is_ghost(const struct layer *l, const struct kan_file *f)
{
	const struct kan_layer *layers = l->b->stack.layers;
	return f->note >= 0 && !layers[f->note].init && !layers[l->index].init;
}

static int note(const struct kan_tree_entry *e, void *layer)
{
	const struct layer *l = layer;
	return kan_hidden_by(l->hidden, e);
}

static enum kan_want want(const struct kan_file *f, void *layer)
{
	return is_ghost(layer, f) && f->st.stx_size <= KAN_GHOST_FILE ? KAN_WANT_STORE
								      : KAN_WANT_DIGEST;
}

/* What stands for an absence was never there to be seen. */
static bool is_whiteout(const struct layer *l, const struct kan_file *f)
{
	return kan_overlay_whiteout(&f->st,
				    kan_overlay_marks(f->xattrs, l->b->stack.userxattr).whiteout);
}

/* Within the budget, in the order of the rows. Another name of a file needs no second copy. */
static bool member(const struct kan_file *f, void *layer)
{
	const struct layer *l = layer;
	bool fits = kan_file_is(f, S_IFREG) && f->store && !is_whiteout(l, f) &&
		    f->content != KAN_CONTENT_LINKED &&
		    l->b->used + f->st.stx_size <= KAN_GHOST_TOTAL;
	if (fits)
		l->b->used += f->st.stx_size;
	return fits;
}

static void put_sum(struct kan_row *r, const struct kan_file *f)
{
	char hex[2 * KAN_CHECKSUM_MAX + 1];
	kan_hex(hex, (struct kan_bytes){f->sum, f->sum_n});
	kan_row_str(r, "package_sum", hex);
}

static void put_fields(struct kan_row *r, const struct layer *l, const struct kan_file *f)
{
	const struct statx *st = &f->st;
	kan_row_layer(r, "layer", l->number);
	if (f->path.n == 0)
		kan_row_bytes(r, "name", f->name);
	else
		kan_row_bytes(r, "path", f->path);
	if (f->path_len > f->path.n)
		kan_row_uint(r, "path_len", f->path_len);
	kan_row_layer_facts(r, st);
	if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
		kan_row_dev(r, "rdev", makedev(st->stx_rdev_major, st->stx_rdev_minor));
	if (S_ISLNK(st->stx_mode))
		kan_row_bytes(r, "link", f->link);
	kan_row_xattrs(r, f->xattrs);
	if (f->sha256[0])
		kan_row_str(r, "sha256", f->sha256);
	if (f->sha256[0] && f->by_extents)
		kan_row_str(r, "sha256_of", "extents");
	if (f->sum_n && f->sha256[0])
		put_sum(r, f);
	if (f->content == KAN_CONTENT_READ && !f->stable)
		kan_row_bool(r, "stable", false);
	if (f->note >= 0)
		kan_row_layer(r, "hidden_by", kan_stack_number(&l->b->stack, (unsigned)f->note));
}

static int ghost(struct layer *l, const struct kan_file *f, const char *stored, struct kan_err *err)
{
	struct baseline *b = l->b;
	bool bytes = kan_file_is(f, S_IFREG) && f->content != KAN_CONTENT_LINKED && f->sha256[0];
	if (bytes && !stored) {
		b->files_left_out++;
		b->bytes_left_out += f->st.stx_size;
	}
	struct kan_row *r = kan_rows_begin(b->ghosts);
	put_fields(r, l, f);
	if (stored)
		kan_row_str(r, "stored", stored);
	return kan_rows_end(b->ghosts, err);
}

/* What no walk of one layer can know. */
static void tell_marks(struct layer *l, const struct kan_file *f)
{
	struct kan_sink *sink = l->b->sink;
	if (f->content == KAN_CONTENT_ELSEWHERE && !l->told_metacopy) {
		l->told_metacopy = true;
		kan_sink_gap(sink, f->path, KAN_GAP_UNSUPPORTED,
			     "a metacopy file in a layer: its data is further down; no digest of "
			     "such files");
	}
	if (kan_file_is(f, S_IFDIR) && !l->told_redirect &&
	    kan_overlay_redirect_moves(kan_overlay_marks(f->xattrs, l->b->stack.userxattr).redirect,
				       f->name, f->path)) {
		l->told_redirect = true;
		kan_sink_gap(
			sink, f->path, KAN_GAP_UNSUPPORTED,
			"a directory that a layer renamed: what it has from the layers below is "
			"hidden_by at its old name, and seen at the new one");
	}
}

static int on_entry(const struct kan_file *f, const char *stored, void *layer, struct kan_err *err)
{
	struct layer *l = layer;
	struct baseline *b = l->b;
	b->entries++;
	tell_marks(l, f);
	put_fields(kan_rows_begin(b->rows), l, f);
	if (kan_rows_end(b->rows, err) < 0)
		return -1;
	return is_ghost(l, f) && !is_whiteout(l, f) ? ghost(l, f, stored, err) : 0;
}

static struct kan_reader_opts reader_opts(struct layer *l)
{
	return (struct kan_reader_opts){
		.root_fd = l->b->stack.layers[l->index].fd,
		.want = want,
		.note = note,
		.arg = l,
		.metacopy = l->b->metacopy,
		.sum = l->b->sum == KAN_SHA256_SIZE ? 0 : l->b->sum, /* every row has that */
		.max_entries = KAN_BASELINE_ENTRIES,
	};
}

/* Reading begins. When it cannot, it is tried again, and told, where the layer is taken. */
static void begin(struct layer *l, struct baseline *b, size_t index)
{
	*l = (struct layer){.b = b, .index = (unsigned)index};
	l->number = kan_stack_number(&b->stack, l->index);
	l->hidden = kan_hidden_new(&b->stack, l->index);
	if (l->number < 0)
		(void)snprintf(l->prefix, sizeof(l->prefix), "init");
	else
		(void)snprintf(l->prefix, sizeof(l->prefix), "%d", l->number);
	struct kan_reader_opts o = reader_opts(l);
	(void)kan_reader_start(&l->reader, &o, NULL);
}

static void end(struct layer *l)
{
	kan_reader_free(kan_take_ptr(l->reader));
	kan_hidden_free(kan_take_ptr(l->hidden));
}

static void tell_unknown(const struct layer *l)
{
	char what[64];
	struct kan_err why = {0};
	uint64_t n = kan_hidden_unknown(&why, l->hidden);
	if (n == 0)
		return;
	(void)snprintf(what, sizeof(what), "hidden_by in layer %s", l->prefix);
	kan_sink_gap(l->b->sink, kan_bytes_of(what), kan_gap_of_err(&why),
		     "not known of %llu entries: %.200s", (unsigned long long)n, why.text);
}

static int take(struct layer *l, struct kan_err *err)
{
	struct kan_take k = {
		.sink = l->b->sink,
		.name = "baseline.ndjson",
		.reader = reader_opts(l),
		.started = kan_take_ptr(l->reader),
		.tar = &l->b->tar,
		.prefix = kan_bytes_of(l->prefix),
		.member = member,
		.row = on_entry,
		.arg = l,
	};
	int rc = kan_take_tree(&k, err);
	tell_unknown(l);
	return rc;
}

/* From the base up. The guard is looked at between layers; each layer has it for itself, too. */
static int take_layers(struct baseline *b, struct kan_err *err)
{
	struct layer ring[AHEAD];
	size_t n = b->stack.n;
	int rc = 0;
	begin(&ring[0], b, n - 1);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct layer *now = &ring[i % AHEAD], *next = &ring[(i + 1) % AHEAD];
		bool over = b->entries > KAN_BASELINE_ENTRIES;
		if (over) {
			kan_sink_limit(b->sink, KAN_LIT("baseline.ndjson"), b->entries, b->entries,
				       KAN_BASELINE_ENTRIES);
			end(now);
			break;
		}
		if (i + 1 < n)
			begin(next, b, n - 2 - i);
		rc = take(now, err);
		end(now);
		if (rc < 0 && i + 1 < n)
			end(next);
	}
	return rc;
}

static int open_all(struct baseline *b, struct kan_err *err)
{
	if (kan_rows_open(&b->rows, b->sink, "baseline.ndjson", err) < 0 ||
	    kan_rows_open(&b->ghosts, b->sink, "ghosts.ndjson", err) < 0)
		return -1;
	return kan_tarfile_open(&b->tar, b->sink, "ghosts.tar", err);
}

static void abandon_all(struct baseline *b)
{
	kan_rows_abandon(kan_take_ptr(b->rows));
	kan_rows_abandon(kan_take_ptr(b->ghosts));
	kan_tarfile_abandon(&b->tar);
}

static int close_all(struct baseline *b, struct kan_err *err)
{
	char why[WHY];
	(void)snprintf(why, sizeof(why), "the bytes of %llu files, %llu bytes: over the budget",
		       (unsigned long long)b->files_left_out,
		       (unsigned long long)b->bytes_left_out);
	if (b->files_left_out)
		kan_sink_scope(b->sink, KAN_LIT("ghosts.tar"), why);
	if (kan_rows_close(kan_take_ptr(b->rows), err) < 0 ||
	    kan_rows_close(kan_take_ptr(b->ghosts), err) < 0)
		return -1;
	return kan_tarfile_close(&b->tar, err);
}

int kan_baseline_take(uint64_t *rows, size_t sum, const struct kan_target *t, struct kan_sink *s,
		      struct kan_err *err)
{
	struct baseline b = {.sink = s, .sum = sum};
	(void)snprintf(b.metacopy, sizeof(b.metacopy), "%smetacopy",
		       kan_overlay_prefix(t->userxattr));
	kan_stack_init(&b.stack, t->lowers, t->n_lowers, t->userxattr);
	int rc = open_all(&b, err);
	if (rc == 0 && t->n_lowers)
		rc = take_layers(&b, err);
	if (rc == 0)
		rc = close_all(&b, err);
	if (rc < 0)
		abandon_all(&b);
	kan_stack_free(&b.stack);
	*rows = b.entries;
	return rc;
}
