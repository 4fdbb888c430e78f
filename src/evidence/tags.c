/* The tag files of a bag, and the one way to open a file of a bag that somebody else may have made.
 */
#include "evidence/tags.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { PATH_PARTS = 16 };

const struct kan_tag kan_tags[KAN_TAGS] = {
	[KAN_TAG_README] = {"README-verify.txt", 64 << 10},
	[KAN_TAG_INFO] = {"bag-info.txt", KAN_BAG_INFO_CAP},
	[KAN_TAG_BAGIT] = {"bagit.txt", sizeof(KAN_BAGIT_TEXT) - 1},
	[KAN_TAG_CAPTURE] = {"capture.json", KAN_BAG_CAPTURE_CAP},
	[KAN_TAG_GAPS] = {"gaps.ndjson", KAN_BAG_ROWS_CAP},
	[KAN_TAG_JOURNAL] = {"journal.ndjson", KAN_BAG_ROWS_CAP},
	[KAN_TAG_MANIFEST] = {KAN_MANIFEST, KAN_BAG_MANIFEST_CAP},
};

#define B1 \
	"find . -type f ! -path './seal/*' -printf '%P\\n' | sort |\n" \
	"  comm -3 - <(cut -c67- manifest-sha256.txt tagmanifest-sha256.txt | sort)\n" \
	"find . ! -type d ! -type f -o -type d -empty"
#define B2 "sha256sum tagmanifest-sha256.txt"
#define B3 "sha256sum -c --strict --quiet tagmanifest-sha256.txt manifest-sha256.txt"
#define B4 \
	"diff <(jq -r .prev journal.ndjson | tail -n +2) <(head -n -1 journal.ndjson |\n" \
	"  while IFS= read -r l; do printf '%s\\n' \"$l\" | sha256sum | cut -c1-64; done)"
#define B5 \
	"ssh-keygen -Y verify -f ALLOWED -I WHO -n file -s seal/tagmanifest-sha256.txt.sig < " \
	"tagmanifest-sha256.txt"
#define B6 \
	"openssl cms -verify -binary -inform DER -in seal/tagmanifest-sha256.txt.p7s \\\n" \
	"  -content tagmanifest-sha256.txt -CAfile CA -out /dev/null"
#define B7 \
	"T=seal/tagmanifest-sha256.txt.tsr\n" \
	"N=$(date -ud \"$(openssl ts -reply -in $T -text | sed -n 's/^Time stamp: //p')\" +%s)\n" \
	"openssl ts -verify -data tagmanifest-sha256.txt -in $T -CAfile CA -attime $N"

const char kan_by_others_b1[] = B1;
const char kan_by_others_b2[] = B2;
const char kan_by_others_b3[] = B3;
const char kan_by_others_b4[] = B4;

const char kan_bag_readme[] =
	"How to check this bundle without kanshiki\n"
	"=========================================\n"
	"\n"
	"This directory is a BagIt bag (RFC 8493) with what was taken from one container. Run the\n"
	"commands in it, with bash and LC_ALL=C. coreutils, findutils, jq, ssh-keygen and openssl\n"
	"are enough. B5 to B7 apply when the file they name is in seal/.\n"
	"\n"
	"B1  Nothing was added, nothing is gone. Prints one line, tagmanifest-sha256.txt,\n"
	"    because a list cannot hold its own digest.\n"
	"\n" B1 "\n"
	"\n"
	"B2  The seal. It must be the number that was printed or told when the bundle was made:\n"
	"    every other check is worth as much as this one.\n"
	"\n" B2 "\n"
	"\n"
	"B3  Every file is as it was sealed. Prints nothing.\n"
	"\n" B3 "\n"
	"\n"
	"B4  The record of the acquisition is one chain. Prints nothing.\n"
	"\n" B4 "\n"
	"\n"
	"B5  Who signed the seal. ALLOWED is your allowed_signers file, never one that came with\n"
	"    the bundle; WHO is the signer you expect.\n"
	"\n" B5 "\n"
	"\n"
	"B6  The same as CMS. CA is the certificate you trust.\n"
	"\n" B6 "\n"
	"\n"
	"B7  The time stamp (RFC 3161), as of its own time.\n"
	"\n" B7 "\n"
	"\n"
	"A file that was disposed of is named as missing by B3; seal/ then has its tombstone.\n"
	"bag-info.txt says for what case, host and container this is, and whether it is complete.\n"
	"gaps.ndjson lists what was asked for and could not be had, each with its reason.\n";

bool kan_tag_is(const char *name)
{
	for (size_t i = 0; i < KAN_TAGS; i++)
		if (strcmp(name, kan_tags[i].name) == 0)
			return true;
	return strcmp(name, KAN_TAGMANIFEST) == 0;
}

static bool ends_as_proof(const char *s)
{
	return strcmp(s, ".sig") == 0 || strcmp(s, ".p7s") == 0 || strcmp(s, ".tsq") == 0 ||
	       strcmp(s, ".tsr") == 0;
}

