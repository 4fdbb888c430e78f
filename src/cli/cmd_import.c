/* import: a bundle from elsewhere into this home, or one of this home that has no commit yet. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/custody.h>

#include "base/file.h"
#include "cli/capture_doc.h"
#include "cli/carry.h"
#include "cli/cmd.h"
#include "cli/cmd_custody.h"
#include "cli/tsa.h"
#include "custody/anchor.h"
#include "custody/check.h"
#include "custody/stamp.h"

static const struct kan_option options[] = {
	{"case", 0, "ID", "the case (default: the one in the bundle)"},
	{"key", 0, "KEY", KAN_KEY_HELP},
	{"note", 0, "TEXT", "why"},
	{"tsa", 0, "URL", "time stamps of seal and commit by this authority (RFC 3161)"},
	{"tsa-ca", 0, "FILE", "PEM certificates of the authorities whose stamps count"},
	{NULL, 0, NULL, NULL},
};

/* What was altered is not signed: our signature would vouch for it. */
static int whole(const char *path, struct kan_err *err)
{
	struct kan_bundle *b = NULL;
	struct kan_err fault = {0};
	if (kan_bundle_open(&b, path, false, err) < 0)
		return -1;
	kan_bundle_free(b);
	if (kan_custody_verify_bag(path, NULL, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0 : kan_fail(err, fault.code, "%s: %s", path, fault.text);
}

/* Ours, and not committed: what a crash of ours left is no alteration. */
static int mended(const char *path, struct kan_err *err)
{
	kan_auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		kan_stamp_mend(fd);
	return whole(path, err);
}

/* The copy, under the name that makes no bundle of it, by every check of a bag. */
static int whole_copy(const struct kan_carried *c, const char *parent, struct kan_err *err)
{
	struct kan_err fault = {0};
	kan_auto_free char *path = kan_carry_path(c, parent);
	if (kan_custody_verify_bag_at(path, c->bundle, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0
				    : kan_fail(err, fault.code, "%s: %s", c->bundle, fault.text);
}

static int read_seal(struct kan_buf *out, const char *dir, struct kan_err *err)
{
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "%s", dir);
	return kan_bag_read(out, fd, KAN_TAGMANIFEST, KAN_BAG_TAGMANIFEST_CAP, err);
}

/* It is here already: proofs that are new go into its seal/; another bundle of its name stays out.
 */
static int merge(const struct kan_carried *c, const char *parent, const char *there,
		 struct kan_err *err)
{
	kan_auto_buf struct kan_buf ours = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	kan_auto_buf struct kan_buf theirs = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	kan_auto_free char *copy = kan_carry_path(c, parent);
	if (read_seal(&ours, there, err) < 0 || read_seal(&theirs, copy, err) < 0)
		return -1;
	if (!kan_bytes_eq(kan_buf_bytes(&ours), kan_buf_bytes(&theirs)))
		return kan_fail(err, KAN_EREFUSED,
				"%s: a bundle of this name and another seal is here", c->bundle);
	if (mended(there, err) < 0)
		return -1;
	kan_say("%s is here already: only proofs that are new are added", c->bundle);
	return kan_carry_proofs(there, copy, err);
}

static int settle(char **out, struct kan_carried *c, const char *parent, struct kan_err *err)
{
	kan_auto_close int fd = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	kan_auto_free char *there = kan_path(parent, c->bundle);
	int rc = fd < 0 ? kan_fail_sys(err, "%s", parent) : whole_copy(c, parent, err);
	if (rc == 0)
		rc = kan_carry_keep(c, fd, err);
	if (rc == 0) {
		kan_carry_close(c);
	} else {
		if (rc == 1)
			rc = merge(c, parent, there, err);
		kan_carry_drop(c, fd);
	}
	if (rc == 0)
		*out = kan_xstrdup(there);
	return rc;
}

/* A directory of somebody else's: copied, never linked to. */
static int copy_in(struct kan_carried *c, const char *parent, const char *word, struct kan_err *err)
{
	kan_auto_close int to = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	kan_auto_close int from = open(word, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct kan_bundle *b = NULL;
	if (to < 0 || from < 0)
		return kan_fail_sys(err, "%s", to < 0 ? parent : word);
	if (kan_bundle_open(&b, word, false, err) < 0)
		return -1;
	int rc = kan_carry_copy(c, to, from, kan_bundle_name(b), err);
	if (rc < 0)
		kan_carry_drop(c, to);
	kan_bundle_free(b);
	return rc < 0 ? kan_wrap(err, "%s", word) : 0;
}

/* Is it <home>/bundles/<name> already? Then it stays where it is. */
static bool at_home(const char *path, const char *parent)
{
	kan_auto_free char *real = realpath(path, NULL), *home = realpath(parent, NULL);
	size_t n = home ? strlen(home) : 0;
	return real && home && strncmp(real, home, n) == 0 && real[n] == '/' &&
	       !strchr(real + n + 1, '/');
}

static int places(const char *home, const char *parent, struct kan_err *err)
{
	return kan_own_dir(home, err) < 0 || kan_own_dir(parent, err) < 0 ? -1 : 0;
}

/* A directory: of this home, where it stays; or of somebody else. */
static int bring_dir(char **path, const struct kan_args *a, const char *home, const char *parent,
		     struct kan_err *err)
{
	kan_auto_free char *given = NULL;
	struct kan_carried c = {.fd = -1};
	if (kan_find_bundle(&given, a, a->words[0], err) < 0)
		return -1;
	if (at_home(given, parent)) {
		*path = kan_take_ptr(given);
		return mended(*path, err);
	}
	if (whole(given, err) < 0 || places(home, parent, err) < 0 ||
	    copy_in(&c, parent, given, err) < 0)
		return -1;
	return settle(path, &c, parent, err);
}

/* The bundle in the home, verified. */
static int bring(char **path, const struct kan_args *a, const char *home, struct kan_err *err)
{
	const char *word = a->words[0];
	kan_auto_free char *parent = kan_path(home, "bundles");
	struct kan_carried c = {.fd = -1};
	struct stat st;
	if (strcmp(word, "-") != 0 && (stat(word, &st) < 0 || S_ISDIR(st.st_mode)))
		return bring_dir(path, a, home, parent, err);
	if (places(home, parent, err) < 0 || kan_carry_unpack(&c, parent, word, err) < 0)
		return -1;
	return settle(path, &c, parent, err);
}

/* The commit is there already: no stamp is one more warning. */
static int stamp_commit(const struct kan_tsa *t, struct kan_custody *c,
			const struct kan_receipt *of, const struct kan_act *act,
			struct kan_err *err)
{
	kan_auto_buf struct kan_buf stamp = KAN_BUF(KAN_TSP_REPLY_MAX);
	struct kan_receipt anchored = {0};
	kan_tsa_commit(&stamp, t, c, of);
	if (!stamp.len)
		return 0;
	return kan_anchor_commit(&anchored, c, of, kan_buf_bytes(&stamp), act, err) < 0 ? -1 : 0;
}

/* What is in seal/ goes along for ever: a proof of other bytes is none. */
static int proofs_fit(const char *path, struct kan_err *err)
{
	struct kan_err fault = {0};
	if (kan_custody_verify_seal(path, NULL, kan_first_fault, &fault, err) < 0)
		return -1;
	return fault.code == KAN_OK ? 0 : kan_fail(err, fault.code, "%s: %s", path, fault.text);
}

/* Stamped, signed, committed, the commit stamped. */
static int import(struct kan_receipt *r, struct kan_custody *c, const char *path,
		  const struct kan_tsa *t, const struct kan_act *act, struct kan_err *err)
{
	enum kan_stamp stamp = kan_tsa_seal(t, c, path);
	if (proofs_fit(path, err) < 0 || kan_custody_sign(c, path, err) < 0 ||
	    kan_custody_commit(r, c, path, "import", act, err) < 0)
		return -1;
	return !t->ask.url || stamp < KAN_STAMP_UNCHECKED ? 0 : stamp_commit(t, c, r, act, err);
}

static int run(const struct kan_args *a)
{
	struct kan_custody *c = NULL;
	struct kan_receipt r = {0};
	struct kan_err err = {0};
	struct kan_tsa tsa = {0};
	if (kan_tsa_of(&tsa, a) < 0)
		return KAN_EXIT_USAGE;
	struct kan_act act = {
		.case_id = kan_arg(a, "case"), .purpose = kan_arg(a, "note"), .argv = a->argv};
	kan_auto_free char *home = kan_home(a);
	kan_auto_free char *path = NULL;
	int status = KAN_EXIT_OK;
	if (bring(&path, a, home, &err) < 0 || kan_custody_with_key(&c, home, a, &err) < 0 ||
	    import(&r, c, path, &tsa, &act, &err) < 0)
		status = kan_say_err(&err);
	else
		status = kan_print_receipt(&r, kan_flag(a, "json"));
	kan_custody_free(c);
	kan_tsa_free(&tsa);
	return status;
}

extern const struct kan_command kan_cmd_import;
const struct kan_command kan_cmd_import = {
	.name = "import",
	.args = "[OPTIONS] BUNDLE|FILE.tar|-",
	.summary = "take a bundle from a directory, a tar or standard input into the home, and "
		   "commit it",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
