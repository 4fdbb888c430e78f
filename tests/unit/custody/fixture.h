/* What the custody tests stand on: a scratch directory, sealed bags made by hand, other people's
 * tools. */
#ifndef KAN_TEST_CUSTODY_FIXTURE_H
#define KAN_TEST_CUSTODY_FIXTURE_H

#include <kanshiki/bundle.h>
#include <kanshiki/bytes.h>
#include <kanshiki/custody.h>

#define BUNDLE_A "20261122t053312z-3f2a9c41d0be-7c1e"
#define BUNDLE_B "20261123t101500z-3f2a9c41d0be-0b2d"

struct fixture {
	char dir[256];
	char home[300], repo[320];
};
/* A scratch directory of its own; home and repo are paths in it that do not exist yet. */
void fixture_make(struct fixture *f);
void fixture_remove(struct fixture *f);
#define auto_fixture __attribute__((cleanup(fixture_remove)))

/* bash -c of the text, in dir, with an environment of its own. The status; out gets both streams.
 */
int fixture_run(struct kan_buf *out, const char *dir, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, and the test fails with the output when the status is not 0. Without its last LF. */
char *fixture_must(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A sealed bag as bundle.md has it, below f->dir. path gets its directory. marker makes contents
 * differ. */
void fixture_bag(char path[512], const struct fixture *f, const char *name, const char *marker);
/* Write a file, whatever was there. */
void fixture_write(const char *dir, const char *path, const void *p, size_t n);
void fixture_read(struct kan_buf *out, const char *path);
/* The key in f->dir/name; the test fails when it cannot be loaded. For kan_key_free. */
struct kan_key *fixture_key(const struct fixture *f, const char *name);

/* Home opened, bag made, signed and committed as case inc-42 by Aiko Mori. */
void fixture_commit(struct kan_receipt *out, struct fixture *f, const char *bundle);
extern const struct kan_act fixture_act;

/* What a verify said: each finding as one line "name result kind path: detail". */
struct findings {
	struct kan_buf text;
	unsigned failed;
};
void findings_fn(const struct kan_check *check, void *arg);
#define FINDINGS ((struct findings){.text = KAN_BUF(1 << 20)})
/* Was this said? result "ok", "failed", "not-done"; path and detail are substrings. */
bool said(const struct findings *f, const char *name, const char *result, const char *path,
	  const char *detail);

#endif
