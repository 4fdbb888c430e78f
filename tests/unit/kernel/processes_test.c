/* Both passes, over processes that the test has made. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/process.h"
#include "mute_fuse.h"
#include "subjects.h"

#define NOBODY "0000000000000000000000000000000000000000000000000000000000000000"

static struct subjects *s;
static struct kan_processes all;
static bool is_frozen;
static unsigned stuck_calls;

static bool frozen(const void *arg)
{
	(void)arg;
	return is_frozen;
}

static void stuck(void *arg)
{
	(void)arg;
	stuck_calls++;
	is_frozen = false;
}

static void setup(void)
{
	s = subjects_new();
	is_frozen = true;
}

static void teardown(void)
{
	kan_processes_free(&all);
	subjects_free(s);
}

TestSuite(processes, .init = setup, .fini = teardown);

static void look(void)
{
	struct kan_err err = {0};
	struct kan_processes_ask ask = {.members = {.proc_fd = s->proc_fd,
						    .init_dir = s->init_dir,
						    .id = NOBODY,
						    .pid_private = true,
						    .unheld = true},
					.root_fd = s->root_fd,
					.frozen = frozen,
					.stuck = stuck};
	cr_assert_eq(kan_processes_read(&all, &ask, &err), 0, "%s", err.text);
}

static const struct kan_process *of(pid_t pid)
{
	const struct kan_process *p = kan_processes_find(&all, pid);
	cr_assert_not_null(p, "%d is no member", (int)pid);
	return p;
}

static bool holds(const struct kan_process *p)
{
	return kan_held_find(&all.held, makedev(p->exe.st.stx_dev_major, p->exe.st.stx_dev_minor),
			     p->exe.st.stx_ino) != KAN_HELD_NONE;
}

static void raw_is(const struct kan_process *p, enum kan_proc_file f, struct kan_bytes want)
{
	cr_assert(p->has & 1u << f, "%s was not read", kan_proc_file_name(f));
	cr_assert(kan_bytes_eq(kan_buf_bytes(&p->raw[f]), want), "%s: %.*s", kan_proc_file_name(f),
		  (int)p->raw[f].len, (const char *)p->raw[f].data);
}

enum { MANY = 90, SOCKETS = 400 };

/* word: how many more than the others; by it the table is known as its own. */
static void subject_sockets(const char *word)
{
	for (long i = 0; i < SOCKETS + strtol(word, NULL, 10); i++)
		if (socket(AF_UNIX, SOCK_STREAM, 0) < 0)
			_exit(1);
	subject_wait(word);
}

static size_t sockets_of(const struct kan_process *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->fds.n; i++)
		n += S_ISSOCK(p->fds.v[i].mode);
	return n;
}

/* So many that the tables have a thread of their own, and so large that it is not done when pass B
 * begins. */
Test(processes, every_table_of_a_busy_container_is_that_processs_own, .timeout = 120)
{
	pid_t pids[MANY];
	char word[16];
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(word, sizeof(word), "%d", i);
		pids[i] = subject(s, subject_sockets, word);
	}
	look();
	for (size_t i = 0; i < MANY; i++) {
		const struct kan_process *p = of(pids[i]);
		cr_assert(p->has_fds && p->frozen_fds && p->has & 1u << KAN_PF_CMDLINE);
		cr_assert_eq(sockets_of(p), SOCKETS + i, "process %zu has %zu", i, sockets_of(p));
	}
	cr_assert_eq(all.fds_seen, all.fds_kept);
	cr_assert_eq(all.n_miss, 0, "%s: %s", all.miss[0].what, all.miss[0].err.text);
}

Test(processes, one_that_runs_an_ordinary_file)
{
	look();
	const struct kan_process *p = of(s->init);
	char *want = subject_line("readlink -f /bin/cat");
	cr_assert_str_eq(kan_buf_str(&p->exe.link), want);
	free(want);
	raw_is(p, KAN_PF_CMDLINE, KAN_LIT("/bin/cat\0-\0"));
	cr_assert_eq(p->path_now, KAN_PATH_SAME);
	cr_assert(holds(p));
	cr_assert(p->frozen_a && p->frozen_b);
	cr_assert_geq(p->fds.n, 1);
	cr_assert(p->ns[KAN_NS_PID] && p->ns[KAN_NS_MNT]);
	cr_assert_eq(all.n_miss, 0, "%s: %s", all.miss[0].what, all.miss[0].err.text);
}

