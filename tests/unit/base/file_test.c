/* Our own files and the names of bundles. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "place.h"

Test(file, names_of_bundles_follow_the_grammar)
{
	static const char *const good[] = {"a",
					   "inspect.json",
					   "0",
					   "content",
					   "20261122t053312z-3f2a9c41d0be-7c1e",
					   "console",
					   "com",
					   "com10",
					   "auxiliary",
					   "x-_.y"};
	static const char *const bad[] = {"",       ".",       "..",       ".git",     "-a",
					  "_a",     "A",       "a.",       "a b",      "a/b",
					  "con",    "nul.txt", "aux",      "prn.json", "com0",
					  "lpt9.x", "a\n",     "\xc3\xa9", "a%20b",    "a\\b"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(kan_name_ok(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(kan_name_ok(bad[i]), "%s", bad[i]);
	char name[102];
	memset(name, 'a', sizeof(name));
	name[100] = 0;
	cr_assert(kan_name_ok(name));
	name[100] = 'a';
	name[101] = 0;
	cr_assert_not(kan_name_ok(name));
}

Test(file, paths_of_bundles_have_eight_parts_and_two_hundred_bytes_at_most)
{
	cr_assert(kan_path_ok("data/engine/inspect.json"));
	cr_assert(kan_path_ok("a/b/c/d/e/f/g/h"));
	cr_assert_not(kan_path_ok("a/b/c/d/e/f/g/h/i"));
	static const char *const bad[] = {"", "/a", "a/", "a//b", "a/../b", "a/./b", "a/B"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(kan_path_ok(bad[i]), "%s", bad[i]);
	char path[202];
	memset(path, 'a', sizeof(path));
	path[100] = '/';
	path[200] = 0;
	cr_assert(kan_path_ok(path));
	path[200] = 'a';
	path[201] = 0;
	cr_assert_not(kan_path_ok(path));
}

Test(file, a_file_is_created_once_with_exactly_its_mode)
{
	struct test_place p = test_place();
	struct stat st;
	struct kan_err err = {0};
	(void)umask(077);
	cr_assert_eq(kan_put_file(p.fd, "f", 0444, KAN_LIT("evidence"), &err), 0, "%s", err.text);
	cr_assert_eq(fstatat(p.fd, "f", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0444);
	cr_assert_eq(kan_put_file(p.fd, "f", 0444, KAN_LIT("other"), &err), -1);
	cr_assert_eq(err.sys, EEXIST);
	cr_assert_eq(symlinkat("elsewhere", p.fd, "link"), 0);
	cr_assert_eq(kan_put_file(p.fd, "link", 0444, KAN_LIT("x"), NULL), -1,
		     "a link is not written through");
	test_leave(&p);
}

Test(file, a_whole_file_is_there_with_its_mode_or_not_at_all)
{
	const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct test_place p = test_place();
	struct kan_err err = {0};
	struct stat st;
	(void)umask(077);
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(mkdirat(p.fd, "seal", 0700), 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	cr_assert_eq(kan_put_whole(p.fd, "seal/f", 0400, KAN_LIT("proof"), &err), -1);
	cr_assert_eq(err.sys, EFBIG, "%s", err.text);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
	cr_assert_eq(unlinkat(p.fd, "seal", AT_REMOVEDIR), 0, "nothing is left in it");
	cr_assert_eq(mkdirat(p.fd, "seal", 0700), 0);
	cr_assert_eq(kan_put_whole(p.fd, "seal/f", 0400, KAN_LIT("proof"), &err), 0, "%s",
		     err.text);
	cr_assert_eq(fstatat(p.fd, "seal/f", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0400);
	cr_assert_eq(st.st_size, 5);
	cr_assert_eq(kan_put_whole(p.fd, "seal/f", 0400, KAN_LIT("other"), &err), -1);
	cr_assert_eq(err.sys, EEXIST);
	cr_assert_eq(symlinkat("seal", p.fd, "link"), 0);
	cr_assert_eq(kan_put_whole(p.fd, "link/g", 0400, KAN_LIT("x"), NULL), -1,
		     "no link on the way");
	cr_assert_eq(kan_put_whole(p.fd, "g", 0400, KAN_LIT("x"), &err), 0, "%s", err.text);
	test_leave(&p);
}

Test(file, only_regular_files_are_read_and_no_link_is_followed)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf b = KAN_BUF(16);
	test_put(p.fd, "f", "0123456789abcdef");
	cr_assert_eq(kan_read_file(&b, p.fd, "f", &err), 0);
	cr_assert_str_eq(kan_buf_str(&b), "0123456789abcdef");
	cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
	cr_assert_eq(symlinkat("f", p.fd, "link"), 0);
	cr_assert_eq(kan_read_file(&b, p.fd, "fifo", &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert_eq(kan_read_file(&b, p.fd, "link", NULL), -1);
	cr_assert_eq(kan_read_file(&b, p.fd, ".", NULL), -1);
	cr_assert_eq(kan_read_file(&b, AT_FDCWD, "/dev/null", NULL), -1);
	cr_assert_eq(kan_read_file(&b, p.fd, "gone", &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	test_leave(&p);
}

Test(file, a_file_over_the_cap_is_a_limit_and_not_a_short_read)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf b = KAN_BUF(15);
	test_put(p.fd, "f", "0123456789abcdef");
	cr_assert_eq(kan_read_file(&b, p.fd, "f", &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_eq(b.len, 15, "what fits stays with the caller");
	test_leave(&p);
}

Test(file, a_path_below_a_root_never_leaves_it)
{
	struct test_place p = test_place();
	kan_auto_close int root = -1, fd = -1, other = -1;
	struct kan_err err = {0};
	cr_assert_eq(kan_mkdirs(p.fd, "root/etc", NULL), 0);
	test_put(p.fd, "secret", "host");
	test_put(p.fd, "root/etc/passwd", "target");
	cr_assert_eq(symlinkat("../secret", p.fd, "root/up"), 0);
	cr_assert_eq(symlinkat("/etc", p.fd, "root/abs"), 0);
	root = openat(p.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(kan_open_in_root(&fd, root, KAN_LIT("/etc/passwd"), O_RDONLY, &err), 0, "%s",
		     err.text);
	cr_assert_eq(kan_open_in_root(&other, root, KAN_LIT("/../../secret"), O_RDONLY, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND, "'..' of the root is the root");
	cr_assert_eq(kan_open_in_root(&other, root, KAN_LIT("/up"), O_RDONLY, &err), -1);
	cr_assert_eq(kan_open_in_root(&other, root, KAN_LIT("/abs/passwd"), O_RDONLY, &err), -1);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert_eq(kan_open_in_root(&other, root, KAN_LIT("/etc/pa\0sswd"), O_RDONLY, &err), -1);
	cr_assert_eq(kan_open_beneath(&other, root, "../secret", O_RDONLY, 0, &err), -1);
	cr_assert_eq(kan_open_beneath(&other, root, "/etc/passwd", O_RDONLY, 0, &err), -1);
	cr_assert_eq(other, -1);
	test_leave(&p);
}

Test(file, pseudo_files_are_read_and_links_on_the_way_are_not_followed)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	kan_auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(kan_read_pseudo(&b, proc, "sys/kernel/ostype", NULL), 0);
	cr_assert_str_eq(kan_buf_str(&b), "Linux\n");
	cr_assert_eq(kan_read_pseudo(&b, -1, "/proc/sys/kernel/osrelease", NULL), 0);
	cr_assert_eq(kan_read_pseudo(&b, proc, "self/stat", NULL), -1, "/proc/self is a link");
}

Test(file, directories_are_made_and_a_link_among_them_is_refused)
{
	struct test_place p = test_place();
	struct stat st;
	cr_assert_eq(kan_mkdirs(p.fd, "a/b/c", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "a/b/c", NULL), 0);
	cr_assert_eq(fstatat(p.fd, "a/b", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0700);
	cr_assert_eq(symlinkat("b", p.fd, "a/link"), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "a/link/d", NULL), -1);
	test_leave(&p);
}
