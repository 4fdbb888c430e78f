/* What a change did to a file's facts, one by one, before and after. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/column.h"
#include "analyze/compare.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/row.h"
#include "image/overlay.h"

enum { VALUE = 8 << 10 };

/* One fact of one side as text; false: that side has none. */
typedef bool fact_fn(struct kan_buf *out, const json_t *side, const char *key);

static bool number(struct kan_buf *out, const json_t *side, const char *key)
{
	const char *type = kan_json_str(side, "type");
	const json_t *v = json_object_get(side, key);
	/* What a directory's size says is the filesystem's. */
	if (!json_is_integer(v) || (strcmp(type, "file") != 0 && strcmp(type, "symlink") != 0))
		return false;
	kan_buf_addf(out, "%lld", (long long)json_integer_value(v));
	return true;
}

/* "0100644": without the type. */
static bool mode(struct kan_buf *out, const json_t *side, const char *key)
{
	const char *v = kan_json_str(side, key);
	size_t n = strlen(v);
	kan_buf_adds(out, n > 4 ? v + n - 4 : v);
	return n > 0;
}

static bool owner(struct kan_buf *out, const json_t *side, const char *key)
{
	(void)key;
	if (!json_object_get(side, "uid"))
		return false;
	kan_buf_addf(out, "%lld:%lld", (long long)kan_get_int(side, "uid", -1),
		     (long long)kan_get_int(side, "gid", -1));
	return true;
}

static bool when(struct kan_buf *out, const json_t *side, const char *key)
{
	char text[KAN_RFC3339];
	if (!json_object_get(side, key))
		return false;
	kan_rfc3339(text, kan_get_int(side, key, 0));
	kan_buf_adds(out, text);
	return true;
}

static bool bytes(struct kan_buf *out, const json_t *side, const char *key)
{
	kan_auto_buf struct kan_buf whole = KAN_BUF(KAN_ROW_MAX);
	struct kan_err none = {0};
	char hex[KAN_SHA256_HEX];
	if (!json_object_get(side, key) || kan_json_bytes(&whole, side, key, &none) < 0)
		return false;
	if (whole.len < VALUE) {
		kan_buf_addb(out, kan_buf_bytes(&whole));
		return true;
	}
	kan_sha256_hex(hex, kan_buf_bytes(&whole));
	kan_buf_addf(out, "%zu bytes, SHA-256 %s", whole.len, hex);
	return true;
}

static bool words(struct kan_buf *out, const json_t *side, const char *key)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(side, key), i, v)
		kan_buf_addf(out, "%s%s", i ? "," : "", json_string_value(v));
	return out->len > 0;
}

/* "cap_net_raw,cap_bpf+ep" */
static bool capability(struct kan_buf *out, const json_t *side, const char *key)
{
	const json_t *c = json_object_get(side, key);
	kan_auto_buf struct kan_buf inherited = KAN_BUF(VALUE);
	if (!c)
		return false;
	if (words(out, c, "permitted"))
		kan_buf_addf(out, "+%sp", json_is_true(json_object_get(c, "effective")) ? "e" : "");
	if (words(&inherited, c, "inheritable"))
		kan_buf_addf(out, "%s%s+i", out->len ? " " : "", kan_buf_str(&inherited));
	if (json_object_get(c, "rootid"))
		kan_buf_addf(out, " rootid=%lld", (long long)kan_get_int(c, "rootid", 0));
	return true;
}

static int by_name(const void *x, const void *y)
{
	json_t *const *a = x, *const *b = y;
	int c = strcmp(kan_json_str(*a, "name"), kan_json_str(*b, "name"));
	return c ? c : strcmp(kan_json_str(*a, "name_b64"), kan_json_str(*b, "name_b64"));
}

json_t **kan_xattrs_sorted(size_t *n, const json_t *side)
{
	json_t *list = json_object_get(side, "xattrs"), *x = NULL;
	size_t i = 0;
	*n = json_array_size(list);
	json_t **v = kan_xrealloc(NULL, *n + 1, sizeof *v);
	json_array_foreach (list, i, x)
		v[i] = x;
	if (*n)
		qsort(v, *n, sizeof *v, by_name);
	return v;
}

