/* The tag files of a bag: their names, caps, constant bytes; and how a file of a bag is opened.
 * bundle.md section 2. */
#ifndef KAN_EVIDENCE_TAGS_H
#define KAN_EVIDENCE_TAGS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_BAG_FILES = 20000,
	KAN_BAG_NAME = 128,
	KAN_BAG_TAGMANIFEST_CAP = 64 << 10,
	KAN_BAG_MANIFEST_CAP = 16 << 20,
	KAN_BAG_INFO_CAP = 64 << 10,
	KAN_BAG_CAPTURE_CAP = 16 << 20,
	KAN_BAG_CAPTURE_DEPTH = 64,
	KAN_BAG_ROWS_CAP = 16 << 20, /* gaps.ndjson and journal.ndjson */
	KAN_BAG_PROOFS = 64,
	KAN_BAG_PROOF_CAP = 1 << 20,
};

#define KAN_BAGIT_TEXT "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
#define KAN_TAGMANIFEST "tagmanifest-sha256.txt"
#define KAN_MANIFEST "manifest-sha256.txt"
#define KAN_PARTIAL ".partial"
#define KAN_UNFINISHED ".new" /* a tag file that is being written */

/* The seven that the tag manifest lists, in its order; cap is what a reader accepts. */
struct kan_tag {
	const char *name;
	size_t cap;
};
enum { KAN_TAGS = 7 };
enum kan_tag_index {
	KAN_TAG_README,
	KAN_TAG_INFO,
	KAN_TAG_BAGIT,
	KAN_TAG_CAPTURE,
	KAN_TAG_GAPS,
	KAN_TAG_JOURNAL,
	KAN_TAG_MANIFEST
};
extern const struct kan_tag kan_tags[KAN_TAGS];
/* One of them, or the tag manifest itself. */
bool kan_tag_is(const char *name);
/* A name that seal/ may hold. */
bool kan_proof_is(const char *name);
/* README-verify.txt: how to check the bag without us. */
extern const char kan_bag_readme[];
/* The commands of custody.md section 9, by block. */
extern const char kan_by_others_b1[], kan_by_others_b2[], kan_by_others_b3[], kan_by_others_b4[];

/*
 * Open a file of a bag for reading: beneath dirfd, no link, no other filesystem, S_ISREG before the
 * real open, size at most cap. not-found: it is not there. tamper: it is something else, or larger.
 */
int kan_bag_open(int *fd, uint64_t *size, int dirfd, const char *path, uint64_t cap,
		 struct kan_err *err);
/* The same, read whole. */
int kan_bag_read(struct kan_buf *out, int dirfd, const char *path, size_t cap, struct kan_err *err);
/* Does the name end in ".partial"? */
bool kan_bag_is_partial_name(const char *name);

enum { KAN_STONE_PATH = 64 };
/* A tombstone in seal/ that names this file; its signature is not looked at. */
bool kan_bag_stone(char out[KAN_STONE_PATH], int dirfd, const char *path);

#endif
