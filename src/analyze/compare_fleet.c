/* Two passes: what everybody has, as digests; then the words for what hardly anybody has. */
#include "analyze/compare_fleet.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/compare_pair.h"
#include "base/digest.h"
#include "base/row.h"

enum { KEY = 256 << 10, VALUE = 2 << 20, ID_DIGITS = 12 };

enum kind { KIND_FILE, KIND_PROGRAM, KIND_LISTENER };
static const char *const kind_names[] = {"file", "program", "listener"};

static const char *const why_words[] = {"", "no other container has it", "few others have it",
					"most others have another content there"};

struct member {
	char *path;
	json_t *target;
	uint64_t changes, unusual, alone, n_gaps;
	json_t *gaps, *reasons;
};

struct fleet {
	struct member *members;
	size_t n_members;
	struct kan_fleet_entry *entries;
	size_t n_entries;
	bool over;
	json_t *skipped;
};

/* One thing of a row; text is what it is called. */
struct thing {
	enum kind kind;
	const char *change;
	struct kan_buf key, value, text;
};

typedef void thing_fn(const struct thing *t, void *arg);

static struct kan_fleet_tag tag_of(const struct kan_buf *b)
{
	uint8_t whole[KAN_SHA256_SIZE];
	struct kan_fleet_tag t;
	kan_sha256(whole, kan_buf_bytes(b));
	memcpy(t.v, whole, sizeof t.v);
	return t;
}

static void begin(struct thing *t, enum kind kind)
{
	t->kind = kind;
	t->change = "";
	kan_buf_reset(&t->key);
	kan_buf_reset(&t->value);
	kan_buf_reset(&t->text);
	kan_buf_adds(&t->key, kind_names[kind]);
	kan_buf_addc(&t->key, 0);
}

struct reading {
	struct thing thing;
	thing_fn *fn;
	void *arg;
};

static int on_change(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	static const char *const told[] = {"added", "changed", "metadata", "deleted"};
	struct reading *r = arg;
	struct kan_err none = {0};
	const char *change = kan_json_str(row, "change");
	bool wanted = false;
	(void)line;
	(void)err;
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		wanted |= strcmp(change, told[i]) == 0;
	if (!wanted)
		return 0;
	begin(&r->thing, KIND_FILE);
	r->thing.change = change;
	/* A directory that is too deep for its path has a name. */
	if (kan_json_bytes(&r->thing.text, row, "path", &none) < 0)
		(void)kan_json_bytes(&r->thing.text, row, "name", &none);
	kan_buf_adds(&r->thing.key, change);
	kan_buf_addc(&r->thing.key, 0);
	kan_buf_addb(&r->thing.key, kan_buf_bytes(&r->thing.text));
	kan_pair_file_fields(&r->thing.value, row);
	r->fn(&r->thing, r->arg);
	return 0;
}

static int on_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	struct kan_err none = {0};
	const json_t *exe = json_object_get(row, "exe");
	const char *sha = kan_json_str(exe, "sha256");
	(void)line;
	(void)err;
	if (!*sha || json_is_true(json_object_get(row, "neighbour")))
		return 0;
	begin(&r->thing, KIND_PROGRAM);
	(void)kan_json_bytes(&r->thing.text, exe, "link", &none);
	kan_buf_adds(&r->thing.key, sha);
	r->fn(&r->thing, r->arg);
	return 0;
}

static int on_socket(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	(void)line;
	(void)err;
	if (strcmp(kan_json_str(row, "state"), "LISTEN") != 0 ||
	    strncmp(kan_json_str(row, "family"), "inet", 4) != 0)
		return 0;
	begin(&r->thing, KIND_LISTENER);
	kan_buf_addf(&r->thing.text, "%s %s port %lld", kan_json_str(row, "proto"),
		     kan_json_str(row, "laddr"), (long long)kan_get_int(row, "lport", 0));
	kan_buf_addb(&r->thing.key, kan_buf_bytes(&r->thing.text));
	r->fn(&r->thing, r->arg);
	return 0;
}

