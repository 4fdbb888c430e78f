/* A directory against members that are handed in one by one: many of them, and long ones. */
#include "image/layerdir.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 5000, LONG = 240, NS = 1000000000 };

struct seen {
	size_t damage, unknown;
	unsigned bits;
	struct kan_err why;
};

static int on_damage(const struct kan_damage *d, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	(void)err;
	s->damage++;
	s->bits |= d->bits;
	return 0;
}

static void on_unknown(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct seen *s = arg;
	(void)path;
	s->unknown++;
	s->why = *why;
}

static int directory(char place[64])
{
	(void)snprintf(place, 64, "/tmp/layerdir-XXXXXX");
	cr_assert_not_null(mkdtemp(place));
	int fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	return fd;
}

static void member(struct kan_layerdir *l, const char *path, const struct stat *st)
{
	struct kan_layer_member m = {.path = kan_bytes_of(path), .mode = S_IFREG | 0600};
	if (st) {
		m.uid = st->st_uid;
		m.gid = st->st_gid;
		m.mtime_ns = (int64_t)st->st_mtim.tv_sec * NS;
	}
	cr_assert_eq(kan_layerdir_member(l, &m, NULL), 0);
}

static struct kan_layerdir *begin(int fd, struct seen *s)
{
	const struct kan_layerdir_opts o = {
		.fd = fd, .damage = on_damage, .unknown = on_unknown, .arg = s};
	return kan_layerdir_new(&o);
}

static void name_of(char out[LONG + 16], const char *before, int n)
{
	(void)snprintf(out, LONG + 16, "%s%d%0*d", before, n, LONG, 0);
}

Test(layerdir, thousands_of_names_that_are_hidden_and_made_anew_are_no_damage)
{
	char place[64], name[LONG + 16];
	int fd = directory(place);
	struct seen s = {0};
	struct stat st;
	struct kan_layerdir *l = begin(fd, &s);
	for (int n = 0; n < MANY; n++) {
		name_of(name, "", n);
		int file = openat(fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		cr_assert_geq(file, 0);
		(void)close(file);
		name_of(name, ".wh.", n);
		member(l, name, NULL);
	}
	for (int n = 0; n < MANY; n++) {
		name_of(name, "", n);
		cr_assert_eq(fstatat(fd, name, &st, 0), 0);
		member(l, name, &st);
	}
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_assert_eq(s.damage, 0, "%zu: %#x", s.damage, s.bits);
	cr_assert_eq(s.unknown, 0);
	for (int n = 0; n < MANY; n++) {
		name_of(name, "", n);
		cr_assert_eq(unlinkat(fd, name, 0), 0);
	}
	(void)rmdir(place);
	kan_layerdir_free(l);
	(void)close(fd);
}

Test(layerdir, thousands_of_whiteouts_that_are_not_there_are_named_each)
{
	char place[64], name[LONG + 16];
	int fd = directory(place);
	struct seen s = {0};
	struct kan_layerdir *l = begin(fd, &s);
	for (int n = 0; n < MANY; n++) {
		name_of(name, ".wh.", n);
		member(l, name, NULL);
	}
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_assert_eq(s.damage, (size_t)MANY);
	cr_assert_eq(s.bits, (unsigned)KAN_DAMAGE_WHITEOUT);
	(void)rmdir(place);
	kan_layerdir_free(l);
	(void)close(fd);
}

Test(layerdir, of_a_name_that_is_in_the_tar_twice_the_last_is_compared)
{
	char place[64];
	int fd = directory(place);
	struct seen s = {0};
	struct stat st;
	struct kan_layerdir *l = begin(fd, &s);
	(void)close(openat(fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cr_assert_eq(fstatat(fd, "f", &st, 0), 0);
	struct kan_layer_member m = {.path = KAN_LIT("f"), .mode = S_IFREG | 04755, .uid = 5};
	cr_assert_eq(kan_layerdir_member(l, &m, NULL), 0);
	member(l, "f", &st);
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_assert_eq(s.damage, 1);
	cr_assert_eq(s.bits, (unsigned)KAN_DAMAGE_DUPLICATE, "%#x", s.bits);
	cr_assert_eq(unlinkat(fd, "f", 0), 0);
	(void)rmdir(place);
	kan_layerdir_free(l);
	(void)close(fd);
}

Test(layerdir, what_aufs_kept_for_itself_is_looked_for_nowhere)
{
	char place[64];
	int fd = directory(place);
	struct seen s = {0};
	struct kan_layerdir *l = begin(fd, &s);
	member(l, ".wh..wh.aufs", NULL);
	member(l, ".wh..wh.plnk/12.34", NULL);
	member(l, "./.wh..wh.orph/x", NULL);
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_assert_eq(s.damage, 0, "%#x", s.bits);
	(void)rmdir(place);
	kan_layerdir_free(l);
	(void)close(fd);
}

Test(layerdir, a_file_in_place_of_a_whiteout_is_both)
{
	char place[64];
	int fd = directory(place);
	struct seen s = {0};
	struct kan_layerdir *l = begin(fd, &s);
	(void)close(openat(fd, "w", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	member(l, ".wh.w", NULL);
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_assert_eq(s.damage, 1);
	cr_assert_eq(s.bits, (unsigned)(KAN_DAMAGE_WHITEOUT | KAN_DAMAGE_EXTRA));
	cr_assert_eq(unlinkat(fd, "w", 0), 0);
	(void)rmdir(place);
	kan_layerdir_free(l);
	(void)close(fd);
}
