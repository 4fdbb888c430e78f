/* The container's init is proven by its cgroup, whatever the engine says. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answers.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

static struct kan_target *target(void)
{
	struct kan_target *t = kan_xalloc(sizeof(*t));
	t->claims = json_array();
	t->proc_fd = t->pid_fd = t->pid_dir = t->root_fd = t->space_fd = t->engine_root_fd =
		t->data_root_fd = t->upper_fd = -1;
	(void)snprintf(t->id, sizeof(t->id), "%s", ID_A);
	struct kan_err err = {0};
	cr_assert_eq(kan_proc_open(&t->proc_fd, &err), 0, "%s", err.text);
	return t;
}

static void nothing_is_held(const struct kan_target *t, const char *claimed)
{
	cr_expect_eq(t->pid, 0, "%s", claimed);
	cr_expect_eq(t->pid_fd, -1, "%s", claimed);
	cr_expect_eq(t->pid_dir, -1, "%s", claimed);
	cr_expect_eq(t->root_fd, -1, "%s", claimed);
	cr_expect_null(t->cgroup, "%s", claimed);
	cr_expect_not(kan_target_alive(t), "%s", claimed);
	cr_expect_str_eq(answers_verdict(t, "State.Pid"), "contradicted", "%s", claimed);
}

Test(pid, a_number_that_is_no_containers_process_is_contradicted_and_nothing_of_it_is_opened)
{
	const int64_t claims[] = {0,         1,         -1,      2,
				  INT64_MAX, INT64_MIN, 4194304, (int64_t)1 << 32 | 1,
				  getpid(),  getppid()};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct kan_target *t = target();
		char word[32];
		(void)snprintf(word, sizeof(word), "%lld", (long long)claims[i]);
		kan_prove_pid(t, claims[i]);
		nothing_is_held(t, word);
		kan_target_free(t);
	}
}

/* A process in a cgroup whose name is the id, in whichever hierarchy this machine lets us make one.
 */
struct member {
	char dir[160];
	pid_t pid;
};

static bool join(const char *dir, pid_t pid)
{
	char file[200];
	(void)snprintf(file, sizeof(file), "%s/cgroup.procs", dir);
	FILE *f = fopen(file, "we");
	if (!f)
		return false;
	bool good = fprintf(f, "%d\n", (int)pid) > 0;
	return fclose(f) == 0 && good;
}

static struct member member_new(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified",
					    "/sys/fs/cgroup/pids", "/sys/fs/cgroup/freezer",
					    "/sys/fs/cgroup/systemd"};
	struct member m = {.pid = fork()};
	if (m.pid == 0) {
		for (;;)
			(void)pause();
	}
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		char procs[64];
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		(void)snprintf(m.dir, sizeof(m.dir), "%s/%s", roots[i], ID_A);
		if (access(procs, F_OK) < 0 || (mkdir(m.dir, 0755) < 0 && errno != EEXIST))
			continue;
		if (join(m.dir, m.pid))
			return m;
		(void)rmdir(m.dir);
	}
	(void)kill(m.pid, SIGKILL);
	(void)waitpid(m.pid, NULL, 0);
	m.pid = 0;
	return m;
}

static void member_end(struct member *m)
{
	(void)kill(m->pid, SIGKILL);
	(void)waitpid(m->pid, NULL, 0);
	for (int i = 0; i < 1000 && rmdir(m->dir) < 0 && errno == EBUSY; i++)
		; /* the kernel takes the dead out of it in its own time */
}

static struct member member_or_skip(void)
{
	struct member m = member_new();
	if (m.pid == 0)
		cr_skip_test(
			"no cgroup can be made here: that needs root and a writable hierarchy");
	return m;
}

Test(pid, a_process_whose_cgroup_names_the_container_is_proven_and_held)
{
	struct member m = member_or_skip();
	struct kan_target *t = target();
	kan_prove_pid(t, m.pid);
	cr_expect_eq(t->pid, m.pid);
	cr_expect_geq(t->pid_fd, 0);
	cr_expect_geq(t->root_fd, 0);
	cr_expect_str_eq(answers_verdict(t, "State.Pid"), "proven");
	cr_expect(kan_target_alive(t));
	bool freezer = t->cgroup && kan_cgroup_frozen(t->cgroup, NULL) >= 0;
	cr_expect(!freezer || !kan_cgroup_gone(t->cgroup));
	member_end(&m);
	cr_expect(!freezer || kan_cgroup_gone(t->cgroup), "nothing is left to be resumed");
	cr_expect_not(kan_target_alive(t), "its end is seen, whoever has its number next");
	kan_target_free(t);
}

static void *outlive(void *arg)
{
	for (;;)
		(void)pause();
	return arg;
}

Test(pid, a_leader_that_is_dead_is_held_through_a_thread_that_lives)
{
	struct member m = member_or_skip();
	struct kan_target *t = target();
	struct kan_proc_stat st;
	uint64_t root = 0;
	struct stat of;
	/* The member forks one whose first thread ends; it inherits the cgroup. */
	int pids[2];
	cr_assert_eq(pipe(pids), 0);
	pid_t leader = fork();
	if (leader == 0) {
		pthread_t thread;
		(void)join(m.dir, getpid());
		(void)pthread_create(&thread, NULL, outlive, NULL);
		(void)!write(pids[1], "x", 1);
		pthread_exit(NULL);
	}
	char c;
	cr_assert_eq(read(pids[0], &c, 1), 1);
	struct kan_buf text = KAN_BUF(4096);
	do {
		int dir = -1;
		cr_assert_eq(kan_proc_pid_dir(&dir, t->proc_fd, leader, NULL), 0);
		cr_assert_eq(kan_proc_stat_read(&st, &text, dir, NULL), 0);
		(void)close(dir);
	} while (st.state != 'Z');
	kan_buf_free(&text);
	kan_prove_pid(t, leader);
	cr_expect_eq(t->pid, leader);
	cr_expect_eq(t->starttime, st.starttime);
	cr_expect_str_eq(answers_verdict(t, "State.Pid"), "proven");
	cr_expect(kan_target_alive(t));
	cr_expect(t->root_fd >= 0 && fstat(t->root_fd, &of) == 0 && S_ISDIR(of.st_mode));
	cr_expect_eq(kan_proc_ns(&root, t->pid_dir, "mnt", NULL), 0);
	(void)kill(leader, SIGKILL);
	(void)waitpid(leader, NULL, 0);
	cr_expect_not(kan_target_alive(t));
	kan_target_free(t);
	member_end(&m);
}

Test(pid, a_wrong_number_is_contradicted_and_the_true_init_is_found)
{
	struct member m = member_or_skip();
	const int64_t claims[] = {0, 1, -1, getpid(), INT64_MAX, (int64_t)1 << 32 | m.pid};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct kan_target *t = target();
		kan_prove_pid(t, claims[i]);
		cr_expect_eq(t->pid, m.pid, "%lld", (long long)claims[i]);
		cr_expect_str_eq(answers_verdict(t, "State.Pid"), "contradicted", "%lld",
				 (long long)claims[i]);
		kan_target_free(t);
	}
	member_end(&m);
}

Test(pid, a_start_that_differs_is_recorded_and_not_refused)
{
	struct member m = member_or_skip();
	struct kan_target *t = target();
	t->started_ns = 1;
	kan_prove_pid(t, m.pid);
	cr_expect_eq(t->pid, m.pid);
	cr_expect_str_eq(answers_verdict(t, "StartedAt"), "unproven");
	kan_target_free(t);
	member_end(&m);
}