Test(processes, a_zombie_has_its_status_and_nothing_is_missing)
{
	pid_t pid = subject_zombie(s, 3);
	look();
	const struct kan_process *p = of(pid);
	cr_assert_eq(p->stat.state, 'Z');
	cr_assert(kan_process_ended(p));
	cr_assert_eq(p->stat.exit_code, 3 << 8);
	cr_assert_not(p->exe.known);
	cr_assert(p->has & 1u << KAN_PF_STATUS);
	cr_assert_eq(all.n_miss, 0, "%s: %s", all.miss[0].what, all.miss[0].err.text);
}

Test(processes, an_executable_in_memory)
{
	pid_t pid = subject(s, subject_exec_memfd, "x");
	look();
	const struct kan_process *p = of(pid);
	cr_assert_str_eq(kan_buf_str(&p->exe.link), "/memfd:x (deleted)");
	cr_assert_eq(p->exe.st.stx_nlink, 0);
	cr_assert_eq(p->path_now, KAN_PATH_ABSENT);
	cr_assert(holds(p));
	cr_assert_not(kan_process_kthread(p), "its argv says so, and lies");
	raw_is(p, KAN_PF_CMDLINE, KAN_LIT("[kworker/0:1]\0-\0"));
	raw_is(p, KAN_PF_ENVIRON, KAN_LIT("SECRET=x=y\0"));
	cr_assert_gt(p->n_unlinked, 0, "its mappings are of a file without a name");
}

static const struct kan_process *run_file(const char *name, const char *command)
{
	subject_copy(s, name);
	pid_t pid = subject(s, subject_exec, subject_path(s, name));
	free(subject_line("cd '%s' && %s", s->dir, command));
	look();
	return of(pid);
}

Test(processes, a_deleted_executable)
{
	const struct kan_process *p = run_file("gone", "rm gone");
	cr_assert_eq(p->exe.st.stx_nlink, 0);
	cr_assert_eq(p->path_now, KAN_PATH_ABSENT);
	cr_assert(holds(p));
}

Test(processes, a_replaced_executable)
{
	const struct kan_process *p = run_file("old", "cp old new && mv new old");
	cr_assert_eq(p->exe.st.stx_nlink, 0);
	cr_assert_eq(p->path_now, KAN_PATH_OTHER);
}

Test(processes, an_executable_that_is_called_deleted_is_not)
{
	const struct kan_process *p = run_file("x (deleted)", "true");
	cr_assert_eq(p->exe.st.stx_nlink, 1);
	cr_assert_eq(p->path_now, KAN_PATH_SAME);
}

Test(processes, a_link_in_the_place_of_an_executable_is_another_file_and_not_followed)
{
	const struct kan_process *p = run_file("tool", "mv tool away && ln -s away tool");
	/* The kernel follows the file to its new name. */
	cr_assert_eq(p->path_now, KAN_PATH_SAME);
	char *end = strrchr((char *)p->exe.link.data, '/');
	cr_assert_str_eq(end, "/away");
}

Test(processes, a_symlink_where_a_deleted_executable_was)
{
	const struct kan_process *p = run_file("tool", "rm tool && ln -s /bin/cat tool");
	cr_assert_eq(p->path_now, KAN_PATH_OTHER);
}

Test(processes, a_name_with_brackets_and_a_line_feed)
{
	pid_t pid = subject(s, subject_named, "a) Z 1\n(b");
	look();
	const struct kan_process *p = of(pid);
	cr_assert(kan_bytes_eq(p->stat.comm, KAN_LIT("a) Z 1\n(b")));
	/* Not the Z of its name; it may not sleep yet. */
	cr_assert(p->stat.state == 'S' || p->stat.state == 'R', "%c", p->stat.state);
}

Test(processes, a_thread_with_a_namespace_of_its_own)
{
	pid_t pid = subject(s, subject_threads, NULL);
	look();
	const struct kan_process *p = of(pid);
	cr_assert_eq(p->n_threads, 1);
	const struct kan_thread *t = &p->threads[0];
	cr_assert_neq(t->tid, pid);
	cr_assert_eq(t->name_n, 6);
	cr_assert_arr_eq(t->name, "worker", 6);
	cr_assert(t->has_status);
	cr_assert(t->ns[KAN_NS_NET] && t->ns[KAN_NS_NET] != p->ns[KAN_NS_NET]);
	cr_assert_eq(t->ns[KAN_NS_MNT], p->ns[KAN_NS_MNT]);
}

