/* What we write, GNU tar reads; what anybody writes, the reader gives back as bytes. */
#include <spawn.h>
#include <sys/wait.h>

#include "base/digest.h"
#include "base/tar.h"
#include "place.h"

extern char **environ;

static int to_fd(void *arg, const void *p, size_t n, struct kan_err *err)
{
	return kan_write_all(*(int *)arg, p, n, err);
}

/* GNU tar's standard output. */
static void gnu_tar(struct kan_buf *out, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int ends[2], status = 0;
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	cr_assert_eq(posix_spawn(&pid, "/usr/bin/tar", &actions, NULL,
				 (char *const *)(uintptr_t)argv, environ),
		     0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	cr_assert_eq(kan_read_all(out, ends[0], NULL), 0);
	(void)close(ends[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "tar ended with %x", status);
}

struct fixture {
	struct test_place p;
	char path[128];
	int fd;
	struct kan_tar *tar;
};

static struct fixture start(void)
{
	struct fixture f = {.p = test_place(), .fd = -1};
	(void)snprintf(f.path, sizeof(f.path), "%s/t.tar", f.p.path);
	f.fd = open(f.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_geq(f.fd, 0);
	return f;
}

static void begin(struct fixture *f)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_tar_new(&f->tar, to_fd, &f->fd, &err), 0, "%s", err.text);
}

static void add(struct fixture *f, const struct kan_tar_entry *e, struct kan_bytes content)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_tar_entry(f->tar, e, &err), 0, "%s", err.text);
	if (content.n)
		cr_assert_eq(kan_tar_data(f->tar, content.p, content.n, &err), 0, "%s", err.text);
	cr_assert_eq(kan_tar_finish(f->tar, &err), 0, "%s", err.text);
}

static void add_file(struct fixture *f, struct kan_bytes path, struct kan_bytes content)
{
	add(f, &(struct kan_tar_entry){.path = path, .mode = S_IFREG | 0644, .size = content.n},
	    content);
}

static void end(struct fixture *f)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_tar_close(f->tar, &err), 0, "%s", err.text);
}

static void leave(struct fixture *f)
{
	(void)close(f->fd);
	test_leave(&f->p);
}

static void extracted(const struct fixture *f, const char *name, struct kan_bytes want)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(1 << 20);
	struct kan_err err = {0};
	cr_assert_eq(kan_read_file(&b, f->p.fd, name, &err), 0, "%s", err.text);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&b), want), "%s", name);
}

static void extract(const struct fixture *f)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	const char *const argv[] = {"tar", "--no-same-owner", "-xf", f->path,
				    "-C",  f->p.path,         NULL};
	gnu_tar(&out, argv);
}

Test(tar, gnu_tar_extracts_long_odd_and_broken_names_byte_for_byte)
{
	static char longest[180];
	struct fixture f = start();
	memset(longest, 'n', sizeof(longest) - 1);
	begin(&f);
	add_file(&f, KAN_LIT("/plain"), KAN_LIT("1"));
	add_file(&f, kan_bytes_of(longest), KAN_LIT("22"));
	add_file(&f, KAN_LIT("bad\xff\xfe\nname"), KAN_LIT("333"));
	add_file(&f, KAN_LIT("\xe9\x91\x91\xe8\xad\x98"), KAN_LIT("4444"));
	add_file(&f, KAN_LIT("e\xcc\x81"), KAN_LIT("decomposed"));
	add_file(&f, KAN_LIT("\xc3\xa9"), KAN_LIT("composed"));
	end(&f);
	extract(&f);
	extracted(&f, "plain", KAN_LIT("1"));
	extracted(&f, longest, KAN_LIT("22"));
	extracted(&f, "bad\xff\xfe\nname", KAN_LIT("333"));
	extracted(&f, "\xe9\x91\x91\xe8\xad\x98", KAN_LIT("4444"));
	extracted(&f, "e\xcc\x81", KAN_LIT("decomposed"));
	extracted(&f, "\xc3\xa9", KAN_LIT("composed"));
	leave(&f);
}

Test(tar, a_plain_entry_needs_no_extended_header)
{
	struct fixture f = start();
	struct stat st;
	begin(&f);
	add(&f,
	    &(struct kan_tar_entry){.path = KAN_LIT("etc/passwd"),
				    .mode = S_IFREG | 0644,
				    .size = 3,
				    .mtime_ns = 1690000000123456789},
	    KAN_LIT("abc"));
	end(&f);
	cr_assert_eq(fstat(f.fd, &st), 0);
	cr_assert_eq(st.st_size, 512 + 512 + 1024);
	leave(&f);
}

