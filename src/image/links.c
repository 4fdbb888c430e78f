/* A table by (device, inode), open addressing; the names lie in one buffer each. */
#include "image/links.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024, MIX = 40 };

struct link {
	uint64_t dev, ino;
	uint32_t left; /* names not met yet */
	uint32_t n;
	char *path; /* NULL: the slot was used and is free */
	bool used, store, stable, by_extents;
	uint64_t octets;
	uint8_t sha256[KAN_SHA256_HEX];
	uint8_t sum[KAN_CHECKSUM_MAX], sum_n;
};

struct kan_links {
	struct link *slots;    /* made with the first link, larger with more */
	size_t n_slots, taken; /* taken: those that were used, free again or not */
	size_t kept, names;
	char *last; /* the name of an inode whose names were all met, until the next call */
	bool full;
};

struct kan_links *kan_links_new(void)
{
	return kan_xalloc(sizeof(struct kan_links));
}

void kan_links_free(struct kan_links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_slots; i++)
		free(l->slots[i].path);
	free(l->slots);
	free(l->last);
	free(l);
}

bool kan_links_full(const struct kan_links *l)
{
	return l->full;
}

static size_t place(const struct kan_links *l, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 32 ^ dev >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> MIX) % l->n_slots;
}

static struct link *look(struct kan_links *l, const struct statx *st)
{
	uint64_t dev = kan_statx_dev(st);
	size_t at = place(l, dev, st->stx_ino);
	for (size_t i = 0; i < l->n_slots && l->slots[at].used; i++, at = (at + 1) % l->n_slots)
		if (l->slots[at].path && l->slots[at].dev == dev && l->slots[at].ino == st->stx_ino)
			return &l->slots[at];
	return NULL;
}

bool kan_links_find(struct kan_file *f, struct kan_links *l)
{
	free(kan_take_ptr(l->last));
	struct link *k = l->slots ? look(l, &f->st) : NULL;
	if (!k)
		return false;
	f->content = KAN_CONTENT_LINKED;
	f->store = k->store;
	f->stable = k->stable;
	f->by_extents = k->by_extents;
	f->octets = k->octets;
	memcpy(f->sha256, k->sha256, sizeof(f->sha256));
	memcpy(f->sum, k->sum, sizeof(f->sum));
	f->sum_n = k->sum_n;
	f->hardlink = (struct kan_bytes){(const uint8_t *)k->path, k->n};
	if (--k->left > 0)
		return true;
	l->kept--;
	l->names -= k->n;
	l->last = kan_take_ptr(k->path);
	return true;
}

static struct link *free_slot(struct kan_links *l, uint64_t dev, uint64_t ino)
{
	size_t at = place(l, dev, ino);
	while (l->slots[at].path)
		at = (at + 1) % l->n_slots;
	return &l->slots[at];
}

/* At most half of the slots are taken, so that a search ends soon; who was forgotten goes. */
static void make_room(struct kan_links *l)
{
	struct kan_links old = *l;
	if ((l->taken + 1) * 2 <= l->n_slots)
		return;
	for (l->n_slots = SLOTS_FIRST; l->n_slots < (l->kept + 1) * 3;)
		l->n_slots *= 2;
	l->slots = kan_xalloc(l->n_slots * sizeof(*l->slots));
	l->taken = l->kept;
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].path)
			*free_slot(l, old.slots[i].dev, old.slots[i].ino) = old.slots[i];
	free(old.slots);
}

void kan_links_add(struct kan_links *l, const struct kan_file *f)
{
	if (l->kept >= KAN_LINKS_MAX || l->names + f->path.n > KAN_LINKS_NAMES) {
		l->full = true;
		return;
	}
	make_room(l);
	struct link *k = free_slot(l, kan_statx_dev(&f->st), f->st.stx_ino);
	l->taken += !k->used;
	*k = (struct link){
		.dev = kan_statx_dev(&f->st),
		.ino = f->st.stx_ino,
		.left = f->st.stx_nlink - 1,
		.n = (uint32_t)f->path.n,
		.used = true,
		.store = f->store,
		.stable = f->stable,
		.by_extents = f->by_extents,
		.octets = f->octets,
	};
	memcpy(k->sha256, f->sha256, sizeof(k->sha256));
	memcpy(k->sum, f->sum, sizeof(k->sum));
	k->sum_n = f->sum_n;
	k->path = kan_xalloc(f->path.n + 1);
	memcpy(k->path, f->path.p, f->path.n);
	l->kept++;
	l->names += f->path.n;
}
