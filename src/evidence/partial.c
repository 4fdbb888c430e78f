/* seal --partial: what a crash left becomes a bundle. bundle.md section 6. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "evidence/bundleopen.h"
#include "evidence/past.h"
#include "evidence/sealsteps.h"
#include "evidence/tags.h"
#include "evidence/verify.h"

enum { PATH_OCTETS = 4096 };

struct left {
	struct kan_sealing s;
	char bundle[KAN_BAG_NAME];
	const char *reason;
	int lock; /* the journal, locked; -1 once it is adopted */
	struct kan_buf journal;
	struct kan_past past;
	json_t *capture;
};

static void left_free(struct left *l)
{
	kan_payload_free(&l->s.payload);
	kan_journal_free(l->s.journal);
	kan_auto_close_fn(&l->lock);
	kan_auto_close_fn(&l->s.dir_fd);
	kan_auto_close_fn(&l->s.parent_fd);
	kan_buf_free(&l->journal);
	kan_past_free(&l->past);
	json_decref(l->capture);
}

/* dir/<bundle>.partial: the directory is opened, the bundle is named. */
static int open_left(struct left *l, char parent[PATH_OCTETS], const char *path,
		     struct kan_err *err)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= PATH_OCTETS)
		return kan_fail(err, KAN_EUSAGE, "%.64s...: the path is too long", path);
	(void)snprintf(parent, PATH_OCTETS, "%.*s", (int)n, path);
	char *slash = strrchr(parent, '/');
	const char *name = slash ? slash + 1 : parent;
	size_t stem = strlen(name) - (kan_bag_is_partial_name(name) ? strlen(KAN_PARTIAL) : 0);
	if (!name[stem] || stem >= sizeof(l->bundle))
		return kan_fail(err, KAN_EUSAGE, "%s: not the name of a .partial", path);
	(void)snprintf(l->bundle, sizeof(l->bundle), "%.*s", (int)stem, name);
	if (!kan_name_ok(l->bundle))
		return kan_fail(err, KAN_EUSAGE, "%s: not the name of a bundle", path);
	if (kan_bag_open_dir(&l->s.dir_fd, path, err) < 0)
		return -1;
	if (slash)
		slash[slash == parent] = 0;
	else
		(void)snprintf(parent, PATH_OCTETS, ".");
	l->s.parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return l->s.parent_fd < 0 ? kan_fail_sys(err, "%s", parent) : 0;
}

/* A tag file that was being written. */
static bool is_unfinished(const char *name)
{
	char tag[KAN_BAG_NAME];
	size_t n = strlen(name), k = strlen(KAN_UNFINISHED);
	if (n <= k || n >= sizeof(tag) || strcmp(name + n - k, KAN_UNFINISHED) != 0)
		return false;
	(void)snprintf(tag, sizeof(tag), "%.*s", (int)(n - k), name);
	return kan_tag_is(tag);
}

static int drop_unfinished(int dir_fd, const char *tag, struct kan_err *err)
{
	char name[KAN_BAG_NAME];
	(void)snprintf(name, sizeof(name), "%s%s", tag, KAN_UNFINISHED);
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return kan_fail_sys(err, "%s", name);
	return 0;
}

static const char *entry_fault(int dir_fd, const char *name)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "it cannot be looked at";
	if (strcmp(name, "data") == 0)
		return S_ISDIR(st.st_mode) ? NULL : "not a directory";
	if (!S_ISREG(st.st_mode))
		return "a link, a directory or a special file";
	if (st.st_nlink > 1) /* what is cut, written or protected here would be another's too */
		return "it has a second name (a hard link)";
	if (kan_tag_is(name) || is_unfinished(name) || strcmp(name, "lease.json") == 0)
		return NULL;
	return "not a file of a bundle";
}

