/* Open addressing over 64-bit keys; at most three quarters full. */
#include "image/nameset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"
#include "image/layername.h"

enum { FIRST = 4096 };

/* A path's digest is that of its last name and of the digest of the directory: all the directories
 * of a path take one pass. */
struct chain {
	uint8_t raw[KAN_SHA256_SIZE];
};

struct kan_nameset {
	uint64_t *slots; /* 0: free */
	size_t n, cap, max;
	struct chain seed; /* so that no two names can be found beforehand that look alike */
	bool full;
};

struct kan_nameset *kan_nameset_new(size_t max)
{
	struct kan_nameset *s = kan_xalloc(sizeof(*s));
	s->cap = FIRST;
	s->max = max;
	s->slots = kan_xalloc(FIRST * sizeof(*s->slots));
	if (getrandom(s->seed.raw, sizeof(s->seed.raw), 0) != (ssize_t)sizeof(s->seed.raw))
		abort();
	return s;
}

void kan_nameset_free(struct kan_nameset *s)
{
	if (!s)
		return;
	free(s->slots);
	free(s);
}

bool kan_nameset_full(const struct kan_nameset *s)
{
	return s->full;
}

static void link_to(struct chain *c, struct kan_bytes name)
{
	uint8_t text[KAN_SHA256_SIZE + KAN_NAMESET_PATH];
	assert(name.n <= KAN_NAMESET_PATH);
	memcpy(text, c->raw, sizeof(c->raw));
	memcpy(text + sizeof(c->raw), name.p, name.n);
	kan_sha256(c->raw, (struct kan_bytes){text, sizeof(c->raw) + name.n});
}

static uint64_t key_of(const struct chain *c, enum kan_name_kind kind)
{
	uint64_t key = 0;
	memcpy(&key, c->raw, sizeof(key));
	key ^= (uint64_t)kind * UINT64_C(0x9e3779b97f4a7c15);
	return key ? key : 1;
}

static uint64_t key_at(const struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path)
{
	struct chain c = s->seed;
	for (struct kan_bytes name = kan_layer_next(&path); name.n; name = kan_layer_next(&path))
		link_to(&c, name);
	return key_of(&c, kind);
}

static size_t slot_of(const uint64_t *slots, size_t cap, uint64_t key)
{
	size_t i = (size_t)key & (cap - 1);
	while (slots[i] && slots[i] != key)
		i = (i + 1) & (cap - 1);
	return i;
}

static void grow(struct kan_nameset *s)
{
	size_t cap = s->cap * 2;
	uint64_t *slots = kan_xalloc(cap * sizeof(*slots));
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			slots[slot_of(slots, cap, s->slots[i])] = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
}

static bool add(struct kan_nameset *s, uint64_t key)
{
	size_t i = slot_of(s->slots, s->cap, key);
	if (s->slots[i])
		return false;
	if (s->n >= s->max) {
		s->full = true;
		return true;
	}
	s->slots[i] = key;
	if (++s->n >= s->cap / 4 * 3)
		grow(s);
	return true;
}

bool kan_nameset_add(struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path)
{
	if (path.n <= KAN_NAMESET_PATH)
		return add(s, key_at(s, kind, path));
	s->full = true;
	return true;
}

bool kan_nameset_has(const struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path)
{
	if (path.n > KAN_NAMESET_PATH)
		return false;
	return s->slots[slot_of(s->slots, s->cap, key_at(s, kind, path))] != 0;
}

void kan_nameset_add_above(struct kan_nameset *s, struct kan_bytes path)
{
	struct chain c = s->seed;
	if (path.n > KAN_NAMESET_PATH) {
		s->full = true;
		return;
	}
	for (struct kan_bytes name = kan_layer_next(&path); name.n; name = kan_layer_next(&path)) {
		(void)add(s, key_of(&c, KAN_NAME_ABOVE));
		link_to(&c, name);
	}
}