static bool has_xattr(const json_t *side, const char *name)
{
	size_t i = 0;
	json_t *x = NULL;
	json_array_foreach (json_object_get(side, "xattrs"), i, x)
		if (strcmp(kan_json_str(x, "name"), name) == 0)
			return true;
	return false;
}

/* The one that the row's label was made of: the first that there is. */
static bool is_label(const char *name, const json_t *side)
{
	static const char *const labels[] = {"security.selinux", "security.SMACK64",
					     "security.apparmor"};
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		if (strcmp(name, labels[i]) == 0)
			return true;
		if (has_xattr(side, labels[i]))
			return false;
	}
	return false;
}

bool kan_xattr_told_apart(const char *name, const json_t *side)
{
	static const char *const others[] = {"security.capability", "system.posix_acl_"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	return is_label(name, side) || kan_overlay_own(kan_bytes_of(name), false) ||
	       kan_overlay_own(kan_bytes_of(name), true);
}

/* Of what IMA and EVM keep the line tells the kind only: another value of that kind is told here.
 */
static bool told_elsewhere(const char *name, const json_t *side, bool other_value)
{
	return kan_xattr_told_apart(name, side) ||
	       (!other_value &&
		(strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0));
}

/* The names that the other side lacks, or has with another value. */
static bool xattrs(struct kan_buf *out, const json_t *side, const json_t *other)
{
	size_t n = 0, n_other = 0, count = 0;
	kan_auto_free json_t **v = kan_xattrs_sorted(&n, side),
			     **w = kan_xattrs_sorted(&n_other, other);
	for (size_t i = 0; i < n; i++) {
		json_t *const *twin =
			n_other ? bsearch(&v[i], w, n_other, sizeof *w, by_name) : NULL;
		const char *name = kan_json_str(v[i], "name");
		bool same = twin && json_equal(*twin, v[i]);
		if (same || told_elsewhere(name, side, twin != NULL))
			continue;
		kan_buf_addf(out, "%s%s%s", out->len ? "," : "", name, twin ? "=" : "");
		count++;
	}
	if (out->failed) {
		kan_buf_reset(out);
		kan_buf_addf(out, "%zu attributes", count);
	}
	return count > 0;
}

static const struct {
	const char *what, *key;
	fact_fn *fact;
	bool always;
} facts[] = {
	{"size", "size", number, true},
	{"mode", "mode", mode, true},
	{"owner", "uid", owner, true},
	{"type", "type", bytes, false},
	{"mtime", "mtime_ns", when, false},
	{"link", "link", bytes, false},
	{"device", "rdev", bytes, false},
	{"flags", "flags", words, false},
	{"capability", "capability", capability, false},
	{"acl", "acl", bytes, false},
	{"default acl", "acl_default", bytes, false},
	{"label", "label", bytes, false},
	{"ima", "ima", bytes, false},
	{"evm", "evm", bytes, false},
};

static bool keep(const char **out, struct kan_buf *text, bool there, struct kan_arena *a)
{
	struct kan_bytes v = kan_buf_bytes(text);
	if (there && !kan_arena_keep(a, &v))
		return false;
	*out = there ? (const char *)v.p : NULL;
	return true;
}

/* Whole seconds, unless the difference is smaller. */
static void shorten(struct kan_buf *a, struct kan_buf *b)
{
	enum { SECONDS = 19 };
	struct kan_buf *both[] = {a, b};
	if (a->len > SECONDS && b->len > SECONDS && memcmp(a->data, b->data, SECONDS) == 0)
		return;
	for (size_t i = 0; i < 2; i++)
		if (both[i]->len > SECONDS) {
			both[i]->len = SECONDS;
			kan_buf_addc(both[i], 'Z');
		}
}

/* Most facts of most files: neither side has it, or the same time. */
static bool nothing(size_t i, const json_t *const side[2])
{
	const json_t *was = json_object_get(side[0], facts[i].key),
		     *is = json_object_get(side[1], facts[i].key);
	return was == is || (facts[i].fact == when && was && is && json_equal(was, is));
}

/* Both sides of a fact. A file that is new has no before, a deleted one no after. */
static bool add(struct kan_delta out[KAN_DELTAS], size_t *n, size_t i, const json_t *const side[2],
		struct kan_arena *a)
{
	kan_auto_buf struct kan_buf x = KAN_BUF(VALUE), y = KAN_BUF(VALUE);
	if (!facts[i].always && nothing(i, side))
		return true;
	bool before = side[0] && facts[i].fact(&x, side[0], facts[i].key);
	bool after = side[1] && facts[i].fact(&y, side[1], facts[i].key);
	bool same = before == after && kan_bytes_eq(kan_buf_bytes(&x), kan_buf_bytes(&y));
	/* Of one side alone, times and the type of a plain file say nothing. */
	bool both = side[0] && side[1];
	if (facts[i].fact == when)
		shorten(&x, &y);
	bool plain = !both &&
		     (facts[i].fact == when || strcmp(kan_buf_str(before ? &x : &y), "file") == 0);
	if (!facts[i].always && (same || plain))
		return true;
	struct kan_delta *d = &out[(*n)++];
	d->what = facts[i].what;
	return keep(&d->before, &x, before, a) && keep(&d->after, &y, after, a);
}

static bool add_xattrs(struct kan_delta out[KAN_DELTAS], size_t *n, const json_t *const side[2],
		       struct kan_arena *a)
{
	kan_auto_buf struct kan_buf x = KAN_BUF(VALUE), y = KAN_BUF(VALUE);
	bool before = xattrs(&x, side[0], side[1]), after = xattrs(&y, side[1], side[0]);
	if (!before && !after)
		return true;
	struct kan_delta *d = &out[(*n)++];
	d->what = "xattrs";
	return keep(&d->before, &x, before, a) && keep(&d->after, &y, after, a);
}

/* The fact that tells of a word of differs[]. Labels of the host are in none. */
static bool is_told(const char *word, const struct kan_delta *d)
{
	return strcmp(word, d->what) == 0 ||
	       (strcmp(word, "acl") == 0 && strcmp(d->what, "default acl") == 0);
}

/* What the collector found to differ, and no fact shows: it is told all the same. */
static void add_untold(struct kan_delta out[KAN_DELTAS], size_t *n, const json_t *row)
{
	static const char *const words[] = {"xattrs", "acl", "capability", "flags", "mtime"};
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (json_object_get(row, "differs"), i, one)
		for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
			bool told = strcmp(words[k], json_string_value(one) ? json_string_value(one)
									    : "") != 0;
			for (size_t d = 0; d < *n; d++)
				told |= is_told(words[k], &out[d]);
			if (!told && *n < KAN_DELTAS)
				out[(*n)++] = (struct kan_delta){words[k], "one value", "another"};
		}
}

