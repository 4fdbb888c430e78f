/* verify of a repository: the order of its checks, and what each of them is called. */
#include "custody/verify.h"

#include "custody/bag.h"
#include "custody/files.h"
#include "custody/tombstone.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Somebody else's tool for each check, run in a fresh clone but for the first. */
static const struct {
	const char *name, *third_party;
} checks[KAN_VERIFY_IDS] = {
	[KAN_VERIFY_REPO] = {"repo",
			     "GIT_LFS_SKIP_SMUDGE=1 git clone --no-local file://REPO v && cd v"
			     " && git rev-parse --is-shallow-repository"},
	[KAN_VERIFY_OBJECTS] = {"objects", "git fsck --full --strict"},
	[KAN_VERIFY_HISTORY] = {"history", "git log --diff-filter=MDRT --format=%H"},
	[KAN_VERIFY_EVENTS] = {"events", "cd cases/CASE/events && diff <(sha256sum * | cut -c1-64 |"
					 " head -n -1) <(jq -r .prev * | tail -n +2)"},
	[KAN_VERIFY_COMMITS] = {"commits", "git rev-list main | xargs -n1 git -c gpg.format=ssh -c"
					   " gpg.ssh.allowedSignersFile=ALLOWED verify-commit"},
	[KAN_VERIFY_SIGNERS] = {"signers", "git -c gpg.format=ssh -c"
					   " gpg.ssh.allowedSignersFile=ALLOWED log"
					   " --format='%H %G? %GS %ce' main"},
	[KAN_VERIFY_SIGNATURE] = {"signature",
				  "ssh-keygen -Y verify -f ALLOWED -I WHO -n file -s"
				  " seal/tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt"},
	[KAN_VERIFY_CMS] = {"cms", "openssl cms -verify -binary -inform DER -in"
				   " seal/tagmanifest-sha256.txt.p7s -content"
				   " tagmanifest-sha256.txt -CAfile CA -out /dev/null"},
	[KAN_VERIFY_TIMESTAMP] = {"timestamp",
				  "openssl ts -verify -data FILE -in FILE.tsr -CAfile CA -attime"
				  " GENTIME"},
	[KAN_VERIFY_POINTERS] = {"pointers", "git -c lfs.url=file://REPO lfs fetch --all &&"
					     " git -c lfs.fetchexclude= lfs fsck --dry-run main"},
	[KAN_VERIFY_STORE] = {"store", "cd .git/lfs/objects && find . -type f -printf '%f  %p\\n' |"
				       " sha256sum -c --quiet"},
	[KAN_VERIFY_REMOTE] = {"remote", "git ls-remote REMOTE main"},
	[KAN_VERIFY_ANCHORS] = {"anchors", "git ls-remote REMOTE main"},
};

static void tell(struct kan_verify *v, enum kan_verify_id id, struct kan_check *c)
{
	c->name = checks[id].name;
	c->third_party = checks[id].third_party;
	v->fn(c, v->arg);
}

static void told(struct kan_verify *v, enum kan_verify_id id, struct kan_check *c)
{
	if (v->told[id] >= KAN_VERIFY_TOLD) {
		v->silent[id]++;
		v->silent_failed[id] |= c->result == KAN_CHECK_FAILED;
		return;
	}
	v->told[id]++;
	tell(v, id, c);
}

void kan_verify_fail(struct kan_verify *v, enum kan_verify_id id, enum kan_check_kind kind,
		     const char *path, const char *fmt, ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check c = {
		.result = KAN_CHECK_FAILED, .kind = kind, .path = path, .detail = text};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	told(v, id, &c);
}

void kan_verify_skip(struct kan_verify *v, enum kan_verify_id id, const char *path, const char *fmt,
		     ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check c = {.result = KAN_CHECK_NOT_DONE,
			      .kind = KAN_CHECK_GENERAL,
			      .path = path,
			      .detail = text};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	told(v, id, &c);
}

void kan_verify_done(struct kan_verify *v, enum kan_verify_id id, const char *fmt, ...)
{
	char text[KAN_ERR_TEXT];
	struct kan_check c = {
		.result = KAN_CHECK_OK, .kind = KAN_CHECK_GENERAL, .path = "", .detail = text};
	va_list ap;

	if (v->ended[id])
		return;
	v->ended[id] = true;
	if (v->silent[id]) {
		c.result = v->silent_failed[id] ? KAN_CHECK_FAILED : KAN_CHECK_NOT_DONE;
		snprintf(text, sizeof(text), "and %u more", v->silent[id]);
		tell(v, id, &c);
	} else if (!v->told[id]) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		tell(v, id, &c);
	}
}

