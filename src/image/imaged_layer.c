/* Members of a layer's tar as rows: marks as the overlay would have them, names made safe, content
 * hashed once. */
#include "image/imaged_layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/digest.h"
#include "base/row.h"
#include "image/file.h"
#include "image/layername.h"
#include "image/layertar.h"
#include "image/nameset.h"
#include "image/tally.h"

enum { SLOTS = 2 * KAN_IMAGED_FILES, WHY = 256, TYPE = 07777 };

/* A regular file, for the hard links that name it. */
struct content {
	uint64_t key, size;
	char sha256[KAN_SHA256_HEX];
};

struct kan_imaged_layer {
	struct kan_imaged_to *to;
	int number;
	struct kan_layertar *tar;
	struct kan_digest *digest;
	struct kan_nameset *names;
	struct kan_buf path, link;
	struct kan_row *row; /* of the member that is open, or NULL */
	bool file;           /* and its content is hashed */
	uint64_t size, files, octets;

	uint8_t seed[KAN_SHA256_SIZE]; /* so that nobody can make two names look alike */
	uint32_t *slots;               /* index + 1 of contents; 0: free */
	struct content *contents;
	size_t n;

	struct kan_tally again, bad, unlinked;
	struct kan_err broken, fatal;
};

/* --- what hard links name */

static uint64_t key_of(const struct kan_imaged_layer *l, struct kan_bytes path)
{
	uint8_t raw[KAN_SHA256_SIZE];
	uint64_t key = 0;
	kan_auto_buf struct kan_buf text = KAN_BUF(sizeof(l->seed) + KAN_LAYERTAR_PATH);
	kan_buf_addb(&text, (struct kan_bytes){l->seed, sizeof(l->seed)});
	kan_buf_addb(&text, path);
	kan_sha256(raw, kan_buf_bytes(&text));
	memcpy(&key, raw, sizeof(key));
	return key;
}

/* The slot of this key, or the free one where it would be. */
static uint32_t *slot_of(const struct kan_imaged_layer *l, uint64_t key)
{
	size_t at = (size_t)key % SLOTS;
	while (l->slots[at] && l->contents[l->slots[at] - 1].key != key)
		at = (at + 1) % SLOTS;
	return &l->slots[at];
}

/* The last one of a name counts. */
static void remember(struct kan_imaged_layer *l, const char *sha256)
{
	const struct content c = {.key = key_of(l, kan_buf_bytes(&l->path)), .size = l->size};
	uint32_t *slot = slot_of(l, c.key);
	if (!*slot && l->n == KAN_IMAGED_FILES)
		return;
	if (!*slot && (l->n & (l->n - 1)) == 0)
		l->contents = kan_xrealloc(l->contents, l->n ? l->n * 2 : 1, sizeof(*l->contents));
	if (!*slot)
		*slot = (uint32_t)++l->n;
	l->contents[*slot - 1] = c;
	memcpy(l->contents[*slot - 1].sha256, sha256, KAN_SHA256_HEX);
}

static const struct content *linked(const struct kan_imaged_layer *l)
{
	const uint32_t *slot = slot_of(l, key_of(l, kan_buf_bytes(&l->link)));
	return *slot ? &l->contents[*slot - 1] : NULL;
}

/* --- rows */

/* NULL: there are rows enough. */
static struct kan_row *begin_row(struct kan_imaged_layer *l, const char *type)
{
	if (l->to->n++ >= l->to->max)
		return NULL;
	struct kan_row *r = kan_rows_begin(l->to->rows);
	r->subject = kan_buf_bytes(&l->path);
	kan_row_layer(r, "layer", l->number);
	kan_row_bytes(r, "path", kan_buf_bytes(&l->path));
	kan_row_str(r, "type", type);
	kan_row_str(r, "source", "stream");
	return r;
}

static int end_row(struct kan_imaged_layer *l)
{
	l->row = NULL;
	return kan_rows_end(l->to->rows, &l->fatal);
}

/* As the overlay has it on a host: a device 0:0, or an attribute of the directory. */
static int mark(struct kan_imaged_layer *l, bool opaque)
{
	struct kan_row *r = begin_row(l, opaque ? "dir" : "chr");
	if (!r)
		return 0;
	if (opaque)
		kan_row_bool(r, "opaque", true);
	else
		kan_row_dev(r, "rdev", makedev(0, 0));
	return end_row(l);
}

/* A hard link's header has all but type and size. */
static void hard_link(struct kan_imaged_layer *l, struct kan_row *r,
		      const struct kan_layer_member *m)
{
	const struct content *c = NULL;
	if (kan_layer_path(&l->link, m->link)) {
		kan_row_bytes(r, "hardlink_to", kan_buf_bytes(&l->link));
		c = linked(l);
	}
	kan_row_member(r, S_IFREG | (m->mode & TYPE), c ? &c->size : NULL, m);
	if (c)
		kan_row_str(r, "sha256", c->sha256);
	else
		kan_tally_count(&l->unlinked, kan_buf_bytes(&l->path));
}

/* A directory's size is its file system's, a link's that of its text. */
static void entry(struct kan_imaged_layer *l, struct kan_row *r, const struct kan_layer_member *m)
{
	uint64_t size = S_ISLNK(m->mode) ? m->link.n : m->size;
	if (m->hardlink)
		hard_link(l, r, m);
	else
		kan_row_member(r, m->mode, S_ISDIR(m->mode) ? NULL : &size, m);
}

