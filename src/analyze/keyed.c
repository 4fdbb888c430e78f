/* What is remembered of rows under the values that they share: a balanced tree of exact keys. */
#include "analyze/keyed.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_OCTETS = 96 }; /* a node and what the tree adds to it */

struct node {
	size_t n;
	int64_t *kept;
	uint8_t key[];
};

static int by_key(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->key, y->key, n) : 0;
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static struct node *node_of(struct kan_bytes key)
{
	struct node *n = kan_xalloc(sizeof *n + key.n);
	n->n = key.n;
	memcpy(n->key, key.p, key.n);
	return n;
}

static void free_node(void *node)
{
	free(((struct node *)node)->kept);
	free(node);
}

void kan_keyed_value(struct kan_buf *key, const struct kan_value *v, size_t i)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
	struct kan_bytes b = kan_value_bytes(v, i, &scratch);
	kan_buf_add(key, &b.n, sizeof b.n);
	kan_buf_addb(key, b);
}

void *kan_keyed_at(struct kan_keyed *k, struct kan_bytes key, size_t octets, bool *fresh)
{
	void *known = kan_keyed_find(k, key);
	size_t weight = NODE_OCTETS + key.n + octets;
	*fresh = !known;
	if (known)
		return known;
	if (*k->weight + weight > k->max)
		return NULL;
	struct node *mine = node_of(key);
	mine->kept = kan_xalloc(octets ? octets : 1);
	if (!tsearch(mine, &k->root, by_key)) {
		free_node(mine);
		return NULL;
	}
	*k->weight += weight;
	return mine->kept;
}

void *kan_keyed_find(const struct kan_keyed *k, struct kan_bytes key)
{
	struct node *asked = node_of(key), **known = tfind(asked, &k->root, by_key);
	free(asked);
	return known ? (*known)->kept : NULL;
}

void kan_keyed_free(struct kan_keyed *k)
{
	tdestroy(k->root, free_node);
	k->root = NULL;
}
