/* A directory against members that are handed in one by one: many of them, and long ones. */
#include "image/layerdir.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/idmap.h"
#include "image/layerfacts.h"
#include "image/lower.h"
#include "image/xattrs.h"

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

Test(layerdir, when_too_much_was_looked_up_below_no_more_is_said_to_be_damaged)
{
	enum { DEEP = 1900, MARKS = 40 }; /* a mark costs the square of its depth */
	char place[64], path[2 * DEEP + 32];
	int fd = directory(place);
	struct seen s = {0};
	struct kan_stack below;
	const struct kan_layer layer = {.fd = fd};
	kan_stack_init(&below, &layer, 1, false);
	const struct kan_layerdir_opts o = {.fd = fd,
					    .below = &below,
					    .opener = below.opener,
					    .damage = on_damage,
					    .unknown = on_unknown,
					    .arg = &s};
	struct kan_layerdir *l = kan_layerdir_new(&o);
	for (size_t i = 0; i < DEEP; i++)
		memcpy(path + 2 * i, "a/", 2);
	for (int i = 0; i < MARKS; i++) { /* of nothing below: they hide nothing */
		(void)snprintf(path + (size_t)2 * DEEP, 32, ".wh.%d", i);
		member(l, path, NULL);
	}
	member(l, "x/.wh..wh..opq", NULL);
	cr_assert_eq(kan_layerdir_finish(l, NULL), 0);
	cr_expect_eq(s.damage, 0, "%zu: %#x", s.damage, s.bits);
	cr_expect_eq(s.unknown, 1, "%zu", s.unknown);
	cr_expect_eq(s.why.code, KAN_ELIMIT);
	(void)rmdir(place);
	kan_layerdir_free(l);
	kan_stack_free(&below);
	(void)close(fd);
}

#define MAP "         0       1000          1\n         1     100000      65536\n"
#define V2 "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define V3(root) "\1\0\0\3\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0" root
#define ROOT "\xe8\3\0\0" /* 1000 */

static struct kan_idmaps maps_of(const char *text)
{
	struct kan_idmaps m = {0};
	kan_idmap_parse(&m.uid, kan_bytes_of(text));
	kan_idmap_parse(&m.gid, kan_bytes_of(text));
	return m;
}

static unsigned owners(const struct kan_idmaps *m, uint64_t in_tar, uint32_t found)
{
	const struct statx st = {.stx_mode = S_IFREG | 0644, .stx_uid = found, .stx_gid = found};
	const struct kan_layer_member member = {
		.mode = S_IFREG | 0644, .uid = in_tar, .gid = in_tar};
	const struct kan_layer_facts f = {.st = &st, .owners = m};
	return kan_layer_differs(&member, &f) & KAN_DAMAGE_OWNER;
}

Test(layerdir, owners_are_those_that_the_engines_namespace_has_for_the_tars)
{
	struct kan_idmaps users = maps_of(MAP), none = maps_of(""), unknown = {.unknown = true};
	cr_expect_not(owners(&users, 0, 1000));
	cr_expect_not(owners(&users, 33, 100032));
	cr_expect(owners(&users, 0, 0), "root's file in a user's layer");
	cr_expect(owners(&users, 33, 1000));
	cr_expect_not(owners(&none, 33, 33));
	cr_expect(owners(&none, 33, 34));
	cr_expect_not(owners(&unknown, 33, 34), "not known");
}

static unsigned capability(const struct kan_idmaps *m, struct kan_bytes tar, struct kan_bytes found)
{
	const struct statx st = {.stx_mode = S_IFREG | 0644, .stx_uid = 1000, .stx_gid = 1000};
	struct kan_buf one = KAN_BUF(1024), other = KAN_BUF(1024);
	kan_xattrs_add(&one, KAN_LIT("security.capability"), tar);
	kan_xattrs_add(&other, KAN_LIT("security.capability"), found);
	const struct kan_layer_member member = {.mode = S_IFREG | 0644,
						.xattrs = kan_buf_bytes(&one)};
	const struct kan_layer_facts f = {.st = &st, .xattrs = kan_buf_bytes(&other), .owners = m};
	unsigned bits = kan_layer_differs(&member, &f) & KAN_DAMAGE_CAPABILITY;
	kan_buf_free(&one);
	kan_buf_free(&other);
	return bits;
}

Test(layerdir, a_capability_that_a_users_root_has_set_is_the_tars)
{
	struct kan_idmaps users = maps_of(MAP), unknown = {.unknown = true};
	cr_expect_not(capability(&users, KAN_LIT(V2), KAN_LIT(V2)));
	cr_expect_not(capability(&users, KAN_LIT(V2), KAN_LIT(V3(ROOT))));
	cr_expect(capability(&users, KAN_LIT(V2), KAN_LIT(V3("\1\0\0\0"))), "of another root");
	cr_expect_not(capability(&unknown, KAN_LIT(V2), KAN_LIT(V3("\1\0\0\0"))), "not known");
	cr_expect(capability(&users, KAN_LIT(V3(ROOT)), KAN_LIT(V2)));
	cr_expect(capability(&users, KAN_LIT(V2),
			     KAN_LIT("\1\0\0\3\0\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0" ROOT)),
		  "other bits");
}

Test(layerdir, a_map_of_ids_says_which_ids_it_was_given)
{
	struct kan_idmaps m = maps_of(MAP "x");
	cr_expect_eq(m.uid.n, 2);
	cr_expect(kan_idmap_has(&m.uid, 1000) && kan_idmap_has(&m.uid, 165535));
	cr_expect_not(kan_idmap_has(&m.uid, 165536) || kan_idmap_has(&m.uid, 1001));
	cr_expect_eq(maps_of("0 1000").uid.n, 0);
	cr_expect_eq(maps_of("0 0 99999999999999999999").uid.n, 0);
}
