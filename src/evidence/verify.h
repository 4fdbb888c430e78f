/* The checks of a bag, shared by the files that do them. custody.md section 9. */
#ifndef KAN_EVIDENCE_VERIFY_H
#define KAN_EVIDENCE_VERIFY_H

#include <kanshiki/bundle.h>

#include "base/digest.h"
#include "evidence/baginfo.h"
#include "evidence/manifest.h"
#include "evidence/tags.h"

enum kan_bagcheck_id {
	KAN_BAGCHECK_LAYOUT,
	KAN_BAGCHECK_BAGIT,
	KAN_BAGCHECK_BAGINFO,
	KAN_BAGCHECK_SEAL,
	KAN_BAGCHECK_TAGMANIFEST,
	KAN_BAGCHECK_MANIFEST,
	KAN_BAGCHECK_PAYLOAD,
	KAN_BAGCHECK_JOURNAL,
	KAN_BAGCHECK_ROWS,
	KAN_BAGCHECK_IDS,
};

enum { KAN_BAGCHECK_TOLD = 64, KAN_BAGCHECK_KINDS = 4 };

/* Was this payload file disposed of? Then its absence is told, and is no fault. */
struct kan_bagcheck_gone {
	bool (*fn)(const char *path, const char *sha256, void *arg);
	void *arg;
};

struct kan_bagcheck {
	int dir_fd;
	const struct kan_bagcheck_gone *gone; /* or NULL */
	kan_check_fn *fn;
	void *arg;
	unsigned told[KAN_BAGCHECK_IDS], silent[KAN_BAGCHECK_IDS][KAN_BAGCHECK_KINDS];
	char seal[KAN_SHA256_HEX];            /* "" without a tag manifest */
	char manifest_sha256[KAN_SHA256_HEX]; /* of manifest-sha256.txt as it lies there */
	struct kan_manifest tags, payload;    /* n 0 when not to be read */
	bool has_bagit, has_manifest, has_info;
	struct kan_baginfo info;
	struct kan_buf journal, gaps; /* data NULL when not to be read */
	json_t *records;              /* path: artefact record; NULL when the chain is broken */
	uint64_t octets;              /* of the payload */
	bool all_read;                /* octets are of every file */
};

/* A finding: the first KAN_BAGCHECK_TOLD of a check one by one, the rest by their number. */
void kan_bagcheck_fail(struct kan_bagcheck *c, enum kan_bagcheck_id id, enum kan_check_kind kind,
		       const char *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void kan_bagcheck_skip(struct kan_bagcheck *c, enum kan_bagcheck_id id, enum kan_check_kind kind,
		       const char *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The check's end: ok with this detail when nothing was told. */
void kan_bagcheck_done(struct kan_bagcheck *c, enum kan_bagcheck_id id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Is it our reading that failed, not the evidence? Then nothing can be said of it. */
bool kan_bagcheck_unreadable(const struct kan_err *why);

/* The stages. -1: denied or io; of the tags also format, a bag of another version. */
int kan_bagcheck_tags(struct kan_bagcheck *c, struct kan_err *err);
int kan_bagcheck_layout(struct kan_bagcheck *c, bool sealed, struct kan_err *err);
void kan_bagcheck_journal(struct kan_bagcheck *c, bool sealed);
int kan_bagcheck_payload(struct kan_bagcheck *c, struct kan_err *err);

/* All of them on a directory, whatever its name. */
int kan_bagcheck_run(int dir_fd, const char *want_seal, const struct kan_bagcheck_gone *gone,
		     kan_check_fn *fn, void *arg, struct kan_err *err);
/* kan_bundle_verify of a bundle some of whose files may be disposed of. */
int kan_bagcheck_dir(const char *dir, const char *want_seal, const struct kan_bagcheck_gone *gone,
		     kan_check_fn *fn, void *arg, struct kan_err *err);

#endif
