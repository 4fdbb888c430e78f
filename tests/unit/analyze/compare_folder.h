/* Folders laid out like bundles, for comparisons. */
#ifndef KAN_TEST_COMPARE_FOLDER_H
#define KAN_TEST_COMPARE_FOLDER_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/compare.h"
#include "base/file.h"

#define BASE TOP "/tests/fixtures/rules/base"
#define CHANGES "data/filesystem/changes.ndjson"
#define BELOW(more) "\"below\":{\"layer\":0,\"type\":\"file\"," more "}"

struct folder {
	char dir[64];
	struct kan_source *source;
	struct kan_side *side;
};

__attribute__((unused)) static struct folder folder(void)
{
	struct folder f = {.dir = "/tmp/kanshiki-cmp-XXXXXX"};
	cr_assert_not_null(mkdtemp(f.dir));
	return f;
}

__attribute__((unused)) static void put(const struct folder *f, const char *path, const char *text)
{
	char whole[256];
	struct kan_err err = {0};
	(void)snprintf(whole, sizeof whole, "%s/%s", f->dir, path);
	for (char *slash = strchr(whole + strlen(f->dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(whole, 0700);
		*slash = '/';
	}
	cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, kan_bytes_of(text), &err), 0, "%s",
		     err.text);
}

__attribute__((unused)) static void open_over(struct folder *f, const char *base)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_source_dir(&f->source, f->dir, base, &err), 0, "%s", err.text);
	cr_assert_eq(kan_side_open(&f->side, f->source, &err), 0, "%s", err.text);
}

__attribute__((unused)) static void open_folder(struct folder *f)
{
	open_over(f, BASE);
}

__attribute__((unused)) static void leave(struct folder *f)
{
	char command[128];
	kan_side_free(f->side);
	kan_source_free(f->source);
	(void)snprintf(command, sizeof command, "rm -r %s", f->dir);
	FILE *p = popen(command, "r");
	cr_assert_eq(pclose(p), 0);
}

#endif