static int read_things(const struct kan_source *s, thing_fn *fn, void *arg, struct kan_err *err)
{
	static const struct {
		const char *artefact;
		kan_bundle_row_fn *fn;
	} passes[] = {{"data/filesystem/changes.ndjson", on_change},
		      {"data/processes/processes.ndjson", on_process},
		      {"data/network/sockets.ndjson", on_socket}};
	struct reading r = {
		.thing = {.key = KAN_BUF(KEY), .value = KAN_BUF(VALUE), .text = KAN_BUF(KEY)},
		.fn = fn,
		.arg = arg};
	int rc = 0;
	for (size_t i = 0; i < sizeof passes / sizeof *passes && rc == 0; i++)
		if (kan_source_has(s, passes[i].artefact))
			rc = kan_source_rows(s, passes[i].artefact, passes[i].fn, &r, err);
	kan_buf_free(&r.thing.key);
	kan_buf_free(&r.thing.value);
	kan_buf_free(&r.thing.text);
	return rc;
}

static void add_entry(const struct thing *t, void *arg)
{
	struct fleet *f = arg;
	struct member *m = &f->members[f->n_members - 1];
	m->changes += t->kind == KIND_FILE;
	if (f->n_entries == KAN_FLEET_ENTRIES) {
		f->over = true;
		return;
	}
	if ((f->n_entries & (f->n_entries - 1)) == 0)
		f->entries = kan_xrealloc(f->entries, f->n_entries ? f->n_entries * 2 : 1,
					  sizeof *f->entries);
	f->entries[f->n_entries++] = (struct kan_fleet_entry){.key = tag_of(&t->key),
							      .value = tag_of(&t->value),
							      .member = (uint32_t)f->n_members - 1};
}

/* "shop" is "shop:latest". */
static bool same_name(const char *a, const char *b)
{
	static const char latest[] = ":latest";
	size_t n = strlen(a), k = strlen(b);
	if (strcmp(a, b) == 0)
		return true;
	return (n == k + strlen(latest) && strncmp(a, b, k) == 0 && strcmp(a + k, latest) == 0) ||
	       (k == n + strlen(latest) && strncmp(a, b, n) == 0 && strcmp(b + n, latest) == 0);
}

bool kan_fleet_is_image(const json_t *target, const char *image)
{
	const char *id = kan_digest_bare(kan_json_str(target, "image_id"));
	const char *asked = kan_digest_bare(image);
	bool by_id = strlen(asked) >= ID_DIGITS &&
		     strspn(asked, "0123456789abcdef") == strlen(asked) &&
		     strncmp(id, asked, strlen(asked)) == 0;
	return by_id || same_name(kan_json_str(target, "image"), image);
}

static void skip(struct fleet *f, const char *path, const char *why)
{
	const char *slash = strrchr(path, '/');
	json_t *o = json_object();
	kan_json_set_bytes(o, "bundle", kan_bytes_of(slash ? slash + 1 : path));
	kan_json_set_bytes(o, "why", kan_bytes_of(why));
	json_array_append_new(f->skipped, o);
}

static bool known(const struct fleet *f, const json_t *target)
{
	for (size_t i = 0; i < f->n_members; i++)
		if (*kan_json_str(target, "id") && strcmp(kan_json_str(f->members[i].target, "id"),
							  kan_json_str(target, "id")) == 0)
			return true;
	return false;
}

/* What could not be had of what is compared. */
static int gaps_of(struct member *m, const struct kan_source *s, const json_t *capture,
		   struct kan_err *err)
{
	struct kan_side side = {.source = s};
	if (kan_cover_new(&side.cover, s, capture, err) < 0)
		return -1;
	(void)kan_side_whole(m->gaps, &m->n_gaps, &side, "filesystem",
			     "data/filesystem/changes.ndjson");
	(void)kan_side_whole(m->gaps, &m->n_gaps, &side, "processes",
			     "data/processes/processes.ndjson");
	(void)kan_side_whole(m->gaps, &m->n_gaps, &side, "network", "data/network/sockets.ndjson");
	kan_cover_free(side.cover);
	return 0;
}

static int add_member(struct fleet *f, const struct kan_bundle *b, const char *path,
		      struct kan_err *err)
{
	const json_t *capture = kan_bundle_capture(b);
	if ((f->n_members & (f->n_members - 1)) == 0)
		f->members = kan_xrealloc(f->members, f->n_members ? f->n_members * 2 : 1,
					  sizeof *f->members);
	f->members[f->n_members++] =
		(struct member){.path = kan_xstrdup(path),
				.target = json_incref(json_object_get(capture, "target")),
				.gaps = json_array(),
				.reasons = json_array()};
	struct kan_source *s = kan_source_bundle(b);
	int rc = gaps_of(&f->members[f->n_members - 1], s, capture, err);
	if (rc == 0)
		rc = read_things(s, add_entry, f, err);
	kan_source_free(s);
	return rc;
}

