/* The walk and the open rule against what a container can put in the way. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "base/row.h"
#include "base/tree.h"
#include "held.h"

enum { MANY = 10000, DEEP = 300, NAME = 200 };

struct seen {
	struct kan_buf paths; /* one a line, in walk order */
	unsigned entries, posts, problems;
	size_t longest;
	struct kan_err err;
	const char *skip;
	unsigned stop_at;
};

static enum kan_tree_next on_entry(const struct kan_tree_entry *e, void *arg)
{
	struct seen *s = arg;
	if (e->post) {
		s->posts++;
		return KAN_TREE_GO;
	}
	s->entries++;
	s->longest = e->path.n > s->longest ? e->path.n : s->longest;
	kan_buf_addb(&s->paths, e->path);
	kan_buf_addc(&s->paths, '\n');
	if (s->skip && kan_bytes_eq(e->name, kan_bytes_of(s->skip)))
		return KAN_TREE_SKIP;
	return s->stop_at && s->entries >= s->stop_at ? KAN_TREE_STOP : KAN_TREE_GO;
}

static void on_problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct seen *s = arg;
	(void)path;
	s->problems++;
	s->err = *err;
}

static int walk(struct seen *s, int root, struct kan_tree_walk w, struct kan_err *err)
{
	s->paths = KAN_BUF(64 << 20);
	w.fn = on_entry;
	w.problem = on_problem;
	w.arg = s;
	return kan_tree_walk(&w, root, err);
}

Test(tree, every_entry_is_met_once_and_special_files_are_never_opened)
{
	struct test_place p = test_place();
	struct seen s = {0};
	cr_assert_eq(kan_mkdirs(p.fd, "dir/sub", NULL), 0);
	test_put(p.fd, "dir/sub/file", "x");
	cr_assert_eq(symlinkat("/etc/shadow", p.fd, "dir/link"), 0);
	cr_assert_eq(symlinkat("..", p.fd, "dir/loop"), 0);
	cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
	(void)mknodat(p.fd, "dev", S_IFCHR | 0600, makedev(0, 0)); /* a whiteout; needs root */
	(void)unlinkat(p.fd, "dev", 0);
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){.sorted = true, .post = true}, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&s.paths),
			 "/\n/dir\n/dir/link\n/dir/loop\n/dir/sub\n/dir/sub/file\n/fifo\n");
	cr_assert_eq(s.posts, 3, "each directory again, the root too");
	cr_assert_eq(s.problems, 0);
	kan_buf_free(&s.paths);
	test_leave(&p);
}

Test(tree, names_of_every_byte_are_kept)
{
	struct test_place p = test_place();
	struct seen s = {0};
	for (int c = 1; c < 256; c++) {
		char name[3] = {(char)c, 'x', 0};
		if (c != '/')
			test_put(p.fd, name, "");
	}
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){.sorted = true}, NULL), 0);
	const char *at = kan_buf_str(&s.paths) + 2;
	for (int c = 1; c < 256; c++) {
		if (c == '/')
			continue;
		cr_assert_eq((uint8_t)at[1], c);
		at += 4;
	}
	cr_assert_eq(s.entries, 255);
	kan_buf_free(&s.paths);
	test_leave(&p);
}

Test(tree, ten_thousand_entries_are_met_once_each_in_any_order)
{
	struct test_place p = test_place();
	struct seen s = {0};
	static bool met[MANY];
	for (int i = 0; i < MANY; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "f%d", i);
		test_put(p.fd, name, "");
	}
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){0}, NULL), 0);
	cr_assert_eq(s.entries, MANY + 1);
	for (const char *at = strstr(kan_buf_str(&s.paths), "/f"); at; at = strstr(at + 1, "/f")) {
		long i = strtol(at + 2, NULL, 10);
		cr_assert_not(met[i]);
		met[i] = true;
	}
	kan_buf_free(&s.paths);
	test_leave(&p);
}

