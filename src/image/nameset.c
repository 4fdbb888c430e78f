/* Open addressing over 64-bit keys; at most three quarters full. */
#include "image/nameset.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

enum { FIRST = 4096, TEXT = 1 << 20 };

struct kan_nameset {
	uint64_t *slots; /* 0: free */
	size_t n, cap;
};

struct kan_nameset *kan_nameset_new(void)
{
	struct kan_nameset *s = kan_xalloc(sizeof(*s));
	s->cap = FIRST;
	s->slots = kan_xalloc(FIRST * sizeof(*s->slots));
	return s;
}

void kan_nameset_free(struct kan_nameset *s)
{
	if (!s)
		return;
	free(s->slots);
	free(s);
}

static uint64_t key_of(enum kan_name_kind kind, struct kan_bytes path)
{
	uint8_t raw[KAN_SHA256_SIZE];
	uint64_t key = 0;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT);
	kan_buf_addc(&text, (char)kind);
	kan_buf_addb(&text, path);
	kan_sha256(raw, kan_buf_bytes(&text));
	memcpy(&key, raw, sizeof(key));
	return key ? key : 1;
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

bool kan_nameset_add(struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path)
{
	uint64_t key = key_of(kind, path);
	if (s->n >= s->cap / 4 * 3)
		grow(s);
	size_t i = slot_of(s->slots, s->cap, key);
	if (s->slots[i])
		return false;
	s->slots[i] = key;
	s->n++;
	return true;
}

bool kan_nameset_has(const struct kan_nameset *s, enum kan_name_kind kind, struct kan_bytes path)
{
	return s->slots[slot_of(s->slots, s->cap, key_of(kind, path))] != 0;
}