/* What cannot be opened is told; what was altered ends it. */
static int look(struct fleet *f, const char *path, const char *image, struct kan_err *err)
{
	struct kan_err why = {0};
	struct kan_bundle *b = NULL;
	int rc = 0;
	if (kan_bundle_open(&b, path, false, &why) < 0) {
		if (why.code == KAN_ETAMPER)
			return kan_fail(err, why.code, "%s", why.text);
		skip(f, path, why.text);
		return 0;
	}
	const json_t *target = json_object_get(kan_bundle_capture(b), "target");
	if (kan_fleet_is_image(target, image) && !known(f, target))
		rc = add_member(f, b, path, err);
	kan_bundle_free(b);
	return rc;
}

static int by_key(const void *x, const void *y)
{
	const struct kan_fleet_entry *a = x, *b = y;
	int c = memcmp(a->key.v, b->key.v, sizeof(struct kan_fleet_tag));
	if (!c)
		c = memcmp(a->value.v, b->value.v, sizeof(struct kan_fleet_tag));
	return c ? c : (a->member > b->member) - (a->member < b->member);
}

/* Different containers in a stretch that is sorted by value, then by member. */
static size_t containers(const struct kan_fleet_entry *e, size_t n, size_t n_members)
{
	size_t count = 0;
	if (n == 1)
		return 1;
	bool *seen = kan_xalloc(n_members);
	for (size_t i = 0; i < n; i++) {
		count += !seen[e[i].member];
		seen[e[i].member] = true;
	}
	free(seen);
	return count;
}

/* How long the stretch of one value is. */
static size_t of_value(const struct kan_fleet_entry *e, size_t n)
{
	size_t k = 1;
	while (k < n && memcmp(e[k].value.v, e[0].value.v, sizeof(struct kan_fleet_tag)) == 0)
		k++;
	return k;
}

/* One in so many; and two of five, that is another one like it. */
static bool few(size_t have, size_t n_members)
{
	return have * KAN_FLEET_FEW <= n_members || (have == 2 && n_members >= KAN_FLEET_PAIR);
}

/* All entries of one key. */
static void judge_key(struct kan_fleet_entry *e, size_t n, size_t n_members)
{
	size_t have = containers(e, n, n_members), most = 0, k = 0;
	for (size_t i = 0; i < n; i += k) {
		k = of_value(e + i, n - i);
		most = k > most ? k : most;
	}
	for (size_t i = 0; i < n; i += k) {
		k = of_value(e + i, n - i);
		for (size_t j = i; j < i + k; j++) {
			e[j].others = (uint32_t)have - 1;
			e[j].why =
				have == 1              ? KAN_FLEET_ALONE
				: few(have, n_members) ? KAN_FLEET_RARE
				: (k == 1 || few(k, n_members)) && most > k && most * 2 > n_members
					? KAN_FLEET_CONTENT
					: KAN_FLEET_USUAL;
		}
	}
}

void kan_fleet_judge(struct kan_fleet_entry *entries, size_t n, size_t members)
{
	size_t of_key = 1;
	if (n)
		qsort(entries, n, sizeof *entries, by_key);
	for (size_t i = 0; i < n && members > 1; i += of_key) {
		of_key = 1;
		while (i + of_key < n && memcmp(entries[i + of_key].key.v, entries[i].key.v,
						sizeof entries[i].key.v) == 0)
			of_key++;
		judge_key(entries + i, of_key, members);
	}
}

static void judge(struct fleet *f)
{
	kan_fleet_judge(f->entries, f->n_entries, f->n_members);
	for (size_t i = 0; i < f->n_entries; i++) {
		struct member *m = &f->members[f->entries[i].member];
		/* Many processes of one program are one thing. */
		if (i > 0 && by_key(&f->entries[i - 1], &f->entries[i]) == 0)
			continue;
		m->unusual += f->entries[i].why != KAN_FLEET_USUAL;
		m->alone += f->entries[i].why == KAN_FLEET_ALONE;
	}
}

struct explaining {
	struct fleet *f;
	struct member *m;
};

static bool listed(const json_t *reasons, const json_t *one)
{
	size_t i = 0;
	json_t *r = NULL;
	json_array_foreach ((json_t *)(uintptr_t)reasons, i, r)
		if (json_equal(r, one))
			return true;
	return false;
}