Test(tar, links_stay_links_and_set_id_is_cleared)
{
	struct fixture f = start();
	struct stat st, other;
	char target[64] = {0};
	begin(&f);
	add(&f, &(struct kan_tar_entry){.path = KAN_LIT("su"), .mode = S_IFREG | 06755, .size = 1},
	    KAN_LIT("x"));
	add(&f,
	    &(struct kan_tar_entry){
		    .path = KAN_LIT("hard"), .mode = S_IFREG | 06755, .hardlink = KAN_LIT("/su")},
	    (struct kan_bytes){0});
	add(&f,
	    &(struct kan_tar_entry){.path = KAN_LIT("soft"),
				    .mode = S_IFLNK | 0777,
				    .link = KAN_LIT("/etc/shadow")},
	    (struct kan_bytes){0});
	add(&f, &(struct kan_tar_entry){.path = KAN_LIT("dir"), .mode = S_IFDIR | 01755},
	    (struct kan_bytes){0});
	end(&f);
	extract(&f);
	cr_assert_eq(fstatat(f.p.fd, "su", &st, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert_eq(st.st_mode & 07000, 0);
	cr_assert_eq(fstatat(f.p.fd, "hard", &other, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert_eq(st.st_ino, other.st_ino);
	cr_assert_eq(readlinkat(f.p.fd, "soft", target, sizeof(target) - 1), 11);
	cr_assert_str_eq(target, "/etc/shadow");
	leave(&f);
}

Test(tar, a_sparse_file_of_many_gibibytes_costs_its_data_only)
{
	enum { DATA = 65536 };
	static uint8_t data[2 * DATA];
	struct fixture f = start();
	struct stat st;
	const uint64_t size = UINT64_C(20) << 30;
	const struct kan_tar_extent x[] = {{4096, DATA}, {size - DATA, DATA}};
	memset(data, 'd', sizeof(data));
	begin(&f);
	add(&f,
	    &(struct kan_tar_entry){.path = KAN_LIT("sparse"),
				    .mode = S_IFREG | 0600,
				    .size = size,
				    .extents = x,
				    .n_extents = 2},
	    (struct kan_bytes){data, sizeof(data)});
	add(&f,
	    &(struct kan_tar_entry){
		    .path = KAN_LIT("hole"), .mode = S_IFREG | 0600, .size = 1 << 30, .extents = x},
	    (struct kan_bytes){0});
	end(&f);
	cr_assert_eq(fstat(f.fd, &st), 0);
	cr_assert_lt(st.st_size, (off_t)(2 * sizeof(data)));
	extract(&f);
	cr_assert_eq(fstatat(f.p.fd, "sparse", &st, 0), 0);
	cr_assert_eq((uint64_t)st.st_size, size);
	cr_assert_lt(st.st_blocks * 512, 4 * DATA);
	kan_auto_close int fd = openat(f.p.fd, "sparse", O_RDONLY | O_CLOEXEC);
	uint8_t edge[3] = {0};
	cr_assert_eq(pread(fd, edge, 2, 4095), 2);
	cr_assert(edge[0] == 0 && edge[1] == 'd');
	cr_assert_eq(pread(fd, edge, 2, (off_t)(size - DATA - 1)), 2);
	cr_assert(edge[0] == 0 && edge[1] == 'd');
	cr_assert_eq(fstatat(f.p.fd, "hole", &st, 0), 0);
	cr_assert_eq(st.st_size, 1 << 30);
	leave(&f);
}

Test(tar, a_file_that_shrank_is_padded_and_one_that_grew_is_cut)
{
	struct fixture f = start();
	begin(&f);
	add(&f,
	    &(struct kan_tar_entry){.path = KAN_LIT("shrank"), .mode = S_IFREG | 0644, .size = 5},
	    KAN_LIT("ab"));
	add(&f, &(struct kan_tar_entry){.path = KAN_LIT("grew"), .mode = S_IFREG | 0644, .size = 2},
	    KAN_LIT("abcd"));
	add(&f, &(struct kan_tar_entry){.path = KAN_LIT("next"), .mode = S_IFREG | 0644, .size = 2},
	    KAN_LIT("ok"));
	end(&f);
	extract(&f);
	extracted(&f, "shrank", KAN_LIT("ab\0\0\0"));
	extracted(&f, "grew", KAN_LIT("ab"));
	extracted(&f, "next", KAN_LIT("ok"));
	leave(&f);
}

Test(tar, what_a_tar_cannot_hold_is_an_error_and_the_rest_goes_on)
{
	static uint8_t path[KAN_TAR_PATH_MAX + 1];
	struct fixture f = start();
	struct kan_err err = {0};
	const struct kan_tar_extent backwards[] = {{10, 10}, {5, 1}}, outside[] = {{10, 91}};
	memset(path, 'p', sizeof(path));
	begin(&f);
	cr_assert_eq(kan_tar_entry(
			     f.tar,
			     &(struct kan_tar_entry){.path = {path, sizeof(path)}, .mode = S_IFREG},
			     &err),
		     -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_eq(kan_tar_entry(f.tar,
				   &(struct kan_tar_entry){.path = KAN_LIT("s"), .mode = S_IFSOCK},
				   &err),
		     -1);
	cr_assert_eq(err.code, KAN_EUNSUPPORTED);
	struct kan_tar_entry e = {.path = KAN_LIT("x"),
				  .mode = S_IFREG,
				  .size = 100,
				  .extents = backwards,
				  .n_extents = 2};
	cr_assert_eq(kan_tar_entry(f.tar, &e, &err), -1);
	e.extents = outside;
	e.n_extents = 1;
	cr_assert_eq(kan_tar_entry(f.tar, &e, &err), -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	add_file(&f, KAN_LIT("ok"), KAN_LIT("ok"));
	end(&f);
	extract(&f);
	extracted(&f, "ok", KAN_LIT("ok"));
	leave(&f);
}

static int refuse(void *arg, const void *p, size_t n, struct kan_err *err)
{
	unsigned *left = arg;
	(void)p;
	(void)n;
	return (*left)-- ? 0 : kan_fail(err, KAN_EIO, "no space left");
}

Test(tar, a_failing_writer_is_told_with_its_own_words)
{
	static uint8_t block[4096];
	const struct kan_tar_entry e = {
		.path = KAN_LIT("x"), .mode = S_IFREG, .size = sizeof(block) + 1};
	unsigned told = 0; /* one after the other: header, data, padding, the archive's end */
	for (unsigned writes = 0; writes < 8; writes++) {
		struct kan_tar *t = NULL;
		struct kan_err err = {0};
		unsigned left = writes;
		cr_assert_eq(kan_tar_new(&t, refuse, &left, NULL), 0);
		int rc = kan_tar_entry(t, &e, &err);
		rc = rc < 0 ? rc : kan_tar_data(t, block, sizeof(block), &err);
		rc = rc < 0 ? rc : kan_tar_finish(t, &err);
		if (rc < 0)
			kan_tar_free(t);
		else
			rc = kan_tar_close(t, &err);
		if (rc == 0)
			break;
		cr_expect_str_eq(err.text, "no space left");
		told++;
	}
	cr_expect_geq(told, 4);
}

/* Reading back. */
struct got {
	struct kan_buf names; /* path>link|octets;sha256 */
	struct kan_digest *digest;
	uint64_t octets;
	unsigned stop_after, members;
};

static void close_member(struct got *g)
{
	char hex[KAN_SHA256_HEX];
	if (!g->members)
		return;
	kan_digest_finish(hex, g->digest);
	kan_buf_addf(&g->names, "|%llu;%.8s\n", (unsigned long long)g->octets, hex);
}

static int on_member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	struct got *g = arg;
	(void)err;
	close_member(g);
	g->members++;
	kan_buf_addb(&g->names, m->path);
	if (m->link.n || m->hardlink.n)
		kan_buf_addc(&g->names, '>');
	kan_buf_addb(&g->names, m->link);
	kan_buf_addb(&g->names, m->hardlink);
	g->octets = 0;
	kan_digest_start(g->digest);
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct got *g = arg;
	(void)err;
	g->octets += piece.n;
	kan_digest_add(g->digest, piece.p, piece.n);
	return 0;
}

struct feed {
	int fd;
	uint8_t block[4096];
};

static ssize_t pull(void *arg, const void **p, struct kan_err *err)
{
	struct feed *f = arg;
	ssize_t n = read(f->fd, f->block, sizeof(f->block));
	*p = f->block;
	return n < 0 ? kan_fail_sys(err, "read") : n;
}

static int read_back(struct got *g, int fd, struct kan_tar_visit v, struct kan_err *err)
{
	static struct feed feed;
	feed.fd = fd;
	*g = (struct got){.names = KAN_BUF(1 << 20), .digest = kan_digest_new()};
	v.member = on_member;
	v.data = on_data;
	v.arg = g;
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	int rc = kan_tar_read(pull, &feed, &v, err);
	if (rc == 0)
		close_member(g);
	kan_digest_free(g->digest);
	return rc;
}

Test(tar, the_reader_gives_back_names_links_and_logical_content)
{
	struct fixture f = start();
	struct got g;
	const struct kan_tar_extent x[] = {{3, 2}};
	begin(&f);
	add_file(&f, KAN_LIT("/a/\xe9\x91\x91"), KAN_LIT("abc"));
	add_file(&f, KAN_LIT("b\xff\n"), KAN_LIT(""));
	add_file(&f, KAN_LIT("e\xcc\x81"), KAN_LIT(""));
	add(&f,
	    &(struct kan_tar_entry){
		    .path = KAN_LIT("l"), .mode = S_IFLNK | 0777, .link = KAN_LIT("../\xfe")},
	    (struct kan_bytes){0});
	add(&f,
	    &(struct kan_tar_entry){
		    .path = KAN_LIT("h"), .mode = S_IFREG, .hardlink = KAN_LIT("a/\xe9\x91\x91")},
	    (struct kan_bytes){0});
	add(&f,
	    &(struct kan_tar_entry){
		    .path = KAN_LIT("s"), .mode = S_IFREG, .size = 8, .extents = x, .n_extents = 1},
	    KAN_LIT("de"));
	end(&f);
	cr_assert_eq(read_back(&g, f.fd, (struct kan_tar_visit){0}, NULL), 0);
	char hex[KAN_SHA256_HEX];
	kan_sha256_hex(hex, KAN_LIT("\0\0\0de\0\0\0"));
	char want[256];
	(void)snprintf(want, sizeof(want),
		       "a/\xe9\x91\x91|3;ba7816bf\nb\xff\n|0;e3b0c442\ne\xcc\x81|0;e3b0c442\nl>../"
		       "\xfe|0;e3b0c442\n"
		       "h>a/\xe9\x91\x91|0;e3b0c442\ns|8;%.8s\n",
		       hex);
	cr_assert_str_eq(kan_buf_str(&g.names), want);
	kan_buf_free(&g.names);
	leave(&f);
}

Test(tar, utf8_names_of_other_writers_survive_the_c_locale)
{
	struct fixture f = start();
	struct got g;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	cr_assert_eq(kan_mkdirs(f.p.fd, "in", NULL), 0);
	test_put(f.p.fd, "in/\xc3\xa9t\xc3\xa9", "abc");
	char in[128], tar[128];
	(void)snprintf(in, sizeof(in), "%s/in", f.p.path);
	(void)snprintf(tar, sizeof(tar), "%s/u.tar", f.p.path);
	const char *const argv[] = {"tar",
				    "--format=pax",
				    "--pax-option=path:=\xc3\xa9t\xc3\xa9",
				    "-cf",
				    tar,
				    "-C",
				    in,
				    "\xc3\xa9t\xc3\xa9",
				    NULL};
	gnu_tar(&out, argv);
	kan_auto_close int fd = open(tar, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(read_back(&g, fd, (struct kan_tar_visit){0}, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&g.names), "\xc3\xa9t\xc3\xa9|3;ba7816bf\n");
	kan_buf_free(&g.names);
	leave(&f);
}

Test(tar, members_and_bytes_have_a_maximum_and_garbage_is_refused)
{
	struct fixture f = start();
	struct got g;
	struct kan_err err = {0};
	begin(&f);
	for (int i = 0; i < 5; i++)
		add_file(&f, KAN_LIT("x"), KAN_LIT("0123456789"));
	end(&f);
	cr_assert_eq(read_back(&g, f.fd, (struct kan_tar_visit){.max_members = 4}, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_buf_free(&g.names);
	cr_assert_eq(read_back(&g, f.fd, (struct kan_tar_visit){.max_bytes = 49}, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_buf_free(&g.names);
	cr_assert_eq(ftruncate(f.fd, 700), 0);
	cr_assert_eq(read_back(&g, f.fd, (struct kan_tar_visit){0}, &err), -1, "cut short");
	kan_buf_free(&g.names);
	cr_assert_eq(pwrite(f.fd, "garbage", 7, 0), 7);
	cr_assert_eq(read_back(&g, f.fd, (struct kan_tar_visit){0}, &err), -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	kan_buf_free(&g.names);
	leave(&f);
}
