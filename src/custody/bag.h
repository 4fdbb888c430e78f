/* A sealed bag as the repository holds it: tag files as blobs, payload as LFS pointers. */
#ifndef KAN_CUSTODY_BAG_H
#define KAN_CUSTODY_BAG_H

#include "custody/form.h"

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_BAG_TAGMANIFEST_MAX = 64 << 10,
	KAN_BAG_TAGFILE_MAX = 16 << 20,
	KAN_BAG_PROOF_MAX = 1 << 20,
	KAN_BAG_PROOFS = 64,
	KAN_BAG_PROOF_NUMBER = 99, /* the highest of a name */
	KAN_BAG_PROOF_NAME = 64,
};

#define KAN_BAG_TAGMANIFEST "tagmanifest-sha256.txt"
#define KAN_BAG_MANIFEST "manifest-sha256.txt"
#define KAN_BAG_SIG "seal/tagmanifest-sha256.txt.sig"

/* Next line of a manifest: "<64 hex>  <path>\n". 1 a line, 0 the end, -1 format. */
int kan_bag_line(char hex[KAN_SHA256_HEX], char path[256], struct kan_bytes *rest,
		 struct kan_err *err);
/* "seal/tagmanifest-sha256.txt<kind>", or ".N<kind>" with N 2 to 99. kind: ".sig", ".tsq", ".tsr".
 */
void kan_bag_proof(char out[KAN_BAG_PROOF_NAME], const char *kind, unsigned n);
bool kan_bag_is_proof(const char *path, const char *kind);
bool kan_bag_is_sig(const char *path);
/* Ours into seal/, beside those of others: the first name that is free, or that has it already. */
int kan_bag_put_proof(int dir, const char *kind, struct kan_bytes content, struct kan_err *err);

#endif
