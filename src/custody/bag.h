/* A sealed bag as the repository holds it: tag files as blobs, payload as LFS pointers. */
#ifndef KAN_CUSTODY_BAG_H
#define KAN_CUSTODY_BAG_H

#include "custody/form.h"
#include "evidence/tags.h"

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_BAG_TAGMANIFEST_MAX = 64 << 10,
	KAN_BAG_TAGFILE_MAX = 16 << 20,
	KAN_BAG_PROOF_MAX = 1 << 20,
};

#define KAN_BAG_TAGMANIFEST "tagmanifest-sha256.txt"
#define KAN_BAG_MANIFEST "manifest-sha256.txt"
#define KAN_BAG_SIG "seal/tagmanifest-sha256.txt.sig" /* the first of them */
enum { KAN_BAG_PROOF_NAMES = 99, KAN_BAG_PROOF_PATH = 64 };

/* Next line of a manifest: "<64 hex>  <path>\n". 1 a line, 0 the end, -1 format. */
int kan_bag_line(char hex[KAN_SHA256_HEX], char path[256], struct kan_bytes *rest,
		 struct kan_err *err);
/* The i-th name of a kind of proof: "seal/tagmanifest-sha256.txt.sig" for 1 and "sig", then
 * ".2.sig" to ".99.sig". */
void kan_bag_proof(char out[KAN_BAG_PROOF_PATH], unsigned i, const char *kind);
bool kan_bag_is_proof(const char *path, const char *kind);

#endif