static void explain(const struct thing *t, void *arg)
{
	struct explaining *x = arg;
	if (json_array_size(x->m->reasons) == KAN_FLEET_REASONS)
		return;
	struct kan_fleet_entry key = {.key = tag_of(&t->key),
				      .value = tag_of(&t->value),
				      .member = (uint32_t)(x->m - x->f->members)};
	const struct kan_fleet_entry *e =
		x->f->n_entries ? bsearch(&key, x->f->entries, x->f->n_entries, sizeof key, by_key)
				: NULL;
	if (!e || e->why == KAN_FLEET_USUAL)
		return;
	json_t *o = json_pack("{s:s,s:I,s:s}", "kind", kind_names[t->kind], "others",
			      (json_int_t)e->others, "why", why_words[e->why]);
	if (*t->change)
		json_object_set_new(o, "change", json_string(t->change));
	kan_json_set_bytes(o, "what", kan_buf_bytes(&t->text));
	if (!listed(x->m->reasons, o))
		json_array_append(x->m->reasons, o);
	json_decref(o);
}

static int explain_all(struct fleet *f, struct kan_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < f->n_members && rc == 0; i++) {
		struct explaining x = {f, &f->members[i]};
		struct kan_bundle *b = NULL;
		if (!x.m->unusual)
			continue;
		if (kan_bundle_open(&b, x.m->path, false, err) < 0)
			return -1;
		struct kan_source *s = kan_source_bundle(b);
		rc = read_things(s, explain, &x, err);
		kan_source_free(s);
		kan_bundle_free(b);
	}
	return rc;
}

static int by_outlier(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	if (a->alone != b->alone)
		return a->alone > b->alone ? -1 : 1;
	if (a->unusual != b->unusual)
		return a->unusual > b->unusual ? -1 : 1;
	return strcmp(a->path, b->path);
}

static json_t *told(const struct member *m)
{
	const char *slash = strrchr(m->path, '/');
	json_t *o =
		json_pack("{s:I,s:I,s:I,s:O,s:O,s:I}", "changes", (json_int_t)m->changes, "unusual",
			  (json_int_t)m->unusual, "alone", (json_int_t)m->alone, "reasons",
			  m->reasons, "gaps", m->gaps, "n_gaps", (json_int_t)m->n_gaps);
	static const char *const keys[][2] = {{"id", "container"}, {"name", "name"}};
	kan_json_set_bytes(o, "bundle", kan_bytes_of(slash ? slash + 1 : m->path));
	for (size_t i = 0; i < 2; i++)
		kan_json_set_bytes(o, keys[i][1],
				   kan_bytes_of(kan_json_str(m->target, keys[i][0])));
	return o;
}

static json_t *document(struct fleet *f, const char *image)
{
	json_t *doc = json_object(), *list = json_array();
	uint64_t n_gaps = f->over;
	if (f->n_members)
		qsort(f->members, f->n_members, sizeof *f->members, by_outlier);
	for (size_t i = 0; i < f->n_members; i++) {
		json_array_append_new(list, told(&f->members[i]));
		n_gaps += f->members[i].n_gaps;
	}
	kan_json_set_bytes(doc, "image", kan_bytes_of(image));
	json_object_set_new(doc, "containers", list);
	json_object_set(doc, "skipped", f->skipped);
	json_object_set_new(doc, "n_gaps", json_integer((json_int_t)n_gaps));
	if (f->over)
		json_object_set_new(doc, "limit", json_integer(KAN_FLEET_ENTRIES));
	return doc;
}

static void release(struct fleet *f)
{
	for (size_t i = 0; i < f->n_members; i++) {
		free(f->members[i].path);
		json_decref(f->members[i].target);
		json_decref(f->members[i].gaps);
		json_decref(f->members[i].reasons);
	}
	free(f->members);
	free(f->entries);
	json_decref(f->skipped);
}

int kan_compare_fleet(json_t **out, const char *const *paths, size_t n, const char *image,
		      struct kan_err *err)
{
	struct fleet f = {.skipped = json_array()};
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = look(&f, paths[i], image, err);
	if (rc == 0 && f.n_members == 0)
		rc = kan_fail(err, KAN_ENOTFOUND, "%s: no bundle of this home is of that image",
			      image);
	if (rc == 0) {
		judge(&f);
		rc = explain_all(&f, err);
	}
	if (rc == 0)
		*out = document(&f, image);
	release(&f);
	return rc;
}
