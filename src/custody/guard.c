/* The backend of libgit2 that reads loose objects in the place of libgit2's own. */
#include "custody/guard.h"

#include "base/deflated.h"
#include "base/file.h"
#include "custody/files.h"
#include "custody/git.h"

#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUARD_PRIORITY = 1000, SIZE_DIGITS = 12, HEAD_OCTETS = 64 };

/* What one file of an object has: "<type> <size>\0", and as many octets behind it. */
struct loose {
	struct kan_buf octets;
	size_t head; /* of them, with its NUL */
	size_t size;
	git_object_t type;
};

/*
 * libgit2 (1.5) reads a loose object that ends before its end for ever, writes behind its buffer
 * when one is longer than its header says, and opens whatever has its name. Asked before all
 * others, this backend gives it, whoever in libgit2 wants it, out of one reading of the file: the
 * header is asked for first. That the octets are those of the id is libgit2's to check.
 */
struct guard {
	git_odb_backend base;
	int objects;                  /* directory */
	char held[GIT_OID_HEXSZ + 1]; /* id of what is in loose; "" when nothing is */
	struct loose loose;
};

enum look { GOOD, LARGE, BAD, NONE };

static enum look parse(struct loose *o, bool whole)
{
	static const struct {
		const char *word;
		git_object_t type;
	} types[] = {{"commit ", GIT_OBJECT_COMMIT},
		     {"tree ", GIT_OBJECT_TREE},
		     {"blob ", GIT_OBJECT_BLOB},
		     {"tag ", GIT_OBJECT_TAG}};
	struct kan_bytes all = kan_buf_bytes(&o->octets);
	size_t n = all.n < HEAD_OCTETS ? all.n : HEAD_OCTETS, at = 0;
	const uint8_t *nul = n ? memchr(all.p, 0, n) : NULL;
	size_t end = nul ? (size_t)(nul - all.p) : 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (kan_bytes_starts((struct kan_bytes){all.p, end}, types[i].word)) {
			at = strlen(types[i].word);
			o->type = types[i].type;
		}
	if (!at || at == end || end - at > SIZE_DIGITS)
		return BAD;
	o->head = end + 1;
	o->size = 0;
	for (; at < end; at++) {
		if (all.p[at] < '0' || all.p[at] > '9')
			return BAD;
		o->size = o->size * 10 + (size_t)(all.p[at] - '0');
	}
	if (o->size > KAN_GIT_OBJECT_MAX)
		return LARGE;
	return whole && all.n - o->head == o->size ? GOOD : BAD;
}

static enum look look(struct guard *g, const char *id)
{
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_GIT_LOOSE_MAX);
	char path[GIT_OID_HEXSZ + 2];
	struct kan_err why = {0};
	bool whole;

	snprintf(path, sizeof(path), "%.2s/%s", id, id + 2);
	if (kan_files_read(&packed, g->objects, path, &why) < 0)
		return why.code == KAN_ENOTFOUND ? NONE : BAD; /* none, or packed */
	whole = kan_zlib_take(&g->loose.octets, kan_buf_bytes(&packed));
	return parse(&g->loose, whole);
}

static void drop(struct guard *g)
{
	kan_buf_free(&g->loose.octets);
	g->loose = (struct loose){.octets = KAN_BUF(KAN_GIT_OBJECT_MAX + HEAD_OCTETS)};
	g->held[0] = 0;
}

/* A header that says it is too large is let through: our reader tells so by it. */
static int ask(struct guard *g, const git_oid *oid, bool header)
{
	char id[GIT_OID_HEXSZ + 1];
	enum look found;

	git_oid_tostr(id, sizeof(id), oid);
	if (strcmp(id, g->held) == 0)
		return 0;
	drop(g);
	found = look(g, id);
	if (found == NONE)
		return GIT_ENOTFOUND;
	if (found == BAD || (found == LARGE && !header)) {
		git_error_set_str(GIT_ERROR_ODB,
				  "object was altered: it is cut off, too large, or none");
		return GIT_EMISMATCH;
	}
	if (found == GOOD)
		memcpy(g->held, id, sizeof(id));
	return 0;
}

static int guard_header(size_t *size, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	struct guard *g = (struct guard *)b;
	int rc = ask(g, oid, true);

	if (rc < 0)
		return rc;
	*size = g->loose.size;
	*type = g->loose.type;
	return 0;
}

static int guard_read(void **data, size_t *size, git_object_t *type, git_odb_backend *b,
		      const git_oid *oid)
{
	struct guard *g = (struct guard *)b;
	int rc = ask(g, oid, false);

	if (rc < 0)
		return rc;
	/* libgit2's own objects end in a NUL that is not counted. */
	*data = git_odb_backend_data_alloc(b, g->loose.size + 1);
	if (!*data)
		return GIT_ERROR;
	memcpy(*data, g->loose.octets.data + g->loose.head, g->loose.size);
	((char *)*data)[g->loose.size] = 0;
	*size = g->loose.size;
	*type = g->loose.type;
	drop(g); /* it may be large */
	return 0;
}

static void guard_free(git_odb_backend *b)
{
	struct guard *g = (struct guard *)b;

	kan_buf_free(&g->loose.octets);
	if (g->objects >= 0)
		close(g->objects);
	free(g);
}

int kan_git_guard(git_odb *odb, const char *objects)
{
	struct guard *g = kan_xalloc(sizeof(*g));
	int rc = git_odb_init_backend(&g->base, GIT_ODB_BACKEND_VERSION);

	drop(g);
	g->objects = open(objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc && g->objects < 0) {
		git_error_set_str(GIT_ERROR_ODB, "objects: not a directory that can be read");
		rc = GIT_ENOTFOUND;
	}
	g->base.read = guard_read;
	g->base.read_header = guard_header;
	g->base.free = guard_free;
	if (!rc)
		rc = git_odb_add_backend(odb, &g->base, GUARD_PRIORITY);
	if (rc < 0)
		guard_free(&g->base);
	return rc;
}