Test(tree, a_path_beyond_path_max_is_walked_with_few_descriptors)
{
	struct test_place p = test_place();
	struct seen s = {0};
	struct rlimit few = {KAN_TREE_HELD + 24, KAN_TREE_HELD + 24};
	char name[NAME + 1];
	memset(name, 'd', NAME);
	name[NAME] = 0;
	kan_auto_close int dir = dup(p.fd);
	for (int i = 0; i < DEEP; i++) {
		cr_assert_eq(mkdirat(dir, name, 0700), 0);
		int next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(dir);
		dir = next;
		test_put(dir, "side", "");
	}
	test_put(dir, "leaf", "found");
	struct rlimit before;
	(void)getrlimit(RLIMIT_NOFILE, &before);
	few.rlim_max = before.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){.post = true}, NULL), 0);
	(void)setrlimit(RLIMIT_NOFILE, &before);
	cr_assert_eq(s.problems, 0, "%s", s.err.text);
	cr_assert_eq(s.entries, 1 + DEEP * 2 + 1);
	cr_assert_eq(s.posts, DEEP + 1);
	cr_assert_eq(s.longest, (size_t)DEEP * (NAME + 1) + 5);
	cr_assert_not_null(strstr(kan_buf_str(&s.paths), "/leaf\n"));
	kan_buf_free(&s.paths);
	test_leave(&p);
}

Test(tree, a_limit_on_entries_is_told_and_nothing_is_met_beyond_it)
{
	struct test_place p = test_place();
	struct seen s = {0};
	struct kan_err err = {0};
	for (int i = 0; i < 10; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "%d", i);
		test_put(p.fd, name, "");
	}
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){.max_entries = 4}, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_eq(s.entries, 1 + 4);
	kan_buf_free(&s.paths);
	test_leave(&p);
}

Test(tree, a_caller_may_skip_a_directory_or_stop)
{
	struct test_place p = test_place();
	struct seen s = {.skip = "b"}, halted = {.stop_at = 3};
	cr_assert_eq(kan_mkdirs(p.fd, "a/x", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "b/y", NULL), 0);
	cr_assert_eq(walk(&s, p.fd, (struct kan_tree_walk){.sorted = true}, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&s.paths), "/\n/a\n/a/x\n/b\n");
	cr_assert_eq(walk(&halted, p.fd, (struct kan_tree_walk){.sorted = true}, NULL), 0);
	cr_assert_eq(halted.entries, 3);
	kan_buf_free(&s.paths);
	kan_buf_free(&halted.paths);
	test_leave(&p);
}

/* The attacker of the open rule: a directory and a link to the host's files change places all the
 * time. */
struct swapper {
	int dir;
	atomic_bool stop;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;
	while (!atomic_load(&s->stop))
		(void)renameat2(s->dir, "victim", s->dir, "link", RENAME_EXCHANGE);
	return NULL;
}

static enum kan_tree_next look_for_host(const struct kan_tree_entry *e, void *arg)
{
	char text[16] = {0};
	bool noatime = true;
	kan_auto_close int fd = -1;
	if (!S_ISREG(e->st->stx_mode) || kan_tree_open(&fd, &noatime, e->fd, NULL) < 0)
		return KAN_TREE_GO;
	if (read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, "host") == 0)
		++*(unsigned *)arg;
	return KAN_TREE_GO;
}

Test(tree, a_swapped_link_never_leads_to_a_file_of_the_host)
{
	struct test_place p = test_place();
	cr_assert_eq(kan_mkdirs(p.fd, "host", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "root/victim", NULL), 0);
	test_put(p.fd, "host/secret", "host");
	test_put(p.fd, "root/victim/secret", "mine");
	cr_assert_eq(symlinkat("../host", p.fd, "root/link"), 0);
	kan_auto_close int root = openat(p.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct swapper s = {.dir = root};
	pthread_t thread;
	unsigned leaked = 0;
	cr_assert_eq(pthread_create(&thread, NULL, swap, &s), 0);
	for (int i = 0; i < 2000; i++) {
		struct kan_tree_walk w = {.fn = look_for_host, .arg = &leaked};
		(void)kan_tree_walk(&w, root, NULL);
	}
	atomic_store(&s.stop, true);
	(void)pthread_join(thread, NULL);
	cr_assert_eq(leaked, 0);
	test_leave(&p);
}

Test(tree, only_files_and_directories_are_ever_opened)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	bool noatime = false;
	int fd = -1;
	test_put(p.fd, "file", "x");
	cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
	cr_assert_eq(symlinkat("file", p.fd, "link"), 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", p.path);
	kan_auto_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(sock, (struct sockaddr *)&a, sizeof(a)), 0);
	static const char *const special[] = {"fifo", "link", "sock"};
	for (size_t i = 0; i < 3; i++) {
		kan_auto_close int pin = test_pinned(p.fd, special[i]);
		cr_assert_eq(kan_tree_open(&fd, &noatime, pin, &err), -1, "%s", special[i]);
		cr_assert_eq(err.code, KAN_EREFUSED);
		cr_assert_eq(fd, -1);
	}
	kan_auto_close int pin = test_pinned(p.fd, "file");
	kan_auto_close int zero = open("/dev/zero", O_PATH | O_CLOEXEC);
	cr_assert_eq(kan_tree_open(&fd, &noatime, zero, NULL), -1);
	cr_assert_eq(kan_tree_open(&fd, &noatime, pin, &err), 0, "%s", err.text);
	cr_assert(noatime);
	(void)close(fd);
	test_leave(&p);
}

