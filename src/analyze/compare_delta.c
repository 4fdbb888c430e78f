/* What a change did to a file's facts, one by one, before and after. */
#include <stdio.h>
#include <string.h>

#include "analyze/column.h"
#include "analyze/compare.h"
#include "base/clock.h"
#include "base/row.h"

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
	struct kan_err none = {0};
	return kan_json_bytes(out, side, key, &none) == 0;
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

static const json_t *find_xattr(const json_t *side, const json_t *want)
{
	size_t i = 0;
	json_t *x = NULL;
	json_array_foreach (json_object_get(side, "xattrs"), i, x)
		if (json_equal(json_object_get(x, "name"), json_object_get(want, "name")) &&
		    json_equal(json_object_get(x, "name_b64"), json_object_get(want, "name_b64")))
			return x;
	return NULL;
}

/* What has a line of its own, or is overlay's bookkeeping. */
static bool told_elsewhere(const char *name)
{
	static const char *const others[] = {
		"security.capability", "system.posix_acl_", "security.selinux", "security.ima",
		"security.evm",        "trusted.overlay.",  "user.overlay."};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	return false;
}

/* The names that the other side lacks, or has with another value. */
static bool xattrs(struct kan_buf *out, const json_t *side, const json_t *other)
{
	size_t i = 0;
	json_t *x = NULL;
	json_array_foreach (json_object_get(side, "xattrs"), i, x) {
		const json_t *twin = find_xattr(other, x);
		const char *name = kan_json_str(x, "name");
		if (told_elsewhere(name) || (twin && json_equal(twin, x)))
			continue;
		kan_buf_addf(out, "%s%s%s", out->len ? "," : "", name, twin ? "=" : "");
	}
	return out->len > 0;
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

/* Both sides of a fact. A file that is new has no before, a deleted one no after. */
static bool add(struct kan_delta out[KAN_DELTAS], size_t *n, size_t i, const json_t *const side[2],
		struct kan_arena *a)
{
	kan_auto_buf struct kan_buf x = KAN_BUF(VALUE), y = KAN_BUF(VALUE);
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

int kan_deltas_of(struct kan_delta out[KAN_DELTAS], size_t *n, const struct kan_view *v,
		  struct kan_arena *a)
{
	bool deleted = strcmp(kan_json_str(v->row, "change"), "deleted") == 0;
	const json_t *const side[2] = {json_object_get(v->row, "below"), deleted ? NULL : v->row};
	bool good = true;
	*n = 0;
	for (size_t i = 0; good && i < sizeof facts / sizeof *facts; i++)
		good = add(out, n, i, side, a);
	return good && add_xattrs(out, n, side, a) ? 0 : -1;
}