bool kan_verify_tree_more(struct kan_verify *v)
{
	return ++v->trees <= KAN_VERIFY_TREES;
}

bool kan_verify_was_read(struct kan_verify *v, const char *id)
{
	char slot[4] = "", *seen;

	if (!v->read)
		v->read = kan_xalloc(KAN_VERIFY_READ * sizeof(*v->read));
	memcpy(slot, id, 3);
	seen = v->read[strtoul(slot, NULL, 16) % KAN_VERIFY_READ];
	if (strcmp(seen, id) == 0)
		return true;
	memcpy(seen, id, KAN_GIT_ID);
	return false;
}

void kan_verify_bad_object(struct kan_verify *v, const char *id, const char *path,
			   const struct kan_err *why)
{
	for (unsigned i = 0; i < v->n_bad; i++)
		if (strcmp(v->bad[i], id) == 0)
			return;
	if (v->n_bad < KAN_VERIFY_TOLD)
		memcpy(v->bad[v->n_bad++], id, KAN_GIT_ID);
	kan_verify_fail(v, KAN_VERIFY_OBJECTS,
			why->code == KAN_ENOTFOUND ? KAN_CHECK_MISSING : KAN_CHECK_ALTERED, path,
			"%s", why->text);
}

/* What cannot be asked is said, check by check: silence would read as a pass. */
static void skip_rest(struct kan_verify *v, const char *why)
{
	for (int id = KAN_VERIFY_OBJECTS; id < KAN_VERIFY_REMOTE; id++)
		kan_verify_skip(v, (enum kan_verify_id)id, "", "%s", why);
}

static void check_objects(struct kan_verify *v, const char *repo)
{
	char path[KAN_VERIFY_PATH];
	struct kan_err err = {0};

	if (v->unsafe || !*v->tip) {
		skip_rest(v, v->unsafe ? "not read: the repository has links or special files"
				       : "there is no commit to read");
		return;
	}
	if (snprintf(path, sizeof(path), "%s/objects", repo) >= (int)sizeof(path) ||
	    kan_git_open_objects(&v->git, path, &err) < 0) {
		kan_verify_fail(v, KAN_VERIFY_OBJECTS, KAN_CHECK_GENERAL, "objects", "%s",
				err.text);
		return;
	}
	kan_verify_tree(v);
	kan_verify_stamps(v);
	kan_verify_history(v);
	kan_verify_seals(v);
	kan_verify_store(v);
	kan_verify_timestamps(v);
}

static int open_repo(int *fd, const char *repo, struct kan_err *err)
{
	struct stat st;

	*fd = open(repo, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOTDIR)
		return kan_fail(err, KAN_ENOTFOUND, "%s: not a repository", repo);
	if (*fd < 0)
		return kan_fail_sys(err, "%s", repo);
	if (fstatat(*fd, "HEAD", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(*fd, "objects", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return kan_fail(err, KAN_ENOTFOUND, "%s: not a bare repository", repo);
	return 0;
}

void kan_verify_clear(struct kan_verify *v)
{
	for (size_t i = 0; i < v->n_objects; i++)
		free(v->objects[i].path);
	free(v->objects);
	free(v->bags);
	free(v->read);
	kan_verify_untrust(v);
	free(v->said);
	free(v->stamps);
	kan_git_free(v->git);
}

int kan_custody_verify(const char *repo, const struct kan_custody_trust *trust, kan_check_fn *fn,
		       void *arg, struct kan_err *err)
{
	static const struct kan_custody_trust nothing = {0};
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_close int fd = -1;
	kan_auto_tombstones struct kan_tombstones stones = {0};
	struct kan_verify v = {
		.fn = fn, .arg = arg, .trust = trust ? trust : &nothing, .gone = &stones};

	if (open_repo(&fd, repo, err) < 0 || kan_verify_trust(&v, &signers, err) < 0)
		return -1;
	v.repo_fd = fd;
	kan_verify_files(&v);
	check_objects(&v, repo);
	kan_verify_done(&v, KAN_VERIFY_REPO, KAN_VERIFY_REPO_OK);
	kan_verify_remote(&v);
	kan_verify_anchors(&v);
	kan_verify_clear(&v);
	return 0;
}
