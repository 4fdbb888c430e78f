/* OCI image-spec layer.md: names as they stand in tars of layers, and the marks among them. */
#include "image/layername.h"

#include <string.h>

static const char wh[] = ".wh.", opaque[] = ".wh..wh..opq";
enum { WH = sizeof(wh) - 1 };

static bool is(struct kan_bytes name, const char *word)
{
	return kan_bytes_eq(name, kan_bytes_of(word));
}

static bool clean(struct kan_buf *path, struct kan_bytes member)
{
	while (member.n) {
		const uint8_t *slash = memchr(member.p, '/', member.n);
		struct kan_bytes name = {member.p, slash ? (size_t)(slash - member.p) : member.n};
		size_t used = name.n + (slash != NULL);
		member.p += used;
		member.n -= used;
		if (name.n == 0 || is(name, "."))
			continue;
		if (is(name, "..") || memchr(name.p, 0, name.n))
			return false;
		kan_buf_addc(path, '/');
		kan_buf_addb(path, name);
	}
	if (path->len == 0)
		kan_buf_addc(path, '/');
	return !path->failed;
}

struct kan_bytes kan_layer_above(struct kan_bytes path)
{
	const uint8_t *slash = path.n > 1 ? memrchr(path.p, '/', path.n) : NULL;
	if (!slash)
		return (struct kan_bytes){0};
	return (struct kan_bytes){path.p, slash == path.p ? 1 : (size_t)(slash - path.p)};
}

struct kan_bytes kan_layer_last(struct kan_bytes path)
{
	const uint8_t *slash = path.n > 1 ? memrchr(path.p, '/', path.n) : NULL;
	size_t at = slash ? (size_t)(slash - path.p) + 1 : 0;
	return (struct kan_bytes){path.p + at, path.n - at};
}

struct kan_bytes kan_layer_next(struct kan_bytes *path)
{
	while (path->n && *path->p == '/')
		*path = (struct kan_bytes){path->p + 1, path->n - 1};
	const uint8_t *slash = path->n ? memchr(path->p, '/', path->n) : NULL;
	struct kan_bytes name = {path->p, slash ? (size_t)(slash - path->p) : path->n};
	*path = (struct kan_bytes){path->p + name.n, path->n - name.n};
	return name;
}

bool kan_layer_path(struct kan_buf *path, struct kan_bytes member)
{
	kan_buf_reset(path);
	return clean(path, member);
}

static void cut(struct kan_buf *path, size_t n)
{
	path->len = n;
	path->data[n] = 0;
}

/* Its own files at the root of a layer, which no engine unpacks: ".wh..wh.plnk/..." */
static bool is_aufs(const struct kan_buf *path)
{
	static const char own[] = "/.wh..wh.";
	struct kan_bytes rest = kan_buf_bytes(path);
	return kan_bytes_starts(rest, own) && !kan_bytes_eq(rest, KAN_LIT("/.wh..wh..opq"));
}

enum kan_layer_name kan_layer_name(struct kan_buf *path, struct kan_bytes member)
{
	kan_buf_reset(path);
	if (!clean(path, member))
		return KAN_LAYER_NAME_BAD;
	if (is_aufs(path))
		return KAN_LAYER_NAME_AUFS;
	const uint8_t *slash = memrchr(path->data, '/', path->len);
	size_t at = (size_t)(slash - path->data) + 1, n = path->len - at;
	if (n < WH || memcmp(path->data + at, wh, WH) != 0)
		return KAN_LAYER_NAME_ENTRY;
	if (is((struct kan_bytes){path->data + at, n}, opaque)) {
		cut(path, at > 1 ? at - 1 : 1);
		return KAN_LAYER_NAME_OPAQUE;
	}
	/* Of nothing, of the directory itself and of the one above. */
	struct kan_bytes of = {path->data + at + WH, n - WH};
	if (of.n == 0 || is(of, ".") || is(of, ".."))
		return KAN_LAYER_NAME_BAD;
	memmove(path->data + at, path->data + at + WH, n - WH);
	cut(path, path->len - WH);
	return KAN_LAYER_NAME_WHITEOUT;
}
