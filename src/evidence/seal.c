/* From a finished .partial to a sealed bundle: synced, listed, labelled, renamed. */
#include "evidence/seal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/self.h"
#include "evidence/journalread.h"
#include "evidence/sealsteps.h"
#include "evidence/tags.h"

enum {
	MODE = 0400,
	DATE = 10,
	DAY = 8,
	STAMP = 17,
	SHORT_ID = 12,
	LEASE_MAX = 64 << 10,
	LEASE_KEY = 64
};

/* A file of ours, whole and synced before it has its name: one of an earlier try is replaced at
 * once. */
static int put(int dir_fd, const char *name, struct kan_bytes content, struct kan_err *err)
{
	char unfinished[KAN_BAG_NAME];
	(void)snprintf(unfinished, sizeof(unfinished), "%s%s", name, KAN_UNFINISHED);
	if (unlinkat(dir_fd, unfinished, 0) < 0 && errno != ENOENT)
		return kan_fail_sys(err, "%s", unfinished);
	if (kan_put_file(dir_fd, unfinished, MODE, content, err) < 0)
		return -1;
	return renameat(dir_fd, unfinished, dir_fd, name) < 0 ? kan_fail_sys(err, "%s", name) : 0;
}

static int sync_dir(int dir_fd, const char *path, struct kan_err *err)
{
	kan_auto_close int fd =
		openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return kan_fail_sys(err, "sync %s", path);
	return 0;
}

/* The case of a bundle for which none was named: day and container, as custody names it. */
static void default_case(kan_baginfo_value out, const char *bundle)
{
	if (strlen(bundle) > STAMP + SHORT_ID)
		(void)snprintf(out, KAN_BAGINFO_VALUE, "case-%.*s-%.*s", DAY, bundle, SHORT_ID,
			       bundle + STAMP);
	else
		kan_baginfo_set(out, kan_bytes_of(bundle));
}

void kan_seal_labels(struct kan_baginfo *out, const struct kan_seal_request *r)
{
	char when[KAN_RFC3339];
	struct kan_baginfo i = {.partial = r->partial_reason != NULL};
	kan_rfc3339_s(when, r->started_ns);
	(void)snprintf(i.date, sizeof(i.date), "%.*s", DATE, when);
	(void)snprintf(i.agent, sizeof(i.agent), "%s %s (%s)", KAN_NAME, kan_version(),
		       kan_commit());
	kan_baginfo_set(i.bundle, kan_bytes_of(r->bundle));
	if (r->case_id)
		kan_baginfo_set(i.case_id, kan_bytes_of(r->case_id));
	else
		default_case(i.case_id, r->bundle);
	kan_baginfo_set(i.host, kan_bytes_of(r->host));
	kan_baginfo_set(i.container, kan_bytes_of(r->container));
	if (i.partial)
		kan_baginfo_set(i.reason, kan_bytes_of(r->partial_reason));
	*out = i;
}

static int write_gaps(struct kan_sealing *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf journal = KAN_BUF(KAN_BAG_ROWS_CAP),
				    rows = KAN_BUF(KAN_BAG_ROWS_CAP);
	if (kan_bag_read(&journal, s->dir_fd, "journal.ndjson", KAN_BAG_ROWS_CAP, err) < 0 ||
	    kan_journal_gap_rows(&rows, kan_buf_bytes(&journal), s->bundle, err) < 0)
		return -1;
	return put(s->dir_fd, "gaps.ndjson", kan_buf_bytes(&rows), err);
}

static int write_capture(struct kan_sealing *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_CAPTURE_CAP);
	json_t *c = s->capture;
	json_object_set_new(c, "status", json_string(s->info.partial ? "partial" : "complete"));
	if (s->info.partial)
		json_object_set_new(c, "partial_reason", json_string(s->info.reason));
	json_object_set_new(c, "gaps", json_integer((json_int_t)s->info.gaps));
	if (!json_object_get(c, "case"))
		json_object_set_new(c, "case", json_string(s->info.case_id));
	if (kan_json_dump(&text, c, err) < 0)
		return kan_wrap(err, "capture.json");
	return put(s->dir_fd, "capture.json", kan_buf_bytes(&text), err);
}

static int write_seal_line(struct kan_sealing *s, const char *manifest, struct kan_err *err)
{
	struct kan_row *row = kan_journal_begin(s->journal, "seal");
	kan_row_str(row, "manifest", manifest);
	kan_row_uint(row, "octets", s->info.octets);
	kan_row_uint(row, "files", s->info.files);
	kan_row_uint(row, "gaps", s->info.gaps);
	kan_row_str(row, "status", s->info.partial ? "partial" : "complete");
	if (s->info.partial)
		kan_row_str(row, "reason", s->info.reason);
	return kan_journal_end(s->journal, err);
}