Test(processes, a_dead_leader_is_read_through_a_thread_that_lives)
{
	pid_t pid = subject(s, subject_dead_leader, NULL);
	look();
	const struct kan_process *p = of(pid);
	cr_assert_eq(p->stat.state, 'Z');
	cr_assert(p->leader_dead);
	cr_assert_eq(p->via_tid, p->threads[0].tid);
	cr_assert(p->exe.known);
	cr_assert(p->has & 1u << KAN_PF_MAPS);
	cr_assert_geq(p->fds.n, 1);
	cr_assert_eq(all.n_miss, 0, "%s: %s", all.miss[0].what, all.miss[0].err.text);
}

static void stopped(const char *word)
{
	(void)word;
	subject_ready();
	(void)raise(SIGSTOP);
	_exit(0);
}

Test(processes, a_stopped_one_is_read_as_any)
{
	pid_t pid = subject(s, stopped, NULL);
	look();
	cr_assert(of(pid)->has & 1u << KAN_PF_CMDLINE);
}

Test(processes, files_without_a_name_that_are_open_or_mapped_are_held_once)
{
	pid_t pid = subject(s, subject_exec_memfd, "y");
	look();
	size_t held = all.held.n;
	const struct kan_process *p = of(pid);
	for (size_t i = 0; i < p->n_unlinked; i++)
		cr_assert_neq(kan_held_find(&all.held, p->unlinked[i].dev, p->unlinked[i].ino),
			      KAN_HELD_NONE);
	cr_assert_leq(held, 3); /* cat, the memfd, the program of the test at most */
}

Test(processes, nothing_read_outside_of_the_pause_is_called_frozen)
{
	is_frozen = false;
	look();
	cr_assert_not(of(s->init)->frozen_a || of(s->init)->frozen_b);
}

/* Field 48 of stat: where the strings of argv begin, near the top of the stack. */
static uintptr_t argv_at(void)
{
	char text[1024] = "";
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	const char *at = n > 0 ? strrchr(text, ')') : NULL;
	for (int field = 2; at && field < 48; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* The page of its argv is given away and belongs to userfaultfd, where nobody answers. */
static void argv_that_never_comes(const char *word)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	uintptr_t at = argv_at() / page * page;
	(void)word;
	struct uffdio_register reg = {.range = {at, page}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	if (fd < 0 || !at || ioctl(fd, UFFDIO_API, &api) < 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &reg) < 0 || madvise((void *)at, page, MADV_DONTNEED) < 0)
		_exit(1);
	subject_wait(NULL);
}

Test(processes, argv_that_is_kept_back_is_missing_and_not_empty)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0)
		cr_skip_test("userfaultfd cannot be had here");
	(void)close(fd);
	pid_t blocked = subject(s, argv_that_never_comes, NULL),
	      after = subject(s, subject_exec, "/bin/cat");
	look();
	const struct kan_process *p = of(blocked);
	if (!p->exe.known || p->stat.state == 'Z')
		cr_skip_test("its argv could not be given to userfaultfd");
	raw_is(of(after), KAN_PF_CMDLINE, KAN_LIT("/bin/cat\0-\0"));
	cr_assert(p->has & 1u << KAN_PF_MAPS);
	cr_assert_geq(all.n_miss, 1);
	cr_assert_eq(all.miss[0].pid, blocked);
	/* Where the kernel waits for the page it is stuck; where it does not (FUSE since 4.17), it
	 * hands out nothing. */
	cr_assert(all.miss[0].err.code == KAN_EDENIED ||
		  (p->stuck && all.miss[0].err.sys == ETIMEDOUT));
}

Test(processes, more_than_fit_one_batch_are_read_alike)
{
	pid_t pids[150];
	for (size_t i = 0; i < 150; i++)
		pids[i] = subject(s, subject_wait, NULL);
	look();
	cr_assert_eq(all.n, 151);
	for (size_t i = 0; i < 150; i++) {
		const struct kan_process *p = of(pids[i]);
		cr_assert(p->has & 1u << KAN_PF_CMDLINE && p->frozen_b &&
			  p->path_now == KAN_PATH_SAME);
		cr_assert_eq(p->who.dir, -1);
	}
}

/* map_files asks for CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. */
static void give_up_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];
	cr_assert_eq(syscall(SYS_capget, &head, caps), 0);
	caps[0].effective &= ~(1U << CAP_SYS_ADMIN);
	caps[1].effective &= ~(1U << (CAP_CHECKPOINT_RESTORE - 32));
	cr_assert_eq(syscall(SYS_capset, &head, caps), 0);
}