/* The engine calls a file changed whose mode alone was: its digest tells. */
static void add_same_content(struct kan_delta out[KAN_DELTAS], size_t *n, const json_t *row,
			     const json_t *below)
{
	const char *ours = kan_json_str(row, "sha256");
	bool export = strcmp(kan_json_str(row, "source"), "export") == 0;
	if (export && *ours && strcmp(ours, kan_json_str(below, "sha256")) == 0 && *n < KAN_DELTAS)
		out[(*n)++] = (struct kan_delta){"content", "the image's", "the same"};
}

int kan_deltas_of(struct kan_delta out[KAN_DELTAS], size_t *n, const struct kan_view *v,
		  struct kan_arena *a)
{
	bool deleted = strcmp(kan_json_str(v->row, "change"), "deleted") == 0;
	const json_t *own = json_object_get(v->row, "below"),
		     *below = own ? own : json_object_get(v->extra, "below"),
		     *const side[2] = {below, deleted ? NULL : v->row};
	bool good = true;
	*n = 0;
	for (size_t i = 0; good && i < sizeof facts / sizeof *facts; i++)
		good = add(out, n, i, side, a);
	if (!good || !add_xattrs(out, n, side, a))
		return -1;
	add_untold(out, n, v->row);
	add_same_content(out, n, v->row, below);
	return 0;
}
