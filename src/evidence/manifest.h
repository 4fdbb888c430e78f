/* Manifests: one line a file, sorted by path, SHA-256 only. bundle.md section 2. */
#ifndef KAN_EVIDENCE_MANIFEST_H
#define KAN_EVIDENCE_MANIFEST_H

#include <kanshiki/bundle.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_manifest {
	struct kan_bundle_file *files; /* strings and all: owned */
	size_t n, cap;
};
void kan_manifest_free(struct kan_manifest *m);
/* Strings are copied. Any order: sort before build and find. */
void kan_manifest_add(struct kan_manifest *m, const char *path, const char *sha256, uint64_t size);
void kan_manifest_sort(struct kan_manifest *m);
void kan_manifest_build(struct kan_buf *out, const struct kan_manifest *m);
/* Strict: form, order, no path twice; payload: below data/, else the seven tag files. format: the
 * line is named. */
int kan_manifest_parse(struct kan_manifest *out, struct kan_bytes text, bool payload,
		       struct kan_err *err);
struct kan_bundle_file *kan_manifest_find(const struct kan_manifest *m, const char *path);

#endif