static int begin_entry(struct kan_imaged_layer *l, const struct kan_layer_member *m)
{
	unsigned mode = m->hardlink ? S_IFREG : m->mode;
	if (!kan_nameset_add(l->names, KAN_NAME_MEMBER, kan_buf_bytes(&l->path)))
		kan_tally_count(&l->again, kan_buf_bytes(&l->path));
	l->row = begin_row(l, kan_file_type(mode));
	l->file = S_ISREG(mode) && !m->hardlink;
	l->size = m->size;
	l->files += l->file;
	if (l->file)
		kan_digest_start(l->digest);
	if (l->row)
		entry(l, l->row, m);
	return 0;
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct kan_imaged_layer *l = arg;
	(void)err;
	l->row = NULL;
	l->file = false;
	switch (kan_layer_name(&l->path, m->path)) {
	case KAN_LAYER_NAME_ENTRY:
		return begin_entry(l, m);
	case KAN_LAYER_NAME_WHITEOUT:
		return mark(l, false);
	case KAN_LAYER_NAME_OPAQUE:
		return mark(l, true);
	case KAN_LAYER_NAME_BAD:
		kan_tally_count(&l->bad, m->path);
		break;
	case KAN_LAYER_NAME_AUFS:
		break;
	}
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_imaged_layer *l = arg;
	(void)err;
	if (!l->file)
		return 0;
	l->octets += piece.n;
	kan_digest_add(l->digest, piece.p, piece.n);
	return 0;
}

static int on_end(void *arg, struct kan_err *err)
{
	struct kan_imaged_layer *l = arg;
	char sha256[KAN_SHA256_HEX];
	(void)err;
	if (l->file) {
		kan_digest_finish(sha256, l->digest);
		remember(l, sha256);
	}
	if (!l->row)
		return 0;
	if (l->file)
		kan_row_str(l->row, "sha256", sha256);
	return end_row(l);
}

struct kan_imaged_layer *kan_imaged_layer_new(struct kan_imaged_to *to, int number)
{
	struct kan_imaged_layer *l = kan_xalloc(sizeof(*l));
	const struct kan_layertar_visit v = {on_member, on_data, on_end, l};
	*l = (struct kan_imaged_layer){.to = to,
				       .number = number,
				       .path = KAN_BUF(KAN_LAYERTAR_PATH),
				       .link = KAN_BUF(KAN_LAYERTAR_PATH)};
	l->tar = kan_layertar_new(&v);
	l->digest = kan_digest_new();
	l->names = kan_nameset_new(KAN_IMAGED_NAMES);
	l->slots = kan_xalloc(SLOTS * sizeof(*l->slots));
	if (getrandom(l->seed, sizeof(l->seed), 0) != (ssize_t)sizeof(l->seed))
		abort();
	return l;
}

void kan_imaged_layer_free(struct kan_imaged_layer *l)
{
	if (!l)
		return;
	struct kan_tally *tallies[] = {&l->again, &l->bad, &l->unlinked};
	for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++)
		kan_tally_free(tallies[i]);
	kan_buf_free(&l->path);
	kan_buf_free(&l->link);
	kan_layertar_free(l->tar);
	kan_digest_free(l->digest);
	kan_nameset_free(l->names);
	free(l->slots);
	free(l->contents);
	free(l);
}

int kan_imaged_layer_feed(struct kan_imaged_layer *l, struct kan_bytes piece, struct kan_err *err)
{
	if (l->broken.code == KAN_OK)
		(void)kan_layertar_feed(l->tar, piece, &l->broken);
	if (l->fatal.code == KAN_OK)
		return 0;
	if (err)
		*err = l->fatal;
	return -1;
}

static void one(const struct kan_imaged_layer *l, const struct kan_tally *t, enum kan_gap code,
		const char *why)
{
	char text[WHY];
	(void)snprintf(text, sizeof(text), "layer %d: %s", l->number, why);
	kan_tally_tell(t, l->to->sink, code, text);
}

void kan_imaged_layer_end(uint64_t *files, uint64_t *octets, struct kan_imaged_layer *l)
{
	const struct kan_bytes what = KAN_LIT("baseline.ndjson");
	if (l->broken.code == KAN_OK)
		(void)kan_layertar_finish(l->tar, &l->broken);
	if (l->broken.code != KAN_OK)
		kan_sink_gap(l->to->sink, what, kan_gap_of_err(&l->broken), "layer %d: %.200s",
			     l->number, l->broken.text);
	one(l, &l->again, KAN_GAP_CONTRADICTED,
	    "names that are in its tar twice, each a row; of them the last one counts");
	one(l, &l->bad, KAN_GAP_CONTRADICTED, "names that lead out of it or are too long, no rows");
	one(l, &l->unlinked, KAN_GAP_UNSUPPORTED,
	    "hard links to what is not a file before them, or to one of too many: no digest");
	if (kan_nameset_full(l->names))
		kan_sink_gap(l->to->sink, what, KAN_GAP_LIMIT,
			     "layer %d: over %d names: whether one is there twice was not looked "
			     "at any further",
			     l->number, KAN_IMAGED_NAMES);
	*files = l->files;
	*octets = l->octets;
}