/* What would be sealed: what is beside data/, and data/ itself. Nothing is touched. */
static int look_beside(int dir_fd, struct kan_err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		(void)kan_fail_sys(err, "the directory cannot be listed");
		kan_auto_close_fn(&fd);
		return -1;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		const char *wrong = entry_fault(dir_fd, e->d_name);
		if (wrong) {
			kan_auto_buf struct kan_buf clean = KAN_BUF(1024);
			(void)kan_text_clean(&clean, kan_bytes_of(e->d_name));
			rc = kan_fail(err, KAN_EREFUSED, "%s: %s", kan_buf_str(&clean), wrong);
		}
	}
	(void)closedir(d);
	return rc;
}

static int look(struct left *l, struct kan_err *err)
{
	struct stat st;
	if (look_beside(l->s.dir_fd, err) < 0)
		return -1;
	/* Made before the journal, and yet the power may have gone in between. */
	if (fstatat(l->s.dir_fd, "data", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    kan_mkdirs(l->s.dir_fd, "data", err) < 0)
		return -1;
	if (kan_payload_list(&l->s.payload, l->s.dir_fd, err) < 0 ||
	    kan_bag_read(&l->journal, l->s.dir_fd, "journal.ndjson", KAN_BAG_ROWS_CAP, err) < 0)
		return -1;
	if (kan_past_read(&l->past, kan_buf_bytes(&l->journal), err) < 0)
		return kan_wrap(err, "journal.ndjson");
	if (l->past.end.lines && strcmp(l->past.end.bundle, l->bundle) != 0)
		return kan_fail(err, KAN_EREFUSED, "its journal is of bundle %.100s",
				l->past.end.bundle);
	return 0;
}

/* capture.json, when the capture came as far as writing it. */
static json_t *written_document(const struct left *l)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_CAPTURE_CAP);
	json_t *doc = NULL;
	if (kan_bag_read(&text, l->s.dir_fd, "capture.json", KAN_BAG_CAPTURE_CAP, NULL) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), KAN_BAG_CAPTURE_CAP, KAN_BAG_CAPTURE_DEPTH,
			   NULL) < 0)
		return NULL;
	if (strcmp(kan_journal_text(doc, "bundle"), l->bundle) == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

static void label(struct left *l, const char *reason)
{
	const json_t *c = l->capture;
	const char *host = kan_journal_text(json_object_get(c, "host"), "name");
	const char *case_id = kan_journal_text(c, "case");
	int64_t started = json_integer_value(json_object_get(c, "started_ns"));
	struct kan_seal_request r = {
		.bundle = l->bundle,
		.case_id = case_id[0] ? case_id : NULL,
		.host = host,
		.container = kan_journal_text(json_object_get(c, "target"), "id"),
		.started_ns = started ? started : kan_now_ns(),
		.partial_reason = reason,
	};
	kan_seal_labels(&l->s.info, &r);
}

/* While collecting: all files are hashed, what is not whole is said, and it is sealed as partial.
 */
static int seal_as_crashed(char seal[65], struct left *l, struct kan_err *err)
{
	bool folded = false;
	if (kan_journal_adopt(&l->s.journal, &l->lock, l->bundle, err) < 0 ||
	    kan_seal_fold_lease(&folded, l->s.dir_fd, l->s.journal, err) < 0)
		return -1;
	if (!l->capture)
		l->capture = kan_past_document(&l->past, l->bundle);
	if (kan_past_tell(&l->past, l->s.journal, err) < 0)
		return -1;
	label(l, l->reason);
	l->s.capture = l->capture;
	l->s.rehash = true;
	if (kan_seal_contents(&l->s, err) < 0 || kan_seal_tags(seal, &l->s, err) < 0)
		return -1;
	return kan_seal_rename(&l->s, err);
}

/* Is everything as the seal line says? Then the bundle gets the status that it was to have. */
static int is_as_recorded(bool *same, struct left *l, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	const json_t *line = l->past.seal;
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_MANIFEST_CAP);
	*same = false;
	if (kan_payload_hash(&l->s.payload, l->s.dir_fd, err) < 0)
		return -1;
	kan_manifest_build(&manifest, &l->s.payload.files);
	kan_sha256_hex(sha256, kan_buf_bytes(&manifest));
	const char *status = kan_journal_text(line, "status");
	*same = l->capture && strcmp(sha256, kan_journal_text(line, "manifest")) == 0 &&
		l->s.payload.octets == kan_journal_number(line, "octets") &&
		l->s.payload.files.n == kan_journal_number(line, "files") &&
		kan_journal_number(l->capture, "gaps") == kan_journal_number(line, "gaps") &&
		strcmp(status, kan_journal_text(l->capture, "status")) == 0;
	return 0;
}

