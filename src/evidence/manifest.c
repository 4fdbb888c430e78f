/* Manifests: built from a sorted list, parsed strictly. */
#include "evidence/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "evidence/tags.h"

enum { HEX = 64, GAP = 2, PATH_OCTETS = 200 };

void kan_manifest_free(struct kan_manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free((char *)(uintptr_t)m->files[i].path);
		free((char *)(uintptr_t)m->files[i].sha256);
	}
	free(m->files);
	*m = (struct kan_manifest){0};
}

void kan_manifest_add(struct kan_manifest *m, const char *path, const char *sha256, uint64_t size)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 64;
		m->files = kan_xrealloc(m->files, m->cap, sizeof(*m->files));
	}
	m->files[m->n++] = (struct kan_bundle_file){kan_xstrdup(path), kan_xstrdup(sha256), size};
}

static int by_path(const void *a, const void *b)
{
	const struct kan_bundle_file *x = a, *y = b;
	return strcmp(x->path, y->path);
}

void kan_manifest_sort(struct kan_manifest *m)
{
	if (m->n)
		qsort(m->files, m->n, sizeof(*m->files), by_path);
}

void kan_manifest_build(struct kan_buf *out, const struct kan_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		kan_buf_addf(out, "%s  %s\n", m->files[i].sha256, m->files[i].path);
}

struct kan_bundle_file *kan_manifest_find(const struct kan_manifest *m, const char *path)
{
	struct kan_bundle_file key = {.path = path};
	return m->n ? bsearch(&key, m->files, m->n, sizeof(*m->files), by_path) : NULL;
}

static const char *line_fault(const struct kan_manifest *m, const char *path, bool payload)
{
	if (payload && (strncmp(path, "data/", 5) != 0 || !kan_path_ok(path)))
		return "not a path of the payload";
	if (m->n && strcmp(m->files[m->n - 1].path, path) == 0)
		return "the same path twice";
	if (m->n && strcmp(m->files[m->n - 1].path, path) > 0)
		return "not sorted by path";
	if (!payload && (m->n >= KAN_TAGS || strcmp(path, kan_tags[m->n].name) != 0))
		return "not the tag files of a bag, in their order";
	if (m->n >= KAN_BAG_FILES)
		return "more files than a bag may have";
	return NULL;
}

static int parse_line(struct kan_manifest *m, struct kan_bytes line, bool payload,
		      struct kan_err *err)
{
	char hex[KAN_SHA256_HEX], path[PATH_OCTETS + 1];
	unsigned long long number = m->n + 1;
	if (line.n <= HEX + GAP || line.n > HEX + GAP + PATH_OCTETS || line.p[HEX] != ' ' ||
	    line.p[HEX + 1] != ' ')
		return kan_fail(err, KAN_EFORMAT, "line %llu: not '<sha256>  <path>'", number);
	(void)snprintf(hex, sizeof(hex), "%.*s", HEX, (const char *)line.p);
	size_t n = line.n - HEX - GAP;
	memcpy(path, line.p + HEX + GAP, n);
	path[n] = 0;
	if (!kan_is_sha256_hex(hex) || strlen(path) != n)
		return kan_fail(err, KAN_EFORMAT, "line %llu: not '<sha256>  <path>'", number);
	const char *fault = line_fault(m, path, payload);
	if (fault)
		return kan_fail(err, KAN_EFORMAT, "line %llu: %s", number, fault);
	kan_manifest_add(m, path, hex, 0);
	return 0;
}

int kan_manifest_parse(struct kan_manifest *out, struct kan_bytes text, bool payload,
		       struct kan_err *err)
{
	struct kan_manifest m = {0};
	int rc = 0;
	while (rc == 0 && text.n) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t n = lf ? (size_t)(lf - text.p) : 0;
		rc = lf ? parse_line(&m, (struct kan_bytes){text.p, n}, payload, err)
			: kan_fail(err, KAN_EFORMAT, "the last line has no end");
		text.p += n + 1;
		text.n -= lf ? n + 1 : 0;
	}
	if (rc == 0 && !payload && m.n != KAN_TAGS)
		rc = kan_fail(err, KAN_EFORMAT, "not the seven tag files of a bag");
	if (rc < 0) {
		kan_manifest_free(&m);
		return -1;
	}
	*out = m;
	return 0;
}
