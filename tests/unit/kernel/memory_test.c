/* The memory of a child of ours: its mappings, its pages, their bytes; and children without any. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/memory.h"
#include "kernel/procfs.h"

enum { PAGE = 4096, PAGES = 64 };

static char *planted; /* at the same address in the child, which is forked after it */
static struct kan_bounded *bounded;
static int proc_fd;

static void setup(void)
{
	planted = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(planted, MAP_FAILED);
	(void)madvise(planted, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	bounded = kan_bounded_new();
	cr_assert_eq(kan_proc_open(&proc_fd, NULL), 0);
}

static void teardown(void)
{
	kan_bounded_free(bounded);
	(void)close(proc_fd);
}

TestSuite(memory, .init = setup, .fini = teardown);

/* The child says by a byte that it is ready, and lives until the pipe is closed. */
static pid_t child(void (*act)(void))
{
	int ready[2];
	char byte = 0;
	cr_assert_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		act();
		(void)write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int look(struct kan_memspace **m, pid_t pid, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	cr_assert_eq(kan_proc_pid_dir(&dir, proc_fd, pid, NULL), 0);
	return kan_memory_look(m, bounded, dir, err);
}

static const struct kan_memory_map *map_of(const struct kan_memspace *m, const void *p)
{
	for (size_t i = 0; i < m->n_maps; i++)
		if (m->maps[i].start <= (uintptr_t)p && (uintptr_t)p < m->maps[i].end)
			return &m->maps[i];
	cr_assert_fail("no mapping there");
	return NULL;
}

static void touch_some(void)
{
	memset(planted, 'a', PAGE);
	memset(planted + 10 * PAGE, 'b', 3 * PAGE);
	(void)mprotect(planted + 40 * PAGE, (PAGES - 40) * PAGE, PROT_READ);
}

Test(memory, the_pages_that_were_touched_are_there_and_read_as_written)
{
	struct kan_memspace *m = NULL;
	struct kan_err err = {0};
	pid_t pid = child(touch_some);
	cr_assert_eq(look(&m, pid, &err), 0, "%s", err.text);
	const struct kan_memory_map *map = map_of(m, planted);
	cr_assert_eq(map->start, (uintptr_t)planted);
	cr_assert_eq(map->end, (uintptr_t)planted + 40 * PAGE);
	cr_assert(map->n == 2 && map->present == 4 * PAGE && !map->device && !map->cut);
	const struct kan_memory_run *run = &m->runs[map->first];
	cr_assert(run[0].start == (uintptr_t)planted && run[0].octets == PAGE);
	cr_assert(run[1].start == (uintptr_t)planted + 10 * PAGE && run[1].octets == 3 * PAGE);
	struct kan_memory_read *r = kan_memory_read_new(m);
	for (r->n = 0; r->n < 2; r->n++)
		r->v[r->n] = (struct kan_memory_piece){.start = run[r->n].start,
						       .octets = run[r->n].octets};
	cr_assert_eq(kan_memory_fetch(&r, bounded, &err), 0);
	cr_assert(r->v[0].got == PAGE && r->v[1].got == 3 * PAGE);
	for (size_t i = 0; i < 4 * PAGE; i++)
		cr_assert_eq(r->buffer[i], i < PAGE ? 'a' : 'b');
	kan_memory_read_free(r);
	kan_memory_free(m);
	end(pid);
}

Test(memory, what_may_not_be_written_has_no_runs)
{
	struct kan_memspace *m = NULL;
	pid_t pid = child(touch_some);
	cr_assert_eq(look(&m, pid, NULL), 0);
	const struct kan_memory_map *map = map_of(m, planted + 50 * PAGE);
	cr_assert_str_eq(map->perms, "r--p");
	cr_assert_eq(map->n, 0);
	kan_memory_free(m);
	end(pid);
}

Test(memory, the_process_is_named_for_its_notes)
{
	struct kan_memspace *m = NULL;
	pid_t pid = child(touch_some);
	cr_assert_eq(look(&m, pid, NULL), 0);
	struct kan_core_process p = kan_memory_process(m);
	cr_assert(p.pid == pid && p.ppid == getpid() && p.uid == getuid() && p.n_tids == 1 &&
		  p.tids[0] == pid && m->starttime > 0);
	cr_assert(p.auxv.n > 0 && p.auxv.n % 16 == 0 && p.comm.n > 0);
	cr_assert_gt(m->files.n, 3, "the program and its libraries");
	kan_memory_free(m);
	end(pid);
}

Test(memory, a_process_that_ends_is_read_no_further)
{
	struct kan_memspace *m = NULL;
	struct kan_err err = {0};
	pid_t pid = child(touch_some);
	cr_assert_eq(look(&m, pid, &err), 0);
	struct kan_memory_read *r = kan_memory_read_new(m);
	r->v[0] = (struct kan_memory_piece){.start = (uintptr_t)planted, .octets = PAGE};
	r->n = 1;
	end(pid);
	cr_assert_eq(kan_memory_fetch(&r, bounded, &err), 0);
	cr_assert(r->v[0].got == 0 && r->v[0].why == 0);
	kan_memory_read_free(r);
	kan_memory_free(m);
}

static void keep_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	char *p = NULL;
	if (fd < 0 || ftruncate(fd, 3 * PAGE) < 0)
		_exit(3);
	p = mmap(planted + 5 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0);
	if (p == MAP_FAILED)
		_exit(3);
	memset(p, 's', 3 * PAGE);
}

static void nothing(void)
{
}

static bool has_secrets(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	(void)close(fd);
	return fd >= 0;
}

Test(memory, pages_that_the_kernel_keeps_to_itself_are_refused_and_not_invented)
{
	struct kan_memspace *m = NULL;
	struct kan_err err = {0};
	if (!has_secrets())
		cr_skip_test("this kernel has no secret memory");
	pid_t pid = child(keep_secret);
	cr_assert_eq(look(&m, pid, &err), 0);
	const struct kan_memory_map *map = map_of(m, planted + 5 * PAGE);
	struct kan_memory_read *r = kan_memory_read_new(m);
	r->v[0] = (struct kan_memory_piece){.start = map->start, .octets = 3 * PAGE};
	r->n = 1;
	cr_assert_eq(kan_memory_fetch(&r, bounded, &err), 0);
	cr_assert(r->v[0].got == 0 && r->v[0].why != 0);
	kan_memory_read_free(r);
	kan_memory_free(m);
	end(pid);
}

Test(memory, a_zombie_has_none)
{
	struct kan_memspace *m = NULL;
	siginfo_t ended;
	pid_t pid = child(nothing);
	(void)kill(pid, SIGKILL);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
	cr_assert_eq(look(&m, pid, NULL), 1);
	cr_assert_null(m);
	(void)waitpid(pid, NULL, 0);
}

static pthread_t leader;

/* The first thread ends; what it had mapped stays. */
static void *say_and_outlive(void *arg)
{
	int *fd = arg;
	(void)pthread_join(leader, NULL);
	(void)write(*fd, "r", 1);
	for (;;)
		(void)pause();
	return NULL;
}

Test(memory, of_a_dead_leader_it_is_read_through_a_thread)
{
	struct kan_memspace *m = NULL;
	struct kan_err err = {0};
	static int ready[2];
	char byte = 0;
	cr_assert_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		touch_some();
		leader = pthread_self();
		if (pthread_create(&t, NULL, say_and_outlive, &ready[1]) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(look(&m, pid, &err), 0, "%s", err.text);
	cr_assert_eq(map_of(m, planted)->present, 4 * PAGE);
	cr_assert_eq(m->pid, pid);
	kan_memory_free(m);
	end(pid);
}