bool kan_proof_is(const char *name)
{
	static const char digits[] = "0123456789";
	size_t stem = strlen(KAN_TAGMANIFEST);
	if (strspn(name, digits) == 6)
		return strcmp(name + 6, "-dispose.json") == 0 ||
		       strcmp(name + 6, "-dispose.json.sig") == 0 ||
		       strcmp(name + 6, "-dispose.sig") == 0;
	if (strncmp(name, KAN_TAGMANIFEST, stem) != 0)
		return false;
	const char *rest = name + stem;
	if (ends_as_proof(rest))
		return true;
	/* ".2" to ".99" before the ending */
	size_t n = rest[0] == '.' ? strspn(rest + 1, digits) : 0;
	return (n == 1 || n == 2) && rest[1] != '0' && !(n == 1 && rest[1] == '1') &&
	       ends_as_proof(rest + 1 + n);
}

bool kan_bag_is_partial_name(const char *name)
{
	size_t n = strlen(name), suffix = strlen(KAN_PARTIAL);
	return n > suffix && strcmp(name + n - suffix, KAN_PARTIAL) == 0;
}

/* Kernels before 5.6, and filters that do not know openat2: one component after the other. */
static int by_component(int *out, int dirfd, const char *path, int flags, struct kan_err *err)
{
	char part[256];
	kan_auto_close int at = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; at >= 0 && i < PATH_PARTS; i++) {
		size_t n = strcspn(path, "/");
		bool last = path[n] == 0;
		(void)snprintf(part, sizeof(part), "%.*s", (int)n, path);
		int how = last ? flags : O_PATH | O_DIRECTORY;
		int fd = openat(at, part, how | O_NOFOLLOW | O_CLOEXEC);
		(void)close(kan_take_fd(&at));
		at = fd;
		if (fd >= 0 && last) {
			*out = kan_take_fd(&at);
			return 0;
		}
		path += n + 1;
	}
	kan_err_sys(err, errno == ENOTDIR ? ENOENT : errno, "%s", path);
	return -1;
}

static int resolve(int *out, int dirfd, const char *path, int flags, struct kan_err *err)
{
	struct kan_err why = {0};
	if (kan_open_beneath(out, dirfd, path, flags, RESOLVE_NO_XDEV, &why) == 0)
		return 0;
	if (why.sys == ENOSYS)
		return by_component(out, dirfd, path, flags, err);
	if (why.sys == ELOOP || why.sys == EXDEV)
		return kan_fail(err, KAN_ETAMPER, "%s: a link or another filesystem is in the way",
				path);
	if (why.sys == ENOTDIR) /* a file where its directory was: it is not there */
		return kan_fail(err, KAN_ENOTFOUND, "%s: not there", path);
	if (err)
		*err = why;
	return -1;
}

static int looks_right(const struct stat *st, const char *path, uint64_t cap, struct kan_err *err)
{
	if (!S_ISREG(st->st_mode))
		return kan_fail(err, KAN_ETAMPER, "%s: not a regular file", path);
	if ((uint64_t)st->st_size > cap)
		return kan_fail(err, KAN_ETAMPER, "%s: %llu octets, over %llu", path,
				(unsigned long long)st->st_size, (unsigned long long)cap);
	return 0;
}

int kan_bag_open(int *out, uint64_t *size, int dirfd, const char *path, uint64_t cap,
		 struct kan_err *err)
{
	struct stat pinned, opened;
	kan_auto_close int pin = -1, fd = -1;
	if (resolve(&pin, dirfd, path, O_PATH | O_NOFOLLOW, err) < 0)
		return -1;
	if (fstat(pin, &pinned) < 0)
		return kan_fail_sys(err, "%s", path);
	if (looks_right(&pinned, path, cap, err) < 0 ||
	    resolve(&fd, dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, err) < 0)
		return -1;
	if (fstat(fd, &opened) < 0)
		return kan_fail_sys(err, "%s", path);
	if (opened.st_dev != pinned.st_dev || opened.st_ino != pinned.st_ino)
		return kan_fail(err, KAN_ETAMPER, "%s: it was exchanged while it was opened", path);
	if (looks_right(&opened, path, cap, err) < 0)
		return -1;
	*size = (uint64_t)opened.st_size;
	*out = kan_take_fd(&fd);
	return 0;
}

int kan_bag_read(struct kan_buf *out, int dirfd, const char *path, size_t cap, struct kan_err *err)
{
	uint64_t size = 0;
	kan_auto_close int fd = -1;
	if (kan_bag_open(&fd, &size, dirfd, path, cap, err) < 0)
		return -1;
	struct kan_buf text = KAN_BUF(cap);
	if (kan_read_all(&text, fd, err) < 0) {
		kan_buf_free(&text);
		return kan_wrap(err, "%s", path);
	}
	kan_buf_free(out);
	*out = text;
	return 0;
}
