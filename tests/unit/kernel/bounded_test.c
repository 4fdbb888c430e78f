/* Work that may block: done, left behind, salvaged. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/bounded.h"

struct job {
	int from, dropped; /* pipes: work waits for one, drop writes to the other */
	_Atomic int steps;
	int salvaged;
};

static void add_one(void *arg)
{
	struct job *j = arg;
	j->steps++;
}

static void wait_for_a_byte(void *arg)
{
	char c;
	struct job *j = arg;
	j->steps++;
	if (read(j->from, &c, 1) == 1)
		j->steps++;
}

static void drop(void *arg)
{
	struct job *j = arg;
	ssize_t n = write(j->dropped, "d", 1);
	(void)n;
}

static void salvage(void *arg)
{
	struct job *j = arg;
	j->salvaged = j->steps;
}

Test(bounded, work_is_done_again_and_again_by_the_same_thread)
{
	struct kan_bounded *b = kan_bounded_new();
	struct job j = {0};
	struct kan_bounded_work w = {
		.job = &j, .ms = KAN_BOUNDED_MS, .work = add_one, .drop = drop};
	for (int i = 1; i <= 100; i++) {
		cr_assert_eq(kan_bounded_run(b, &w, NULL), 0);
		cr_assert_eq(j.steps, i);
	}
	kan_bounded_free(b);
}

Test(bounded, who_begins_a_work_goes_on_beside_it_until_the_wait)
{
	int in[2];
	cr_assert_eq(pipe(in), 0);
	struct kan_bounded *b = kan_bounded_new();
	struct job j = {.from = in[0]};
	struct kan_bounded_work w = {
		.job = &j, .ms = KAN_BOUNDED_MS, .work = wait_for_a_byte, .drop = drop};
	cr_assert_eq(kan_bounded_begin(b, &w, NULL), 0);
	cr_assert_eq(write(in[1], "x", 1), 1); /* what the work waits for comes from here */
	cr_assert_eq(kan_bounded_wait(b, NULL), 0);
	cr_assert_eq(j.steps, 2);
	kan_bounded_free(b);
}

Test(bounded, what_blocks_is_left_behind_and_the_next_work_is_done)
{
	int in[2], out[2];
	char c = 0;
	struct kan_err err = {0};
	cr_assert_eq(pipe(in), 0);
	cr_assert_eq(pipe(out), 0);
	struct kan_bounded *b = kan_bounded_new();
	static struct job stuck, next;
	stuck = (struct job){.from = in[0], .dropped = out[1]};
	struct kan_bounded_work w = {
		.job = &stuck, .ms = 50, .work = wait_for_a_byte, .drop = drop, .salvage = salvage};
	cr_assert_lt(kan_bounded_run(b, &w, &err), 0);
	cr_assert_eq(err.sys, ETIMEDOUT);
	struct kan_bounded_work v = {
		.job = &next, .ms = KAN_BOUNDED_MS, .work = add_one, .drop = drop};
	cr_assert_eq(kan_bounded_run(b, &v, NULL), 0);
	cr_assert_eq(next.steps, 1);
	cr_assert_eq(write(in[1], "x", 1),
		     1); /* it comes back after all: the job is dropped, by its own thread */
	cr_assert_eq(read(out[0], &c, 1), 1);
	cr_assert_eq(c, 'd');
	kan_bounded_free(b);
}

Test(bounded, what_is_finished_is_taken_out_of_a_job_that_is_left_behind)
{
	int in[2], out[2];
	cr_assert_eq(pipe(in), 0);
	cr_assert_eq(pipe(out), 0);
	struct kan_bounded *b = kan_bounded_new();
	static struct job stuck;
	stuck = (struct job){.from = in[0], .dropped = out[1]};
	struct kan_bounded_work w = {.job = &stuck,
				     .ms = 200,
				     .work = wait_for_a_byte,
				     .drop = drop,
				     .salvage = salvage};
	cr_assert_lt(kan_bounded_run(b, &w, NULL), 0);
	cr_assert_leq(stuck.salvaged, 1, "never more than what was finished");
	kan_bounded_free(b);
}

Test(bounded, nothing_to_free_is_free)
{
	kan_bounded_free(NULL);
	kan_bounded_free(kan_bounded_new());
}