static int write_manifest(char sha256[KAN_SHA256_HEX], struct kan_sealing *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_MANIFEST_CAP);
	kan_manifest_build(&manifest, &s->payload.files);
	if (manifest.failed)
		return kan_fail(err, KAN_ELIMIT, "%s: over %d octets", KAN_MANIFEST,
				KAN_BAG_MANIFEST_CAP);
	kan_sha256_hex(sha256, kan_buf_bytes(&manifest));
	return put(s->dir_fd, KAN_MANIFEST, kan_buf_bytes(&manifest), err);
}

static int close_journal(struct kan_sealing *s, struct kan_err *err)
{
	return fchmodat(s->dir_fd, "journal.ndjson", MODE, 0) < 0
		       ? kan_fail_sys(err, "journal.ndjson")
		       : 0;
}

int kan_seal_contents(struct kan_sealing *s, struct kan_err *err)
{
	char manifest[KAN_SHA256_HEX];
	if (kan_payload_never_empty(&s->payload, s->dir_fd, s->journal, err) < 0 ||
	    kan_payload_settle(&s->payload, s->dir_fd, s->journal, s->rehash, err) < 0 ||
	    kan_journal_fold(s->journal, err) < 0)
		return -1;
	s->info.octets = s->payload.octets;
	s->info.files = s->payload.files.n;
	s->info.gaps = kan_journal_gaps(s->journal);
	if (write_gaps(s, err) < 0 || write_capture(s, err) < 0 ||
	    write_manifest(manifest, s, err) < 0)
		return -1;
	/* The seal line speaks of these files: they have their names on the disk before it is
	 * there. */
	if (fsync(s->dir_fd) < 0)
		return kan_fail_sys(err, "sync %s", s->bundle);
	if (write_seal_line(s, manifest, err) < 0 || close_journal(s, err) < 0)
		return -1;
	return kan_journal_sync(s->journal, err);
}

