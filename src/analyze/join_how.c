/* How a change came about, and the image's digest where the collector did not compute it. */
#include <string.h>

#include "analyze/join.h"
#include "base/row.h"

enum { JOIN_PATH = 128 << 10 };

static bool is_dir(const json_t *row)
{
	return strcmp(kan_json_str(row, "type"), "dir") == 0;
}

/* The kernel looks further down under another name: of a directory, or of a file's data. */
static bool redirected(struct kan_buf *from, const json_t *row, struct kan_bytes path)
{
	struct kan_err ignored = {0};
	kan_auto_buf struct kan_buf to = KAN_BUF(JOIN_PATH);
	if ((!is_dir(row) && !json_is_true(json_object_get(row, "metacopy"))) ||
	    kan_json_bytes(&to, row, "redirect", &ignored) < 0 || !to.len)
		return false;
	if (to.data[0] != '/') {
		const uint8_t *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
		kan_buf_add(from, path.p, slash ? (size_t)(slash - path.p) + 1 : 0);
	}
	kan_buf_addb(from, kan_buf_bytes(&to));
	return !kan_bytes_eq(kan_buf_bytes(from), path);
}

static bool has_second_name(const json_t *row)
{
	return json_object_get(row, "hardlink_to") ||
	       (!is_dir(row) && kan_get_int(row, "nlink", 1) > 1);
}

static bool is_name_of(const struct kan_origin *o, struct kan_bytes path)
{
	for (size_t i = 0; o && i < o->n_names; i++)
		if (kan_bytes_eq(o->names[i], path))
			return true;
	return false;
}

/* "edited" or "renamed" when the baseline has the inode; else "unknown". */
static const char *by_origin(struct kan_buf *from, const struct kan_origin *o,
			     struct kan_bytes path, bool has_below)
{
	if (has_below && is_name_of(o, path))
		return "edited";
	for (size_t i = 0; o && i < o->n_names; i++) {
		if (kan_bytes_eq(o->names[i], path))
			continue;
		kan_buf_addb(from, o->names[i]);
		return "renamed";
	}
	return "unknown";
}

/* Something else took the name, where the kernel would have told an origin otherwise. */
static const char *without_origin(const json_t *row, const struct kan_facts *f)
{
	const json_t *below = json_object_get(row, "below");
	if (!below)
		return NULL;
	if (json_is_true(json_object_get(row, "type_changed")))
		return "replaced";
	bool new_inode = is_dir(row) ? strcmp(kan_json_str(row, "opaque"), "y") == 0
				     : kan_get_int(below, "nlink", 0) == 1;
	return new_inode && !f->no_origins ? "replaced" : "unknown";
}

/* lower: the path that its layer has it at. */
static const char *how_of(struct kan_buf *from, const json_t *row, struct kan_bytes path,
			  struct kan_bytes lower, const struct kan_facts *f)
{
	uint64_t ino = kan_get_dec(row, "origin_ino");
	const struct kan_origin *origin = ino ? kan_facts_origin(f, ino) : NULL;
	bool below = json_object_get(row, "below") != NULL, moved = redirected(from, row, path);
	/* A second name shares the inode, and with it the origin and the redirect: neither says
	 * that this name was another. */
	if (has_second_name(row))
		return below && !moved && is_name_of(origin, lower) ? "edited" : "linked";
	if (moved)
		return "renamed";
	kan_buf_reset(from);
	return ino ? by_origin(from, origin, lower, below) : without_origin(row, f);
}

static void join_digest(json_t *extra, const json_t *row, struct kan_bytes lower,
			const struct kan_facts *f)
{
	const json_t *below = json_object_get(row, "below");
	json_t *own = json_object_get(below, "sha256");
	if (own)
		json_object_set(extra, "below.sha256", own);
	if (own || strcmp(kan_json_str(below, "type"), "file") != 0)
		return;
	const char *sha = kan_facts_lower_sha256(f, kan_get_int(below, "layer", -1), lower);
	json_object_set_new(extra, "below.sha256", *sha ? json_string(sha) : json_null());
}

void kan_join_how(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	const char *change = kan_json_str(row, "change");
	struct kan_err ignored = {0};
	kan_auto_buf struct kan_buf path = KAN_BUF(JOIN_PATH), from = KAN_BUF(2 * JOIN_PATH);
	kan_auto_buf struct kan_buf scratch = KAN_BUF(JOIN_PATH);
	if (kan_json_bytes(&path, row, "path", &ignored) < 0)
		kan_buf_reset(&path);
	struct kan_bytes lower = kan_facts_lower_path(row, kan_buf_bytes(&path), &scratch);
	join_digest(extra, row, lower, f);
	if (strcmp(change, "deleted") == 0 || strcmp(change, "parent") == 0 ||
	    strcmp(change, "engine") == 0)
		return;
	const char *how = how_of(&from, row, kan_buf_bytes(&path), lower, f);
	if (!how)
		return;
	json_object_set_new(extra, "how", json_string(how));
	if (strcmp(how, "renamed") == 0)
		kan_json_set_bytes(extra, "from", kan_buf_bytes(&from));
}
