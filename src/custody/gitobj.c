/* Commits and trees by their bytes: stricter than git, for we only ever read what we wrote. */
#include "custody/gitobj.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

enum { PARENTS_MAX = 16, TIME_DIGITS = 12, COMMIT_MAX = 1 << 20 };

void kan_gitobj_commit_free(struct kan_gitobj_commit *c)
{
	kan_buf_free(&c->sig);
	kan_buf_free(&c->payload);
}

void kan_gitobj_tree_free(struct kan_gitobj_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->list[i].name);
	free(t->list);
	*t = (struct kan_gitobj_tree){0};
}

/* The line at the front, without its LF; false: none. */
static bool line_of(struct kan_bytes *line, struct kan_bytes rest)
{
	const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;

	if (!end)
		return false;
	*line = (struct kan_bytes){rest.p, (size_t)(end - rest.p)};
	return true;
}

static void skip(struct kan_bytes *rest, size_t n)
{
	rest->p += n;
	rest->n -= n;
}

/* "<word> <value>\n": value, and past it. */
static bool header(struct kan_bytes *value, struct kan_bytes *rest, const char *word)
{
	struct kan_bytes line;
	size_t n = strlen(word);

	if (!line_of(&line, *rest) || line.n <= n || line.p[n] != ' ' ||
	    !kan_bytes_starts(line, word))
		return false;
	*value = (struct kan_bytes){line.p + n + 1, line.n - n - 1};
	skip(rest, line.n + 1);
	return true;
}

static bool object_id(char out[KAN_GIT_ID], struct kan_bytes v)
{
	if (v.n != KAN_GIT_ID - 1)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return true;
}

static bool seconds(int64_t *out, struct kan_bytes v)
{
	int64_t t = 0;

	if (!v.n || v.n > TIME_DIGITS)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		t = t * 10 + (v.p[i] - '0');
	}
	*out = t;
	return true;
}

static bool person(struct kan_gitobj_person *out, struct kan_bytes v)
{
	static const char zone[] = " +0000";
	const size_t z = sizeof(zone) - 1;
	const uint8_t *lt = v.n ? memchr(v.p, '<', v.n) : NULL;
	const uint8_t *gt = lt ? memchr(lt, '>', v.n - (size_t)(lt - v.p)) : NULL;
	struct kan_bytes tail;

	if (!gt || lt < v.p + 2 || lt[-1] != ' ')
		return false;
	out->name = (struct kan_bytes){v.p, (size_t)(lt - v.p) - 1};
	out->email = (struct kan_bytes){lt + 1, (size_t)(gt - lt) - 1};
	tail = (struct kan_bytes){gt + 1, v.n - (size_t)(gt + 1 - v.p)};
	if (tail.n < z + 2 || tail.p[0] != ' ' || memcmp(tail.p + tail.n - z, zone, z) != 0)
		return false;
	return seconds(&out->time, (struct kan_bytes){tail.p + 1, tail.n - z - 1});
}

/* The signature's lines; a blank in front of each but the first is git's continuation. */
static bool signature(struct kan_gitobj_commit *c, struct kan_bytes *rest)
{
	struct kan_bytes line;

	if (!header(&line, rest, "gpgsig"))
		return true;
	kan_buf_addb(&c->sig, line);
	kan_buf_addc(&c->sig, '\n');
	while (line_of(&line, *rest) && line.n && line.p[0] == ' ') {
		kan_buf_add(&c->sig, line.p + 1, line.n - 1);
		kan_buf_addc(&c->sig, '\n');
		skip(rest, line.n + 1);
	}
	return !c->sig.failed;
}

static bool headers(struct kan_gitobj_commit *c, struct kan_bytes *rest)
{
	struct kan_bytes v;
	char more[KAN_GIT_ID];

	if (!header(&v, rest, "tree") || !object_id(c->tree, v))
		return false;
	while (header(&v, rest, "parent")) {
		if (!object_id(c->parents ? more : c->parent, v) || ++c->parents > PARENTS_MAX)
			return false;
	}
	return header(&v, rest, "author") && person(&c->author, v) &&
	       header(&v, rest, "committer") && person(&c->committer, v);
}

/* The payload has the same headers at the same places, and the same message at its end. */
static void move_views(struct kan_gitobj_commit *c, const uint8_t *from)
{
	c->author.name.p = c->payload.data + (c->author.name.p - from);
	c->author.email.p = c->payload.data + (c->author.email.p - from);
	c->committer.name.p = c->payload.data + (c->committer.name.p - from);
	c->committer.email.p = c->payload.data + (c->committer.email.p - from);
	c->message.p = c->payload.data + c->payload.len - c->message.n;
}

int kan_gitobj_commit_parse(struct kan_gitobj_commit *out, struct kan_bytes bytes,
			    struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {.sig = KAN_BUF(16 << 10),
							 .payload = KAN_BUF(COMMIT_MAX)};
	struct kan_bytes rest = bytes;

	if (!headers(&c, &rest))
		return kan_fail(err, KAN_EFORMAT, "malformed commit");
	kan_buf_add(&c.payload, bytes.p, bytes.n - rest.n);
	if (!signature(&c, &rest) || !rest.n || rest.p[0] != '\n')
		return kan_fail(err, KAN_EFORMAT,
				"malformed commit, or a header that we never write");
	kan_buf_addb(&c.payload, rest);
	c.message.n = rest.n - 1;
	if (c.payload.failed)
		return kan_fail(err, KAN_ELIMIT, "commit larger than %d bytes", COMMIT_MAX);
	move_views(&c, bytes.p);
	*out = c;
	c.sig = c.payload = (struct kan_buf){0};
	return 0;
}