int kan_seal_again(struct kan_sealing *s, struct kan_err *err)
{
	char manifest[KAN_SHA256_HEX];
	if (write_gaps(s, err) < 0 || write_manifest(manifest, s, err) < 0 ||
	    close_journal(s, err) < 0)
		return -1;
	kan_auto_close int fd =
		openat(s->dir_fd, "journal.ndjson", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? kan_fail_sys(err, "sync journal.ndjson") : 0;
}

/* The seven digests; bagit.txt's is known before the file is there. */
static int build_tagmanifest(struct kan_buf *out, int dir_fd, struct kan_err *err)
{
	for (size_t i = 0; i < KAN_TAGS; i++) {
		char sha256[KAN_SHA256_HEX];
		kan_auto_buf struct kan_buf text = KAN_BUF(kan_tags[i].cap);
		if (i == KAN_TAG_BAGIT)
			kan_buf_adds(&text, KAN_BAGIT_TEXT);
		else if (kan_bag_read(&text, dir_fd, kan_tags[i].name, kan_tags[i].cap, err) < 0)
			return -1;
		kan_sha256_hex(sha256, kan_buf_bytes(&text));
		kan_buf_addf(out, "%s  %s\n", sha256, kan_tags[i].name);
	}
	return 0;
}

static int sync_dirs(const struct kan_sealing *s, struct kan_err *err)
{
	for (size_t i = 0; i < s->payload.dirs.n; i++)
		if (!s->payload.dirs.files[i].sha256[0] &&
		    sync_dir(s->dir_fd, s->payload.dirs.files[i].path, err) < 0)
			return -1;
	return fsync(s->dir_fd) < 0 ? kan_fail_sys(err, "sync %s", s->bundle) : 0;
}

int kan_seal_tags(char seal[65], struct kan_sealing *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf info = KAN_BUF(KAN_BAG_INFO_CAP),
				    tags = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	kan_baginfo_build(&info, &s->info);
	if (put(s->dir_fd, "bag-info.txt", kan_buf_bytes(&info), err) < 0 ||
	    put(s->dir_fd, "README-verify.txt", kan_bytes_of(kan_bag_readme), err) < 0 ||
	    build_tagmanifest(&tags, s->dir_fd, err) < 0 ||
	    put(s->dir_fd, KAN_TAGMANIFEST, kan_buf_bytes(&tags), err) < 0 || sync_dirs(s, err) < 0)
		return -1;
	if (put(s->dir_fd, "bagit.txt", KAN_LIT(KAN_BAGIT_TEXT), err) < 0)
		return -1;
	if (fsync(s->dir_fd) < 0)
		return kan_fail_sys(err, "sync %s", s->bundle);
	kan_sha256_hex(seal, kan_buf_bytes(&tags));
	return 0;
}

int kan_seal_rename(const struct kan_sealing *s, struct kan_err *err)
{
	char partial[KAN_BAG_NAME + sizeof(KAN_PARTIAL)];
	(void)snprintf(partial, sizeof(partial), "%s%s", s->bundle, KAN_PARTIAL);
	int rc = renameat2(s->parent_fd, partial, s->parent_fd, s->bundle, RENAME_NOREPLACE);
	if (rc < 0 && errno == EINVAL) { /* a filesystem without the flag; rename never replaces a
					    full directory */
		if (faccessat(s->parent_fd, s->bundle, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return kan_fail(err, KAN_EREFUSED, "%s: it exists", s->bundle);
		rc = renameat(s->parent_fd, partial, s->parent_fd, s->bundle);
	}
	if (rc < 0 && errno == EEXIST)
		return kan_fail(err, KAN_EREFUSED, "%s: it exists", s->bundle);
	if (rc < 0)
		return kan_fail_sys(err, "%s", s->bundle);
	if (fsync(s->parent_fd) == 0)
		return 0;
	(void)kan_fail_sys(err, "sync the directory of %s", s->bundle);
	/* Whether the name lasts is not known, so it is not a bundle. */
	(void)renameat(s->parent_fd, s->bundle, s->parent_fd, partial);
	return -1;
}

/* Keys of every record keep their meaning: what the lease calls so gets a prefix. */
static void copy_value(struct kan_row *row, const char *name, const json_t *v)
{
	static const char *const taken[] = {"seq",  "prev",   "t_ns",   "boot_ns",
					    "type", "schema", "bundle", "collector"};
	char key[LEASE_KEY];
	bool ours = false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		ours |= strcmp(name, taken[i]) == 0;
	(void)snprintf(key, sizeof(key), "%s%.32s", ours ? "lease_" : "", name);
	if (json_is_string(v))
		kan_row_bytes(row, key,
			      (struct kan_bytes){(const uint8_t *)json_string_value(v),
						 json_string_length(v)});
	else if (json_is_integer(v))
		kan_row_int(row, key, json_integer_value(v));
	else if (json_is_boolean(v))
		kan_row_bool(row, key, json_is_true(v));
}

static int record_lease(struct kan_journal *j, struct kan_bytes text, struct kan_err *err)
{
	json_auto_t *said = NULL;
	struct kan_bytes line = {text.p,
				 text.n && text.p[text.n - 1] == '\n' ? text.n - 1 : text.n};
	if (kan_row_parse(&said, line, NULL) < 0) {
		kan_auto_buf struct kan_buf b64 = KAN_BUF(LEASE_MAX * 2);
		kan_base64(&b64, text);
		struct kan_row *row = kan_journal_begin(j, "torn");
		kan_row_str(row, "file", "lease.json");
		kan_row_uint(row, "octets", text.n);
		kan_row_str(row, "line_b64", kan_buf_str(&b64));
		return kan_journal_end(j, err);
	}
	const char *key = NULL;
	json_t *value = NULL;
	struct kan_row *row = kan_journal_begin(j, "lease");
	json_object_foreach (said, key, value)
		copy_value(row, key, value);
	return kan_journal_end(j, err);
}

int kan_seal_fold_lease(bool *folded, int dir_fd, struct kan_journal *j, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(LEASE_MAX);
	struct kan_err why = {0};
	if (kan_bag_read(&text, dir_fd, "lease.json", LEASE_MAX, &why) < 0) {
		if (why.code == KAN_ENOTFOUND)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (record_lease(j, kan_buf_bytes(&text), err) < 0 || kan_journal_sync(j, err) < 0)
		return -1;
	if (unlinkat(dir_fd, "lease.json", 0) < 0)
		return kan_fail_sys(err, "lease.json");
	*folded = true;
	return 0;
}

static int steps(char seal[65], struct kan_sealing *s, struct kan_err *err)
{
	char sum[KAN_SHA256_HEX];
	bool folded = false;
	if (kan_seal_fold_lease(&folded, s->dir_fd, s->journal, err) < 0 ||
	    kan_payload_list(&s->payload, s->dir_fd, err) < 0 || kan_seal_contents(s, err) < 0 ||
	    kan_seal_tags(sum, s, err) < 0 || kan_seal_rename(s, err) < 0)
		return -1;
	memcpy(seal, sum, sizeof(sum));
	return 0;
}

int kan_seal(char seal[65], const struct kan_seal_request *r, struct kan_err *err)
{
	char partial[KAN_BAG_NAME + sizeof(KAN_PARTIAL)];
	if (strlen(r->bundle) >= KAN_BAG_NAME || !kan_name_ok(r->bundle))
		return kan_fail(err, KAN_EUSAGE, "%.64s: no name for a bundle", r->bundle);
	(void)snprintf(partial, sizeof(partial), "%s%s", r->bundle, KAN_PARTIAL);
	kan_auto_close int dir =
		openat(r->parent_fd, partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return kan_fail_sys(err, "%s", partial);
	struct kan_sealing s = {.parent_fd = r->parent_fd,
				.dir_fd = dir,
				.bundle = r->bundle,
				.journal = r->journal,
				.capture = r->capture};
	kan_seal_labels(&s.info, r);
	int rc = steps(seal, &s, err);
	kan_payload_free(&s.payload);
	return rc;
}
