/* Inside against: the table of the reference's entries. */
#ifndef KAN_ANALYZE_AGAINST_PART_H
#define KAN_ANALYZE_AGAINST_PART_H

#include "analyze/against_facts.h"

enum { KAN_FACT_KEY = 16, KAN_FACT_TEXT = 256 << 10, KAN_FACT_NS = 1000000000 };

struct kan_layertar;
struct kan_nameset;

/* content: of a file its SHA-256, of a link that of its target, of another name of a file the key
 * of that file. caps, marks, acls and attrs: sums of digests; marks are overlay's that change what
 * is seen. */
struct kan_fact {
	uint8_t key[KAN_FACT_KEY], content[KAN_SHA256_SIZE];
	uint64_t size, uid, gid, caps, marks, acls, attrs;
	int64_t mtime_s;
	uint32_t mode, order, major, minor; /* of a device node */
	bool has_content, hardlink, met, twice;
};

struct kan_against_table {
	struct kan_fact *facts;
	size_t n, cap;
	size_t layer;
	struct kan_layertar *tar;
	struct kan_digest *digest;
	struct kan_buf path, text;
	struct kan_nameset *above; /* "LAYER/a/b": directories that something lies in */
	const struct kan_idmaps *owners;
	bool in_file, sorted;
	kan_against_fn *unmet;
	void *arg;
};

/* kind: 'm' an entry, 'w' a whiteout, 'o' an opaque directory. */
void kan_fact_key(uint8_t key[KAN_FACT_KEY], struct kan_against_table *t, size_t layer, char kind,
		  struct kan_bytes path);
/* Of a sorted table; NULL: it has none. */
struct kan_fact *kan_fact_at(const struct kan_against_table *t, const uint8_t key[KAN_FACT_KEY]);
struct kan_fact *kan_fact_find(struct kan_against_table *t, size_t layer, char kind,
			       struct kan_bytes path);
/* The entry of the next layer below that has one. */
const struct kan_fact *kan_fact_below(struct kan_against_table *t, size_t layer,
				      struct kan_bytes path);
/* Is there one, or a directory there that has no header? */
bool kan_fact_lies_below(struct kan_against_table *t, size_t layer, struct kan_bytes path);
/* "3/a/b", a view of t: a layer is the first name of its paths. */
struct kan_bytes kan_fact_place(struct kan_against_table *t, size_t layer, struct kan_bytes path);
/* on_disk: ids in it are those of the store. */
void kan_fact_attribute(struct kan_fact *f, const struct kan_against_table *t,
			struct kan_bytes name, struct kan_bytes value, bool on_disk);
/* As a row of the comparison has it. Yours. */
json_t *kan_fact_json(const struct kan_fact *f);
bool kan_fact_is_root(struct kan_bytes path);

#endif
