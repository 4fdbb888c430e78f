/* Package databases: the pieces they come in change nothing, and what is told is within its limits.
 * The first byte says which file it is, the second where it is cut. */
#include "image/package.h"

#include <stdlib.h>
#include <string.h>

#include "image/pkg_index.h"

static const char *const files[] = {"var/lib/dpkg/status",      "var/lib/dpkg/status.d/p",
				    "var/lib/dpkg/info/p.list", "var/lib/dpkg/info/p.md5sums",
				    "var/lib/dpkg/diversions",  "lib/apk/db/installed"};

static uint64_t mix(uint64_t h, struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 1099511628211ULL;
	return h * 31 + v.n;
}

static int about(const struct kan_pkg_about *p, void *arg, struct kan_err *err)
{
	uint64_t *h = arg;
	(void)err;
	if (p->name.n == 0 || p->state.n == 0 || p->version.n > KAN_PKG_VALUE_MAX)
		abort();
	*h = mix(mix(mix(mix(*h, p->name), p->version), p->source), p->source_version);
	return 0;
}

static int owned(const struct kan_pkg_owned *o, void *arg, struct kan_err *err)
{
	uint64_t *h = arg;
	(void)err;
	if (o->path.n == 0 || o->sum.n > KAN_PKG_SUM_MAX)
		abort();
	*h = mix(mix(mix(*h, o->package), o->path), o->sum);
	return 0;
}

static int diverted(struct kan_bytes from, struct kan_bytes to, struct kan_bytes by, void *arg,
		    struct kan_err *err)
{
	uint64_t *h = arg;
	(void)err;
	*h = mix(mix(mix(*h, from), to), by);
	return 0;
}

static uint64_t read_cut(enum kan_pkg_db db, struct kan_bytes text, size_t cut)
{
	uint64_t h = 1;
	struct kan_pkg_events on = {about, owned, diverted, &h};
	struct kan_pkg_reader *r = kan_pkg_reader_new(db, KAN_LIT("p"), &on);
	struct kan_err err = {0};
	int rc = kan_pkg_read(r, (struct kan_bytes){text.p, cut}, &err);
	if (rc == 0)
		rc = kan_pkg_read(r, (struct kan_bytes){text.p + cut, text.n - cut}, &err);
	if (rc == 0)
		rc = kan_pkg_read_end(r, &err);
	if (rc < 0 && (err.code != KAN_EFORMAT || strncmp(err.text, "byte ", 5) != 0))
		abort();
	kan_pkg_reader_free(r);
	return mix(h, kan_bytes_of(err.text));
}

static void own(const char *file, struct kan_bytes text)
{
	struct kan_pkg_paths *wanted = kan_pkg_paths_new(), *links = kan_pkg_paths_new();
	kan_pkg_paths_add(wanted, KAN_LIT("usr/bin/ls"), (struct kan_bytes){0});
	kan_pkg_paths_add(links, KAN_LIT("bin"), KAN_LIT("usr/bin"));
	kan_pkg_paths_add(links, KAN_LIT("a"), KAN_LIT("/b/.."));
	kan_pkg_paths_add(links, KAN_LIT("b"), KAN_LIT("a/a"));
	kan_pkg_paths_sort(wanted);
	kan_pkg_paths_sort(links);
	struct kan_pkg_index *x = kan_pkg_index_new(wanted, links);
	if (!kan_pkg_index_file(x, kan_bytes_of(file)))
		abort();
	kan_pkg_index_data(x, text);
	kan_pkg_index_done(x);
	for (size_t i = 0; i < kan_pkg_index_packages(x); i++)
		if (!kan_pkg_index_named(x, kan_pkg_index_package(x, i)->name))
			abort();
	(void)kan_pkg_index_owner(x, 0);
	kan_pkg_index_free(x);
	kan_pkg_paths_free(wanted);
	kan_pkg_paths_free(links);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct kan_bytes text = {data + 2, size - 2}, package;
	const char *file = files[data[0] % (sizeof(files) / sizeof(files[0]))];
	enum kan_pkg_db db = kan_pkg_db_of(&package, kan_bytes_of(file));
	size_t cut = text.n ? data[1] % (text.n + 1) : 0;
	if (read_cut(db, text, 0) != read_cut(db, text, cut))
		abort();
	(void)kan_pkg_version_cmp((struct kan_bytes){text.p, cut},
				  (struct kan_bytes){text.p + cut, text.n - cut});
	own(file, text);
	return 0;
}
