/* A bundle with its image: every change once, in the order of its word, package and directory. */
#include <stdlib.h>
#include <string.h>

#include "analyze/column.h"
#include "analyze/compare.h"
#include "analyze/contradictions.h"
#include "analyze/packages.h"
#include "base/row.h"

enum { PATH_OCTETS = 256 << 10 };

const char *const kan_change_words[] = {"added",   "changed", "metadata", "identical",
					"deleted", "parent",  "engine",   NULL};

int kan_change_word(const char *word, size_t n)
{
	for (int i = 0; kan_change_words[i]; i++)
		if (strlen(kan_change_words[i]) == n && strncmp(word, kan_change_words[i], n) == 0)
			return i;
	return -1;
}

struct listing {
	struct kan_compared *c;
	const struct kan_compare_ask *ask;
};

static bool keep_bytes(struct kan_bytes *out, const json_t *from, const char *key,
		       struct kan_arena *a)
{
	struct kan_err none = {0};
	kan_auto_buf struct kan_buf v = KAN_BUF(PATH_OCTETS);
	if (kan_json_bytes(&v, from, key, &none) < 0)
		return true;
	*out = kan_buf_bytes(&v);
	return kan_arena_keep(a, out);
}

/* A directory that is too deep for its path has a name. */
static bool keep_path(struct kan_change_line *l, const struct kan_view *v, struct kan_arena *a)
{
	const char *key = json_object_get(v->row, "path") ? "path" : "name";
	if (!keep_bytes(&l->path, v->row, key, a))
		return false;
	const uint8_t *slash = l->path.n ? memrchr(l->path.p, '/', l->path.n) : NULL;
	l->dir = slash ? (size_t)(slash - l->path.p) : 0;
	return true;
}

static bool keep_deltas(struct kan_change_line *l, const struct kan_view *v, struct kan_arena *a)
{
	struct kan_delta d[KAN_DELTAS] = {0};
	if (kan_deltas_of(d, &l->n_deltas, v, a) < 0)
		return false;
	l->deltas = kan_xrealloc(NULL, l->n_deltas + 1, sizeof *d);
	memcpy(l->deltas, d, l->n_deltas * sizeof *d);
	a->used += sizeof *l + l->n_deltas * sizeof *d;
	return true;
}

static bool fill(struct kan_change_line *l, const struct kan_view *v, struct kan_arena *a)
{
	static const char *const hows[] = {"edited", "replaced", "renamed", "linked", "unknown"};
	const char *how = kan_json_str(v->extra, "how");
	for (size_t i = 0; i < sizeof hows / sizeof *hows; i++)
		if (strcmp(how, hows[i]) == 0)
			l->how = hows[i];
	l->explained = json_is_true(json_object_get(v->extra, "explained"));
	l->hidden = json_is_true(json_object_get(v->extra, "file.hidden_from_engine"));
	return keep_path(l, v, a) && keep_bytes(&l->from, v->extra, "from", a) &&
	       keep_bytes(&l->package, v->extra, "package.name", a) &&
	       keep_bytes(&l->verdict, v->extra, "package_verdict", a) && keep_deltas(l, v, a);
}

/* Storage without layers has no word for any entry, an export has none where the engine refused its
 * list, and a layer has none where the image's are not there, or where the content of a file was
 * not read on both sides. */
static void without_word(struct kan_compared *c, const struct kan_view *v, const char *word)
{
	const char *source = kan_json_str(v->row, "source");
	if (!*word && strcmp(source, "merged") == 0)
		c->merged++;
	else if (!*word && strcmp(source, "export") == 0)
		c->exported++;
	else if (!*word && strcmp(source, "upper") == 0 && !json_object_get(v->row, "below"))
		c->layerless++;
	else if (!*word && strcmp(source, "upper") == 0)
		c->unread++;
	else
		c->strange++;
}

static int on_change(const struct kan_view *v, void *arg, struct kan_err *err)
{
	struct listing *to = arg;
	struct kan_compared *c = to->c;
	const char *word = kan_json_str(v->row, "change");
	int w = kan_change_word(word, strlen(word));
	if (w < 0) {
		without_word(c, v, word);
		return 0;
	}
	c->counts[w]++;
	c->hidden += json_is_true(json_object_get(v->extra, "file.hidden_from_engine"));
	if (!(to->ask->words >> w & 1))
		return 0;
	if (to->ask->fn && to->ask->fn(v, to->ask->arg, err) < 0)
		return -1;
	if (!to->ask->keep)
		return 0;
	struct kan_change_line one = {.word = (unsigned)w};
	if (c->left_out || c->n == KAN_COMPARE_ENTRIES || !fill(&one, v, &c->arena)) {
		free(one.deltas);
		c->left_out++;
		return 0;
	}
	if ((c->n & (c->n - 1)) == 0)
		c->lines = kan_xrealloc(c->lines, c->n ? c->n * 2 : 1, sizeof *c->lines);
	c->lines[c->n++] = one;
	return 0;
}

/* Files of packages first, by package; then those of none. */
static int by_package(const struct kan_change_line *a, const struct kan_change_line *b)
{
	if (!a->package.n || !b->package.n)
		return (b->package.n != 0) - (a->package.n != 0);
	return kan_bytes_cmp(a->package, b->package);
}

static int by_place(const void *x, const void *y)
{
	const struct kan_change_line *a = x, *b = y;
	if (a->word != b->word)
		return a->word < b->word ? -1 : 1;
	int c = by_package(a, b);
	if (!c)
		c = kan_bytes_cmp((struct kan_bytes){a->path.p, a->dir},
				  (struct kan_bytes){b->path.p, b->dir});
	return c ? c : kan_bytes_cmp(a->path, b->path);
}