Test(tree, reading_leaves_no_trace_in_the_access_time)
{
	struct test_place p = test_place();
	struct stat before, after;
	bool noatime = false;
	kan_auto_close int fd = -1;
	char c = 0;
	test_put(p.fd, "file", "x");
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	cr_assert_eq(utimensat(p.fd, "file", old, 0), 0);
	cr_assert_eq(fstatat(p.fd, "file", &before, 0), 0);
	kan_auto_close int pin = test_pinned(p.fd, "file");
	cr_assert_eq(kan_tree_open(&fd, &noatime, pin, NULL), 0);
	cr_assert_eq(read(fd, &c, 1), 1);
	cr_assert_eq(fstatat(p.fd, "file", &after, 0), 0);
	cr_assert_eq(before.st_atim.tv_sec, after.st_atim.tv_sec);
	test_leave(&p);
}

/* What blocks is a problem; what lies beside it is met. */
static void walk_beside(uint64_t of)
{
	struct test_place p = test_place();
	struct seen s = {0};
	struct kan_tree_opener *o = kan_tree_opener_new();
	cr_assert_eq(kan_mkdirs(p.fd, "a", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "b", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "c", NULL), 0);
	test_put(p.fd, "a/1", "x");
	test_put(p.fd, "b/2", "x");
	test_put(p.fd, "c/3", "x");
	int notes = test_held(p.fd, "b", of | FAN_ONDIR);
	cr_expect_eq(walk(&s, p.fd, (struct kan_tree_walk){.sorted = true, .opener = o}, NULL), 0);
	cr_expect_str_eq(kan_buf_str(&s.paths), "/\n/a\n/a/1\n/b\n/c\n/c/3\n");
	cr_expect_eq(s.problems, 1);
	cr_expect_eq(s.err.sys, ETIMEDOUT);
	(void)close(notes);
	kan_buf_free(&s.paths);
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(tree, a_directory_that_never_opens_is_a_problem_and_the_walk_goes_on, .timeout = 60)
{
	walk_beside(FAN_OPEN_PERM);
}

Test(tree, a_directory_that_never_lists_is_a_problem_and_the_walk_goes_on, .timeout = 60)
{
	walk_beside(FAN_ACCESS_PERM);
}

Test(tree, with_a_bound_the_walk_meets_what_it_meets_without, .timeout = 60)
{
	struct test_place p = test_place();
	struct seen with = {0}, without = {0};
	struct kan_tree_opener *o = kan_tree_opener_new();
	char name[NAME + 16];
	cr_assert_eq(kan_mkdirs(p.fd, "many", NULL), 0);
	for (int i = 0; i < MANY; i++) { /* over KAN_TREE_DENTS octets of names */
		(void)snprintf(name, sizeof(name), "many/%0*d", NAME, i);
		test_put(p.fd, name, "");
	}
	for (int sorted = 0; sorted < 2; sorted++) {
		struct kan_tree_walk w = {.sorted = sorted, .opener = o};
		with = without = (struct seen){0};
		cr_expect_eq(walk(&with, p.fd, w, NULL), 0);
		w.opener = NULL;
		cr_expect_eq(walk(&without, p.fd, w, NULL), 0);
		cr_expect_eq(with.entries, MANY + 2U);
		cr_expect_eq(with.problems, 0);
		cr_expect(!sorted ||
			  kan_bytes_eq(kan_buf_bytes(&with.paths), kan_buf_bytes(&without.paths)));
		kan_buf_free(&with.paths);
		kan_buf_free(&without.paths);
	}
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(tree, a_link_target_is_bytes)
{
	struct test_place p = test_place();
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	cr_assert_eq(symlinkat("/a\xff\n\x1b", p.fd, "link"), 0);
	kan_auto_close int pin = test_pinned(p.fd, "link");
	cr_assert_eq(kan_tree_readlink(&b, pin, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&b), "/a\xff\n\x1b");
	test_leave(&p);
}

static void on_xattr(struct kan_bytes name, struct kan_bytes value, void *arg)
{
	struct kan_buf *b = arg;
	kan_buf_addb(b, name);
	kan_buf_addc(b, '=');
	kan_buf_addb(b, value);
	kan_buf_addc(b, ';');
}

Test(tree, extended_attributes_are_read_of_files_directories_and_links)
{
	struct test_place p = test_place();
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	char path[128];
	test_put(p.fd, "file", "");
	cr_assert_eq(symlinkat("file", p.fd, "link"), 0);
	(void)snprintf(path, sizeof(path), "%s/file", p.path);
	if (setxattr(path, "user.mark", "a\0b", 3, 0) < 0)
		cr_skip_test("this file system has no extended attributes");
	kan_auto_close int file = test_pinned(p.fd, "file"), link = test_pinned(p.fd, "link");
	cr_assert_eq(kan_tree_xattrs(file, p.fd, KAN_LIT("file"), on_xattr, &b, NULL), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&b), KAN_LIT("user.mark=a\0b;")));
	kan_buf_reset(&b);
	cr_assert_eq(kan_tree_xattrs(link, p.fd, KAN_LIT("link"), on_xattr, &b, NULL), 0);
	cr_assert_eq(b.len, 0, "the link's own, not its target's");
	test_leave(&p);
}

