/* Who committed this bundle: the same words as the commit returned, read back from the chain. */
#include "custody/receipt.h"

#include "base/tree.h"
#include "custody/bag.h"
#include "custody/chain.h"
#include "custody/files.h"
#include "custody/lookup.h"
#include "custody/refs.h"
#include "custody/write.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 4000000 };

struct lookup {
	char seal[KAN_SHA256_HEX];
	const struct kan_custody *c;
	struct kan_receipt *out;
};

static int open_dir(int *fd, const char *path, struct kan_err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

/* 1, or 0: it is not sealed. */
static int seal_of(char seal[KAN_SHA256_HEX], const char *bundle_dir, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_close int dir = -1;

	if (open_dir(&dir, bundle_dir, err) < 0)
		return -1;
	if (kan_files_read(&text, dir, KAN_BAG_TAGMANIFEST, err) < 0)
		return err->code == KAN_ENOTFOUND ? 0 : -1;
	kan_sha256_hex(seal, kan_buf_bytes(&text));
	return 1;
}

static enum kan_tree_next plain(const struct kan_tree_entry *e, void *arg)
{
	bool *special = arg;

	*special |= !S_ISDIR(e->st->stx_mode) && !S_ISREG(e->st->stx_mode);
	return *special ? KAN_TREE_STOP : KAN_TREE_GO;
}

static void unread(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	(void)path;
	(void)err;
	*(bool *)arg = true;
}

/* libgit2 opens what is called like a pack: a FIFO would hold it for ever, a link lead it away. */
static int plain_objects(const char *objects, struct kan_err *err)
{
	bool special = false;
	struct kan_tree_walk walk = {
		.max_entries = ENTRIES_MAX, .fn = plain, .problem = unread, .arg = &special};
	kan_auto_close int fd = -1;

	if (open_dir(&fd, objects, err) < 0 || kan_tree_walk(&walk, fd, err) < 0)
		return -1;
	return special ? kan_fail(err, KAN_ETAMPER,
				  "%s: a link, a special file or an unreadable one", objects)
		       : 0;
}

static int match(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct lookup *l = arg;
	const struct kan_event *e = item->event;

	(void)err;
	if ((strcmp(e->type, "collect") != 0 && strcmp(e->type, "import") != 0) ||
	    strcmp(e->seal, l->seal) != 0)
		return 0;
	kan_write_receipt(l->out, l->c, item);
	return 1;
}

int kan_custody_look(const char *repo, const char *case_id, kan_look_fn *fn, void *arg,
		     struct kan_err *err)
{
	kan_auto_close int fd = -1;
	kan_auto_git struct kan_git *git = NULL;
	char tip[KAN_GIT_ID] = "", objects[PATH_MAX];

	if (snprintf(objects, sizeof(objects), "%s/objects", repo) >= (int)sizeof(objects))
		return kan_fail(err, KAN_EUSAGE, "%s: path too long", repo);
	if (open_dir(&fd, repo, err) < 0 || kan_refs_main(tip, fd, err) < 0)
		return -1;
	if (!*tip)
		return 0;
	if (plain_objects(objects, err) < 0 || kan_git_open_objects(&git, objects, err) < 0)
		return -1;
	return fn(git, tip, case_id, arg, err);
}

static int find(struct kan_git *git, const char *tip, const char *case_id, void *arg,
		struct kan_err *err)
{
	return kan_chain_each(git, tip, case_id, match, arg, err);
}

int kan_custody_find_receipt(struct kan_receipt *out, const char *repo, const char *bundle_dir,
			     struct kan_err *err)
{
	struct kan_custody c = {.home = {.fd = -1, .repo_fd = -1}};
	struct lookup l = {.c = &c, .out = out};
	int rc = seal_of(l.seal, bundle_dir, err);

	if (rc <= 0)
		return rc;
	if (snprintf(c.home.repo, sizeof(c.home.repo), "%s", repo) >= (int)sizeof(c.home.repo))
		return kan_fail(err, KAN_EUSAGE, "%s: path too long", repo);
	return kan_custody_look(repo, NULL, find, &l, err);
}
