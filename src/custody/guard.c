/* The backend of libgit2 that looks at loose objects before libgit2 does. */
#include "custody/guard.h"

#include "base/deflated.h"
#include "base/file.h"
#include "custody/git.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_PRIORITY = 1000, SIZE_DIGITS = 12 };

/*
 * libgit2 (1.5) reads a loose object that ends before its end for ever, and writes behind its
 * buffer when one is longer than its header says. Asked before all others, this backend looks at
 * it, whoever in libgit2 wants it. It never has an object itself.
 */
struct guard {
	git_odb_backend base;
	char *objects;                /* directory */
	char seen[GIT_OID_HEXSZ + 1]; /* found good for its header: the object is asked for next */
};

enum look { GOOD, LARGE, BAD };

/* "<type> <size>\0", and as many octets behind it; nothing else that libgit2 would try. */
static enum look look_at(struct kan_bytes packed)
{
	static const char *const types[] = {"commit ", "tree ", "blob ", "tag "};
	struct kan_zlib_seen seen;
	bool whole = kan_zlib_look(&seen, packed, KAN_GIT_OBJECT_MAX + KAN_ZLIB_HEAD);
	const uint8_t *nul = whole ? memchr(seen.head, 0, seen.n_head) : NULL;
	struct kan_bytes head = {seen.head, nul ? (size_t)(nul - seen.head) : 0};
	uint64_t size = 0;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (kan_bytes_starts(head, types[i]))
			at = strlen(types[i]);
	if (!at || at == head.n || head.n - at > SIZE_DIGITS)
		return BAD;
	for (; at < head.n; at++) {
		if (head.p[at] < '0' || head.p[at] > '9')
			return BAD;
		size = size * 10 + (uint64_t)(head.p[at] - '0');
	}
	if (size > KAN_GIT_OBJECT_MAX)
		return LARGE;
	return seen.octets == head.n + 1 + size ? GOOD : BAD;
}

static enum look look(const char *objects, const char *id)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH_MAX), packed = KAN_BUF(KAN_GIT_LOOSE_MAX);
	struct kan_err why = {0};

	kan_buf_addf(&path, "%s/%.2s/%s", objects, id, id + 2);
	if (path.failed)
		return BAD;
	if (kan_read_file(&packed, AT_FDCWD, kan_buf_str(&path), &why) < 0)
		return why.sys == ENOENT ? GOOD : BAD; /* none, or packed */
	return look_at(kan_buf_bytes(&packed));
}

/* A header that says it is too large is let through: our reader tells so by it. */
static int ask(git_odb_backend *backend, const git_oid *oid, bool header)
{
	struct guard *g = (struct guard *)backend;
	char id[GIT_OID_HEXSZ + 1];
	enum look found;

	git_oid_tostr(id, sizeof(id), oid);
	if (strcmp(id, g->seen) == 0)
		return GIT_ENOTFOUND;
	found = look(g->objects, id);
	if (found == BAD || (found == LARGE && !header)) {
		git_error_set_str(GIT_ERROR_ODB,
				  "object was altered: it is cut off, too large, or none");
		return GIT_EMISMATCH;
	}
	if (found == GOOD)
		memcpy(g->seen, id, sizeof(id));
	return GIT_ENOTFOUND;
}

static int guard_header(size_t *size, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	(void)size;
	(void)type;
	return ask(b, oid, true);
}

static int guard_read(void **data, size_t *size, git_object_t *type, git_odb_backend *b,
		      const git_oid *oid)
{
	(void)data;
	(void)size;
	(void)type;
	return ask(b, oid, false);
}

static void guard_free(git_odb_backend *b)
{
	struct guard *g = (struct guard *)b;

	free(g->objects);
	free(g);
}

int kan_git_guard(git_odb *odb, const char *objects)
{
	struct guard *g = kan_xalloc(sizeof(*g));
	int rc = git_odb_init_backend(&g->base, GIT_ODB_BACKEND_VERSION);

	g->objects = kan_xstrdup(objects);
	g->base.read = guard_read;
	g->base.read_header = guard_header;
	g->base.free = guard_free;
	if (!rc)
		rc = git_odb_add_backend(odb, &g->base, GUARD_PRIORITY);
	if (rc < 0)
		guard_free(&g->base);
	return rc;
}