static int seal_as_recorded(char seal[65], struct left *l, struct kan_err *err)
{
	const json_t *line = l->past.seal;
	bool partial = strcmp(kan_journal_text(line, "status"), "partial") == 0;
	label(l, partial ? kan_journal_text(line, "reason") : NULL);
	l->s.info.octets = l->s.payload.octets;
	l->s.info.files = l->s.payload.files.n;
	l->s.info.gaps = kan_journal_number(line, "gaps");
	if (kan_seal_again(&l->s, err) < 0 || kan_seal_tags(seal, &l->s, err) < 0)
		return -1;
	return kan_seal_rename(&l->s, err);
}

static void first_failure(const struct kan_check *c, void *arg)
{
	struct kan_err *first = arg;
	if (c->result == KAN_CHECK_FAILED && first->code == KAN_OK)
		kan_err_set(first, KAN_ETAMPER, 0, "%s: %s: %s", c->name,
			    c->path[0] ? c->path : "the bundle", c->detail);
}

/* Everything was written, only the name is missing. */
static int rename_verified(char seal[65], struct left *l, struct kan_err *err)
{
	struct kan_err first = {0};
	kan_auto_buf struct kan_buf tags = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	if (kan_bagcheck_run(l->s.dir_fd, NULL, NULL, first_failure, &first, err) < 0)
		return -1;
	if (first.code != KAN_OK)
		return kan_fail(err, KAN_ETAMPER, "%s", first.text);
	if (kan_bag_read(&tags, l->s.dir_fd, KAN_TAGMANIFEST, KAN_BAG_TAGMANIFEST_CAP, err) < 0)
		return -1;
	kan_sha256_hex(seal, kan_buf_bytes(&tags));
	return kan_seal_rename(&l->s, err);
}

static int finish(char seal[65], struct left *l, struct kan_err *err)
{
	struct stat st;
	bool same = false;
	bool lease = fstatat(l->s.dir_fd, "lease.json", &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (fstatat(l->s.dir_fd, "bagit.txt", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return rename_verified(seal, l, err);
	for (size_t i = 0; i < KAN_TAGS; i++)
		if (drop_unfinished(l->s.dir_fd, kan_tags[i].name, err) < 0)
			return -1;
	if (drop_unfinished(l->s.dir_fd, KAN_TAGMANIFEST, err) < 0)
		return -1;
	l->capture = written_document(l);
	if (l->past.seal && !lease && is_as_recorded(&same, l, err) < 0)
		return -1;
	return same ? seal_as_recorded(seal, l, err) : seal_as_crashed(seal, l, err);
}

int kan_seal_partial(char seal[65], char **sealed, const char *path, const char *reason,
		     struct kan_err *err)
{
	char sum[KAN_SHA256_HEX], parent[PATH_OCTETS];
	struct left l = {.s = {.parent_fd = -1, .dir_fd = -1},
			 .reason = reason ? reason : "crash",
			 .lock = -1,
			 .journal = KAN_BUF(KAN_BAG_ROWS_CAP)};
	int rc = open_left(&l, parent, path, err);
	l.s.bundle = l.bundle;
	if (rc == 0 && (kan_journal_lock(&l.lock, l.s.dir_fd, err) < 0 || look(&l, err) < 0 ||
			finish(sum, &l, err) < 0))
		rc = kan_wrap(err, "%s", path);
	if (rc == 0) {
		struct kan_buf final = KAN_BUF(PATH_OCTETS + KAN_BAG_NAME);
		kan_buf_addf(&final, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, l.bundle);
		*sealed = (char *) final.data;
		memcpy(seal, sum, sizeof(sum));
	}
	left_free(&l);
	return rc;
}
