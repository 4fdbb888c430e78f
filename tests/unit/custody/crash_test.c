/* A writer killed anywhere: what was there stays whole, and the next writer goes on. */
#include "custody/check.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every STEP-th system call of a commit is a place to be killed at; a prime meets all kinds of
 * calls. */
enum { STEP = 37, CALLS_MAX = 200000 };

static int commit_again(const struct fixture *f, const char *bag, struct kan_err *err)
{
	struct kan_custody *c = NULL;
	struct kan_receipt r;
	int rc = kan_custody_open(&c, f->home, NULL, err);

	if (!rc)
		rc = kan_custody_commit(&r, c, bag, "collect", &fixture_act, err);
	kan_custody_free(c);
	return rc;
}

static void victim(const struct fixture *f, const char *bag)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit(commit_again(f, bag, NULL) ? 1 : 0);
}

/* Killed after that many stops at system calls; true: it had ended before. */
static bool killed_at(const struct fixture *f, const char *bag, long stops)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		victim(f, bag);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	for (long i = 0; i < stops; i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			return true;
		}
	}
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return false;
}

static void is_whole(const struct fixture *f, const char *when, long stops)
{
	struct findings v = FINDINGS;

	cr_assert_eq(kan_custody_verify(f->repo, NULL, findings_fn, &v, NULL), 0);
	cr_expect_eq(v.failed, 0, "%s, killed at %ld:\n%s", when, stops, kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(crash, a_writer_killed_at_any_call_leaves_a_whole_chain_that_goes_on, .timeout = 550)
{
	bool ended = false;

	for (long stops = STEP; !ended && stops < CALLS_MAX; stops += STEP) {
		auto_fixture struct fixture f;
		struct kan_receipt r;
		struct kan_err err = {0};
		char bag[512];

		fixture_make(&f);
		fixture_commit(&r, &f, BUNDLE_A);
		fixture_bag(bag, &f, BUNDLE_B, "b");
		ended = killed_at(&f, bag, stops);
		is_whole(&f, "after the kill", stops);
		free(fixture_must(f.repo, "git fsck --full --strict 2>&1"));
		cr_expect_eq(commit_again(&f, bag, &err), 0, "killed at %ld: %s", stops, err.text);
		is_whole(&f, "after going on", stops);
		free(fixture_must(f.repo, "test $(git rev-list --count main) = 2 &&"
					  " test -z \"$(ls lfs/tmp)\""));
	}
	cr_assert(ended);
}

Test(crash, a_home_whose_first_use_was_killed_is_used_all_the_same, .timeout = 550)
{
	bool ended = false;

	for (long stops = STEP; !ended && stops < CALLS_MAX; stops += STEP) {
		auto_fixture struct fixture f;
		struct kan_err err = {0};
		char bag[512];

		fixture_make(&f);
		fixture_bag(bag, &f, BUNDLE_A, "a");
		ended = killed_at(&f, bag, stops);
		free(fixture_must(f.dir, "rm -f home/custody.git/refs/heads/main.lock"));
		cr_expect_eq(commit_again(&f, bag, &err), 0, "killed at %ld: %s", stops, err.text);
		is_whole(&f, "after going on", stops);
	}
	cr_assert(ended);
}