/* What the engine lists and we do not have; nothing where that cannot be told. */
static void engine_only(struct kan_compared *c, const struct kan_side *s)
{
	struct kan_contra contra = {.facts = s->facts, .rows = json_array()};
	struct kan_lists none = {.hidden = json_array()};
	kan_contra_changes(&contra, &none);
	json_decref(none.hidden);
	c->know_engine = s->facts->have_engine_list;
	c->engine_only = contra.rows;
	c->n_engine_only = contra.missing ? 0 : contra.count;
	if (contra.missing)
		json_array_clear(contra.rows);
	json_decref(contra.missing);
}

static void add_gap(struct kan_compared *c, const char *collector, const char *what,
		    const char *code, const char *why)
{
	c->n_gaps++;
	if (json_array_size(c->gaps) < KAN_COMPARE_GAPS)
		json_array_append_new(c->gaps,
				      json_pack("{s:s,s:s,s:s,s:s}", "collector", collector, "what",
						what, "code", code, "why", why));
}

/* What the analysis itself could not take in: no row says so. */
static void own_gaps(struct kan_compared *c, const struct kan_side *s)
{
	static const char list[] = "data/engine-after/changes.json";
	const struct kan_facts *f = s->facts;
	if (c->merged)
		add_gap(c, "filesystem", "changes.ndjson", "unsupported",
			"storage without layers: its entries cannot be compared with the image");
	if (c->exported)
		add_gap(c, "filesystem", "changes.ndjson", "unsupported",
			"an export without the engine's list: nothing tells its entries from the "
			"image's");
	if (c->layerless)
		add_gap(c, "filesystem", "changes.ndjson", "vanished",
			"no layer of the image was there to compare with: what was changed has no "
			"word");
	if (c->unread)
		add_gap(c, "filesystem", "changes.ndjson", "unsupported",
			"files of the same size whose content was not read on both sides: whether "
			"they were changed is not known");
	if (c->strange)
		add_gap(c, "filesystem", "changes.ndjson", "malformed",
			"rows with a change word that this version does not know");
	/* At depth api-only the rows are that list: there is nothing to compare them with. */
	if (kan_source_has(s->source, list) && !f->have_engine_list && !kan_facts_engine_only(f) &&
	    kan_cover_of(s->cover, s->source, "engine-after", list) == KAN_COVER_WHOLE)
		add_gap(c, "engine-after", "changes.json", "malformed",
			"it is no list, or longer than what is compared");
	if (kan_packages_over(f->packages))
		add_gap(c, "image", "packages", "limit",
			"more changes than are looked up: of the rest the package is not told");
	if (f->lowers_over)
		add_gap(c, "image", "baseline.ndjson", "limit",
			"more changed files than are looked up: of the rest the image's digest or "
			"how they changed is not told");
}

int kan_compare_image(struct kan_compared **out, const struct kan_side *s, unsigned words,
		      struct kan_err *err)
{
	const struct kan_compare_ask ask = {.words = words, .keep = true};
	return kan_compare_image_rows(out, s, &ask, err);
}

int kan_compare_image_rows(struct kan_compared **out, const struct kan_side *s,
			   const struct kan_compare_ask *ask, struct kan_err *err)
{
	struct kan_compared *c = kan_xalloc(sizeof *c);
	struct listing to = {c, ask};
	c->arena.max = KAN_COMPARE_OCTETS;
	c->gaps = json_array();
	if (kan_side_rows(s, "change", on_change, &to, err) < 0) {
		kan_compared_free(c);
		return -1;
	}
	if (c->n)
		qsort(c->lines, c->n, sizeof *c->lines, by_place);
	(void)kan_side_whole(c->gaps, &c->n_gaps, s, "filesystem",
			     "data/filesystem/changes.ndjson");
	(void)kan_side_whole(c->gaps, &c->n_gaps, s, "image", NULL);
	c->seen = kan_cover_of(s->cover, s->source, "filesystem",
			       "data/filesystem/changes.ndjson") != KAN_COVER_NONE;
	engine_only(c, s);
	own_gaps(c, s);
	*out = c;
	return 0;
}

void kan_compared_free(struct kan_compared *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->lines[i].deltas);
	free(c->lines);
	json_decref(c->gaps);
	json_decref(c->engine_only);
	kan_arena_free(&c->arena);
	free(c);
}

json_t *kan_compare_row(const struct kan_view *v)
{
	static const struct {
		const char *joined, *key;
	} columns[] = {{"how", "how"},
		       {"from", "from"},
		       {"from_b64", "from_b64"},
		       {"package.name", "package"},
		       {"package.name_b64", "package_b64"},
		       {"package.version", "package_version"},
		       {"explained", "explained"},
		       {"package_verdict", "package_verdict"},
		       {"package_why", "package_why"},
		       {"file.hidden_from_engine", "hidden_from_engine"}};
	json_t *row = json_copy(v->row), *sha = json_object_get(v->extra, "below.sha256");
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		json_t *value = json_object_get(v->extra, columns[i].joined);
		if (value && !json_is_null(value))
			json_object_set(row, columns[i].key, value);
	}
	if (json_object_get(v->extra, "below")) /* of an export: what the baseline has there */
		json_object_set(row, "below", json_object_get(v->extra, "below"));
	if (json_is_string(sha)) {
		json_t *below = json_copy(json_object_get(row, "below"));
		json_object_set(below, "sha256", sha);
		json_object_set_new(row, "below", below);
	}
	json_object_set_new(row, "row", json_integer((json_int_t)v->line));
	return row;
}