/* By the path and by the descriptor of the open file. */
Test(tree, attributes_of_any_length_are_whole_both_ways)
{
	enum { LONGEST = 3000, NAMED = 240, N = 6 }; /* what ext4 has room for in one block */
	static const size_t lengths[] = {0, 1, 1023, 1024, 1025, LONGEST};
	struct test_place p = test_place();
	char path[128], name[NAMED + 1] = "user.";
	uint8_t value[LONGEST];
	memset(value, 'v', sizeof(value));
	memset(name + 5, 'n', NAMED - 5);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) + 1; i++) {
		bool names = i == sizeof(lengths) / sizeof(lengths[0]);
		kan_auto_buf struct kan_buf want = KAN_BUF(1 << 16), by_path = KAN_BUF(1 << 16),
					    by_fd = KAN_BUF(1 << 16);
		char file[8] = {'f', (char)('0' + i)};
		test_put(p.fd, file, "");
		(void)snprintf(path, sizeof(path), "%s/%s", p.path, file);
		for (int k = 0; k < (names ? N : 1); k++) { /* more than 1 KiB of names */
			size_t n = names ? 1 : lengths[i];
			name[NAMED - 1] = (char)('0' + k);
			if (setxattr(path, name, value, n, 0) < 0)
				cr_skip_test("this file system has no such attributes");
			on_xattr(kan_bytes_of(name), (struct kan_bytes){value, n}, &want);
		}
		kan_auto_close int pin = test_pinned(p.fd, file);
		kan_auto_close int fd = openat(p.fd, file, O_RDONLY | O_CLOEXEC);
		cr_expect_eq(
			kan_tree_xattrs(pin, p.fd, kan_bytes_of(file), on_xattr, &by_path, NULL),
			0);
		cr_expect_eq(kan_tree_open_xattrs(fd, on_xattr, &by_fd, NULL), 0);
		cr_expect(kan_bytes_eq(kan_buf_bytes(&by_path), kan_buf_bytes(&by_fd)), "%zu", i);
		cr_expect_eq(by_fd.len, want.len, "%zu", i);
		cr_expect(names || kan_bytes_eq(kan_buf_bytes(&by_fd), kan_buf_bytes(&want)), "%zu",
			  i);
	}
	test_leave(&p);
}

Test(tree, a_root_that_is_no_directory_is_refused)
{
	struct test_place p = test_place();
	struct seen s = {0};
	struct kan_err err = {0};
	test_put(p.fd, "file", "");
	kan_auto_close int pin = test_pinned(p.fd, "file");
	cr_assert_eq(walk(&s, pin, (struct kan_tree_walk){0}, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert_eq(walk(&s, -1, (struct kan_tree_walk){0}, &err), -1);
	test_leave(&p);
}