/* git's order: as if a directory's name ended in a slash. */
static int entry_cmp(const struct kan_gitobj_entry *a, const struct kan_gitobj_entry *b)
{
	size_t an = strlen(a->name), bn = strlen(b->name), n = an < bn ? an : bn;
	int d = memcmp(a->name, b->name, n);
	uint8_t ac, bc;

	if (d)
		return d;
	ac = (uint8_t)(an > n ? a->name[n] : a->dir ? '/' : 0);
	bc = (uint8_t)(bn > n ? b->name[n] : b->dir ? '/' : 0);
	return ac - bc;
}

static bool name_ok(struct kan_bytes v)
{
	return v.n && !memchr(v.p, '/', v.n) && !kan_bytes_eq(v, KAN_LIT(".")) &&
	       !kan_bytes_eq(v, KAN_LIT("..")) && !kan_bytes_eq(v, KAN_LIT(".git"));
}

/* "<mode> <name>\0<20 bytes>" */
static bool entry(struct kan_gitobj_entry *e, struct kan_bytes *rest)
{
	const uint8_t *nul = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
	struct kan_bytes head, name;

	if (!nul || rest->n - (size_t)(nul - rest->p) < 21)
		return false;
	head = (struct kan_bytes){rest->p, (size_t)(nul - rest->p)};
	e->dir = kan_bytes_starts(head, "40000 ");
	if (!e->dir && !kan_bytes_starts(head, "100644 "))
		return false;
	name = head;
	skip(&name, e->dir ? 6 : 7);
	if (!name_ok(name))
		return false;
	kan_hex(e->id, (struct kan_bytes){nul + 1, 20});
	e->name = kan_xalloc(name.n + 1);
	memcpy(e->name, name.p, name.n);
	skip(rest, head.n + 21);
	return true;
}

static int by_entry(const void *a, const void *b)
{
	return entry_cmp(a, b);
}

/* A name is a file and a directory at once: "a", "a.b", "a/" are in git's order, and git fsck
 * refuses them. Whoever asks for "a" would be told of one alone. */
static bool named_twice(const struct kan_gitobj_tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct kan_gitobj_entry file = {.name = t->list[i].name};

		if (t->list[i].dir && bsearch(&file, t->list, t->n, sizeof(file), by_entry))
			return true;
	}
	return false;
}

int kan_gitobj_tree_parse(struct kan_gitobj_tree *out, struct kan_bytes bytes, struct kan_err *err)
{
	kan_auto_gittree struct kan_gitobj_tree t = {0};
	size_t cap = 0;

	while (bytes.n) {
		if (t.n == cap) {
			cap = cap ? 2 * cap : 16;
			t.list = kan_xrealloc(t.list, cap, sizeof(*t.list));
		}
		if (!entry(&t.list[t.n], &bytes))
			return kan_fail(err, KAN_EFORMAT,
					"malformed tree, or a kind of entry that we never write");
		t.n++;
		if (t.n > 1 && (entry_cmp(&t.list[t.n - 2], &t.list[t.n - 1]) >= 0 ||
				strcmp(t.list[t.n - 2].name, t.list[t.n - 1].name) == 0))
			return kan_fail(err, KAN_EFORMAT, "tree is not sorted");
	}
	if (named_twice(&t))
		return kan_fail(err, KAN_EFORMAT, "tree has a name twice");
	*out = t;
	memset(&t, 0, sizeof(t));
	return 0;
}

const struct kan_gitobj_entry *kan_gitobj_find(const struct kan_gitobj_tree *t, const char *name)
{
	kan_auto_free char *copy = kan_xstrdup(name);
	struct kan_gitobj_entry want = {.name = copy};
	const struct kan_gitobj_entry *e = NULL;

	for (int dir = 0; dir < 2 && t->n && !e; dir++) {
		want.dir = dir;
		e = bsearch(&want, t->list, t->n, sizeof(*t->list), by_entry);
	}
	return e;
}

int kan_gitobj_read_commit(struct kan_gitobj_commit *out, struct kan_git *g, const char *id,
			   struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(COMMIT_MAX);

	if (kan_git_read(&raw, g, id, KAN_GIT_COMMIT, err) < 0)
		return -1;
	if (kan_gitobj_commit_parse(out, kan_buf_bytes(&raw), err) < 0)
		return kan_wrap(err, "%s", id);
	return 0;
}

int kan_gitobj_read_tree(struct kan_gitobj_tree *out, struct kan_git *g, const char *id,
			 struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_GIT_OBJECT_MAX);

	if (kan_git_read(&raw, g, id, KAN_GIT_TREE, err) < 0)
		return -1;
	if (kan_gitobj_tree_parse(out, kan_buf_bytes(&raw), err) < 0)
		return kan_wrap(err, "%s", id);
	return 0;
}

int kan_gitobj_walk(char id[KAN_GIT_ID], bool *dir, struct kan_git *g, const char *tree,
		    const char *path, struct kan_err *err)
{
	char at[KAN_GIT_ID];
	bool is_dir = true;

	memcpy(at, tree, KAN_GIT_ID);
	while (*path) {
		kan_auto_gittree struct kan_gitobj_tree t = {0};
		const struct kan_gitobj_entry *e = NULL;
		size_t n = strcspn(path, "/");

		if (!is_dir)
			return 0;
		if (kan_gitobj_read_tree(&t, g, at, err) < 0)
			return -1;
		for (size_t i = 0; i < t.n && !e; i++)
			if (strlen(t.list[i].name) == n && memcmp(t.list[i].name, path, n) == 0)
				e = &t.list[i];
		if (!e)
			return 0;
		memcpy(at, e->id, KAN_GIT_ID);
		is_dir = e->dir;
		path += n + (path[n] == '/');
	}
	memcpy(id, at, KAN_GIT_ID);
	*dir = is_dir;
	return 1;
}