Test(processes, a_deleted_mapping_that_may_not_be_looked_at_is_missing_and_not_silent)
{
	subject_copy(s, "gone");
	pid_t pid = subject(s, subject_exec, subject_path(s, "gone"));
	free(subject_line("rm '%s/gone'", s->dir));
	give_up_capabilities();
	look();
	cr_assert_eq(of(pid)->n_unlinked, 0);
	bool told = false;
	for (size_t i = 0; i < all.n_miss; i++)
		told |= all.miss[i].pid == pid && strcmp(all.miss[i].what, "map_files") == 0 &&
			all.miss[i].err.code == KAN_EDENIED;
	cr_assert(told);
}

Test(processes, more_than_our_descriptors_can_hold_are_read_all_the_same)
{
	pid_t pids[150];
	for (size_t i = 0; i < 150; i++)
		pids[i] = i % 2 ? subject(s, subject_exec, "/bin/cat") : subject_zombie(s, 0);
	struct rlimit few = {.rlim_cur = 120};
	int top = dup(s->proc_fd);
	(void)close(top);
	few.rlim_cur += (rlim_t)top;
	few.rlim_max = few.rlim_cur;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	look();
	cr_assert_eq(all.n, 151);
	cr_assert_eq(all.seen, 151);
	for (size_t i = 0; i < 150; i++) {
		const struct kan_process *p = of(pids[i]);
		cr_assert_eq(p->stat.state, i % 2 ? 'S' : 'Z');
		cr_assert(!(i % 2) || p->has & 1u << KAN_PF_CMDLINE);
		cr_assert_eq(p->who.dir, -1);
	}
	cr_assert_eq(all.n_miss, 0, "%s: %s", all.miss[0].what, all.miss[0].err.text);
}

static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

Test(processes, a_look_that_blocks_costs_that_process_the_rest_and_no_other_anything)
{
	struct mute_fuse fuse;
	teardown(); /* the mount namespace comes before the subjects */
	all = (struct kan_processes){0};
	cr_assert(own_mounts());
	setup();
	free(subject_line("mkdir '%s/over'", s->dir));
	subject_copy(s, "over/cat");
	pid_t blocked = subject(s, subject_exec, subject_path(s, "over/cat"));
	pid_t after = subject(s, subject_exec, "/bin/cat");
	if (!mute_fuse_mount(&fuse, subject_path(s, "over")))
		cr_skip_test("FUSE cannot be had here");
	look();
	mute_fuse_end(&fuse);
	const struct kan_process *p = of(blocked);
	cr_assert(p->stuck);
	cr_assert_eq(p->path_now, KAN_PATH_UNKNOWN);
	cr_assert(p->has & 1u << KAN_PF_CMDLINE, "what came before is kept");
	cr_assert(p->has & 1u << KAN_PF_MAPS);
	cr_assert_eq(stuck_calls, 1);
	cr_assert(p->frozen_a && !p->frozen_b, "the pause has ended meanwhile");
	raw_is(of(after), KAN_PF_CMDLINE, KAN_LIT("/bin/cat\0-\0"));
	cr_assert_eq(of(after)->path_now, KAN_PATH_SAME);
	cr_assert_eq(all.n_miss, 1);
	cr_assert_eq(all.miss[0].err.sys, ETIMEDOUT);
}

Test(ancestors, parents_outside_up_to_the_first_process)
{
	s = subjects_new();
	struct kan_processes up = {0};
	look();
	kan_processes_ancestors(&up, &all, s->proc_fd);
	pid_t want[] = {s->keepers[0], getpid()};
	for (size_t i = 0; i < 2; i++) {
		bool found = false;
		for (size_t k = 0; k < up.n; k++)
			found |= up.v[k].who.pid == want[i] && (up.v[k].has & 1u << KAN_PF_CMDLINE);
		cr_assert(found, "%d", (int)want[i]);
	}
	cr_assert_eq(up.v[up.n - 1].stat.ppid, 0, "the last one has no parent");
	for (size_t k = 0; k < up.n; k++) {
		cr_assert_not(up.v[k].has & 1u << KAN_PF_ENVIRON,
			      "only stat, exe and argv of them");
		cr_assert_eq(up.v[k].fds.n, 0);
	}
	kan_processes_free(&up);
	teardown();
}
