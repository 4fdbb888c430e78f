/* States of a tar that is pushed in: header, extended header, data, padding, end. POSIX pax, GNU.
 */
#include "image/layertar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/tarhead.h"

enum { BLOCK = KAN_TARHEAD_BLOCK };

enum state { HEADER, META, DATA, PADDING, ZERO, END };

struct kan_layertar {
	struct kan_layertar_visit v;
	enum state state;
	uint8_t block[BLOCK];
	size_t have; /* of block */
	struct kan_tarhead head;
	struct kan_buf meta;
	uint64_t left; /* of data or meta */
	unsigned pad;
	enum state after; /* what follows the padding */
	uint64_t members;
	unsigned extended; /* headers in a row that only extend the next */
};

struct kan_layertar *kan_layertar_new(const struct kan_layertar_visit *v)
{
	struct kan_layertar *t = kan_xalloc(sizeof(*t));
	t->v = *v;
	t->meta = KAN_BUF(KAN_LAYERTAR_META);
	kan_tarhead_init(&t->head);
	return t;
}

void kan_layertar_free(struct kan_layertar *t)
{
	if (!t)
		return;
	kan_tarhead_free(&t->head);
	kan_buf_free(&t->meta);
	free(t);
}

static unsigned padding(uint64_t size)
{
	return (unsigned)((BLOCK - size % BLOCK) % BLOCK);
}

static int end_member(struct kan_layertar *t, struct kan_err *err)
{
	kan_tarhead_reset(&t->head);
	t->state = t->pad ? PADDING : HEADER;
	t->after = HEADER;
	return t->v.end ? t->v.end(t->v.arg, err) : 0;
}

static int member(struct kan_layertar *t, struct kan_err *err)
{
	struct kan_layer_member m;
	t->extended = 0;
	if (++t->members > KAN_LAYERTAR_MEMBERS)
		return kan_fail(err, KAN_ELIMIT, "tar: more than %d members", KAN_LAYERTAR_MEMBERS);
	if (kan_tarhead_member(&m, &t->head, t->block, err) < 0 ||
	    t->v.member(&m, t->v.arg, err) < 0)
		return -1;
	t->left = m.size;
	t->pad = padding(m.size);
	t->state = DATA;
	return t->left ? 0 : end_member(t, err);
}

static int extended(struct kan_layertar *t, struct kan_err *err)
{
	uint64_t size = 0;
	if (kan_tarhead_size(&size, t->block, err) < 0)
		return -1;
	if (++t->extended > KAN_LAYERTAR_EXTENDED)
		return kan_fail(err, KAN_ELIMIT, "tar: over %d headers that extend a next one",
				KAN_LAYERTAR_EXTENDED);
	if (size > KAN_LAYERTAR_META)
		return kan_fail(err, KAN_ELIMIT, "tar: an extended header over %d bytes",
				KAN_LAYERTAR_META);
	kan_buf_reset(&t->meta);
	t->left = size;
	t->pad = padding(size);
	t->state = size ? META : HEADER;
	return 0;
}

/* A whole block is there. */
static int header(struct kan_layertar *t, struct kan_err *err)
{
	static const uint8_t zeros[BLOCK];
	t->have = 0;
	if (memcmp(t->block, zeros, BLOCK) == 0) {
		t->state = t->state == ZERO ? END : ZERO;
		return 0;
	}
	if (t->state == ZERO)
		return kan_fail(err, KAN_EFORMAT, "tar: a header behind a zero block");
	if (kan_tarhead_check(t->block, err) < 0)
		return -1;
	return kan_tarhead_extends(t->block) ? extended(t, err) : member(t, err);
}

static size_t least(size_t n, uint64_t left)
{
	return left < n ? (size_t)left : n;
}

static int on_block(struct kan_layertar *t, struct kan_bytes *in, struct kan_err *err)
{
	size_t n = least(in->n, BLOCK - t->have);
	memcpy(t->block + t->have, in->p, n);
	t->have += n;
	in->p += n;
	in->n -= n;
	return t->have == BLOCK ? header(t, err) : 0;
}

static int on_meta(struct kan_layertar *t, struct kan_bytes *in, struct kan_err *err)
{
	size_t n = least(in->n, t->left);
	kan_buf_add(&t->meta, in->p, n);
	in->p += n;
	in->n -= n;
	t->left -= n;
	if (t->left)
		return 0;
	t->state = t->pad ? PADDING : HEADER;
	t->after = HEADER;
	return kan_tarhead_extend(&t->head, t->block, kan_buf_bytes(&t->meta), err);
}

static int on_data(struct kan_layertar *t, struct kan_bytes *in, struct kan_err *err)
{
	struct kan_bytes piece = {in->p, least(in->n, t->left)};
	in->p += piece.n;
	in->n -= piece.n;
	t->left -= piece.n;
	if (t->v.data && t->v.data(piece, t->v.arg, err) < 0)
		return -1;
	return t->left ? 0 : end_member(t, err);
}

static int on_padding(struct kan_layertar *t, struct kan_bytes *in)
{
	size_t n = least(in->n, t->pad);
	in->p += n;
	in->n -= n;
	t->pad -= (unsigned)n;
	if (t->pad == 0)
		t->state = t->after;
	return 0;
}

static int step(struct kan_layertar *t, struct kan_bytes *in, struct kan_err *err)
{
	switch (t->state) {
	case HEADER:
	case ZERO:
		return on_block(t, in, err);
	case META:
		return on_meta(t, in, err);
	case DATA:
		return on_data(t, in, err);
	case PADDING:
		return on_padding(t, in);
	case END:
		*in = (struct kan_bytes){0};
		return 0;
	}
	return kan_fail(err, KAN_EFORMAT, "tar: in no state");
}

int kan_layertar_feed(struct kan_layertar *t, struct kan_bytes piece, struct kan_err *err)
{
	while (piece.n)
		if (step(t, &piece, err) < 0)
			return -1;
	return 0;
}

int kan_layertar_skip(struct kan_layertar *t, uint64_t n, struct kan_err *err)
{
	if (n == 0)
		return 0;
	if (t->state != DATA || n > t->left)
		return kan_fail(err, KAN_EFORMAT, "tar: more content than its header says");
	t->left -= n;
	return t->left ? 0 : end_member(t, err);
}

int kan_layertar_finish(struct kan_layertar *t, struct kan_err *err)
{
	bool between = (t->state == HEADER || t->state == ZERO) && t->have == 0;
	if (t->state == END || (between && kan_tarhead_empty(&t->head)))
		return 0;
	return kan_fail(err, KAN_EFORMAT, "tar: it ends within a member");
}

uint64_t kan_layertar_members(const struct kan_layertar *t)
{
	return t->members;
}

uint64_t kan_layertar_left(const struct kan_layertar *t)
{
	return t->state == DATA ? t->left : 0;
}

bool kan_layertar_ended(const struct kan_layertar *t)
{
	return t->state == END;
}
