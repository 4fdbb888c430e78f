/* Files that a descriptor of ours keeps reachable: a small table by device and inode. */
#include "kernel/held.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 16 };

static dev_t device_of_memfd(unsigned flags)
{
	struct stat st;
	kan_auto_close int fd = memfd_create("kanshiki", MFD_CLOEXEC | flags);
	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

void kan_held_init(struct kan_helds *h)
{
	*h = (struct kan_helds){.slots = kan_xalloc(KAN_HELD_SLOTS * sizeof(*h->slots))};
	h->shm = device_of_memfd(0);
	h->huge = device_of_memfd(MFD_HUGETLB);
}

void kan_held_free(struct kan_helds *h)
{
	for (size_t i = 0; i < h->n; i++)
		kan_auto_close_fn(&h->v[i].fd);
	free(h->v);
	free(h->slots);
	*h = (struct kan_helds){0};
}

/* The slot of the file, or the free one where it belongs: there are twice as many slots as files.
 */
static size_t slot_of(const struct kan_helds *h, dev_t dev, uint64_t ino)
{
	uint64_t mix = (ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(mix >> 40) % KAN_HELD_SLOTS;
	while (h->slots[at]) {
		const struct kan_held *e = &h->v[h->slots[at] - 1];
		if (e->dev == dev && e->ino == ino)
			break;
		at = (at + 1) % KAN_HELD_SLOTS;
	}
	return at;
}

int kan_held_find(const struct kan_helds *h, dev_t dev, uint64_t ino)
{
	return h->slots ? (int)h->slots[slot_of(h, dev, ino)] - 1 : KAN_HELD_NONE;
}

void kan_held_add(struct kan_helds *h, const struct kan_held *file)
{
	int fd = file->fd;
	size_t at = slot_of(h, file->dev, file->ino);
	if (h->slots[at] || h->n >= KAN_HELD_MAX) {
		h->left_out += h->slots[at] == 0;
		kan_auto_close_fn(&fd);
		return;
	}
	if (h->n == 0 || (h->n >= FIRST && (h->n & (h->n - 1)) == 0))
		h->v = kan_xrealloc(h->v, h->n ? 2 * h->n : FIRST, sizeof(*h->v));
	h->v[h->n++] = *file;
	h->slots[at] = (uint16_t)h->n;
}

static bool on_memory(const struct kan_helds *h, dev_t dev)
{
	return (h->shm && dev == h->shm) || (h->huge && dev == h->huge);
}

bool kan_held_memfd(const struct kan_helds *h, dev_t dev, struct kan_bytes link)
{
	return on_memory(h, dev) && kan_bytes_starts(link, "/memfd:");
}

bool kan_held_memory(const struct kan_helds *h, dev_t dev, struct kan_bytes link)
{
	return on_memory(h, dev) && !kan_bytes_starts(link, "/memfd:");
}
