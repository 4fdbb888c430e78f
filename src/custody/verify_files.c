/* The repository as files: nothing in it may lead a reader elsewhere, and main is its only ref. */
#include "custody/verify.h"

#include "base/tree.h"
#include "custody/files.h"
#include "custody/refs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 4000000, SHOWN = 200 };

/* Each of them makes git read other objects or another history than what lies here. */
static const char *const leads_away[] = {
	"objects/info/alternates",
	"objects/info/http-alternates",
	"commondir",
	"info/grafts",
	"shallow",
	"gitdir",
};

static bool ends_with(struct kan_bytes v, const char *tail)
{
	size_t n = strlen(tail);

	return v.n >= n && memcmp(v.p + v.n - n, tail, n) == 0;
}

/* Names in the walk are anybody's bytes: what is told of them is cut and left to the printer to
 * escape. */
static void text_of(char out[SHOWN], struct kan_bytes v)
{
	snprintf(out, SHOWN, "%.*s", (int)(v.n < SHOWN ? v.n : SHOWN - 1), (const char *)v.p);
}

static void check_regular(struct kan_verify *v, struct kan_bytes path)
{
	char name[SHOWN];

	text_of(name, path);
	for (size_t i = 0; i < sizeof(leads_away) / sizeof(leads_away[0]); i++)
		if (kan_bytes_eq(path, kan_bytes_of(leads_away[i])))
			kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, name,
					"makes git read another history than the one that is here");
	/* git never takes a name in .lock for a ref: a crashed writer leaves one. */
	if (kan_bytes_starts(path, "refs/") && !kan_bytes_eq(path, KAN_LIT(KAN_GIT_BRANCH)) &&
	    !ends_with(path, ".lock"))
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, name, "a second ref");
}

static enum kan_tree_next entry(const struct kan_tree_entry *e, void *arg)
{
	struct kan_verify *v = arg;
	struct kan_bytes path = {e->path.p + 1, e->path.n - 1};
	char name[SHOWN];

	if (S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	if (S_ISREG(e->st->stx_mode)) {
		check_regular(v, path);
		return KAN_TREE_GO;
	}
	text_of(name, path);
	v->unsafe = true;
	kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, name, "%s",
			S_ISLNK(e->st->stx_mode) ? "a link" : "a special file");
	return KAN_TREE_GO;
}

static void problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct kan_verify *v = arg;
	char name[SHOWN];

	text_of(name, path);
	kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_GENERAL, name, "%s", err->text);
}

static bool plain_branch(struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= 'a' && v.p[i] <= 'z') || (v.p[i] >= 'A' && v.p[i] <= 'Z') ||
		      (v.p[i] >= '0' && v.p[i] <= '9') || v.p[i] == '-' || v.p[i] == '_'))
			return false;
	return v.n > 0;
}

/* A bare repository that somebody made for our pushes may have another word there: it leads
 * nowhere, for there is no second ref. */
static void check_head(struct kan_verify *v)
{
	static const char head[] = "ref: refs/heads/";
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	struct kan_err err = {0};
	struct kan_bytes name;

	if (kan_files_read(&text, v->repo_fd, "HEAD", &err) < 0) {
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, "HEAD", "%s", err.text);
		return;
	}
	name = kan_buf_bytes(&text);
	if (kan_bytes_eq(name, KAN_LIT("ref: " KAN_GIT_BRANCH "\n")))
		return;
	if (kan_bytes_starts(name, head) && name.n > sizeof(head) && name.p[name.n - 1] == '\n' &&
	    plain_branch((struct kan_bytes){name.p + sizeof(head) - 1, name.n - sizeof(head)}))
		kan_verify_skip(v, KAN_VERIFY_REPO, "HEAD",
				"does not name main: clone it with --branch main");
	else
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, "HEAD",
				"does not name main");
}

static void packed_ref(const char *id, struct kan_bytes name, void *arg)
{
	struct kan_verify *v = arg;
	char shown[SHOWN];

	if (kan_bytes_eq(name, KAN_LIT(KAN_GIT_BRANCH))) {
		memcpy(v->tip, id, KAN_GIT_ID);
		return;
	}
	text_of(shown, name);
	kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, "packed-refs", "a second ref: %s",
			shown);
}

/* A loose ref goes before a packed one, as in git. */
static void read_tip(struct kan_verify *v)
{
	kan_auto_buf struct kan_buf packed = KAN_BUF(KAN_REFS_PACKED_MAX);
	kan_auto_buf struct kan_buf loose = KAN_BUF(4096);
	struct kan_err err = {0};
	int rc = kan_files_read(&packed, v->repo_fd, "packed-refs", &err);

	if (!rc)
		rc = kan_refs_packed(kan_buf_bytes(&packed), packed_ref, v, &err);
	if (rc < 0 && err.code != KAN_ENOTFOUND)
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, "packed-refs", "%s",
				err.text);
	err = (struct kan_err){0};
	if (!kan_files_read(&loose, v->repo_fd, KAN_GIT_BRANCH, &err)) {
		if (!kan_refs_id(v->tip, kan_buf_bytes(&loose)))
			kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, KAN_GIT_BRANCH,
					"not the id of a commit");
	} else if (err.code != KAN_ENOTFOUND) {
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, KAN_GIT_BRANCH, "%s",
				err.text);
	}
	if (!*v->tip)
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_MISSING, KAN_GIT_BRANCH,
				"main has no commit");
}

void kan_verify_files(struct kan_verify *v)
{
	struct kan_tree_walk walk = {.max_entries = ENTRIES_MAX,
				     .fn = entry,
				     .problem = problem,
				     .arg = v,
				     .sorted = true};
	struct kan_err err = {0};

	if (kan_tree_walk(&walk, v->repo_fd, &err) < 0)
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_GENERAL, "", "%s", err.text);
	check_head(v);
	read_tip(v);
}
