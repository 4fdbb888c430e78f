/* A scanner of YARA rules that a file has taken over: what its parent takes from it, and what not.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyze/yaraline.h"
#include "base/clock.h"
#include "base/row.h"

#define UPPER "\"artefact\":\"data/filesystem/upper.tar\""
#define OF_X "\"type\":\"hit\",\"rule\":\"r\"," UPPER ",\"file\":\"/x\","
static const char scan_row[] = "{\"libyara\":\"4\",\"rules\":1,\"sources\":[],\"type\":\"scan\"}\n",
		  hit_row[] = "{" OF_X "\"what\":\"file\",\"trust\":\"storage\"}\n",
		  gap_row[] = "{\"type\":\"gap\"," UPPER
			      ",\"what\":\"/y\",\"code\":\"limit\",\"why\":\"w\"}\n",
		  place_row[] = "{" UPPER ",\"what\":\"/x\"}\n";
static const int64_t ten_seconds_ns = 10000000000;

struct talk {
	int ends[2];
	struct kan_buf rows;
	char unboxed[KAN_YARA_UNBOXED];
	struct kan_yara_job job;
	struct kan_yara_hearing h;
	struct kan_err err;
};

static void begin(struct talk *t)
{
	*t = (struct talk){.rows = KAN_BUF(1 << 20), .job = {.limits = kan_yara_defaults}};
	t->h = (struct kan_yara_hearing){.job = &t->job,
					 .rows = &t->rows,
					 .unboxed = t->unboxed,
					 .until_ns = kan_boot_ns() + ten_seconds_ns};
	cr_assert_eq(pipe2(t->ends, O_CLOEXEC), 0);
}

static void say(struct talk *t, uint32_t kind, uint32_t n, uint64_t number, const void *p)
{
	struct kan_yara_message m = {kind, n, number};
	cr_assert_eq(write(t->ends[1], &m, sizeof m), (ssize_t)sizeof m);
	if (p)
		cr_assert_eq(write(t->ends[1], p, n), (ssize_t)n);
}

static void say_row(struct talk *t, uint32_t kind, uint64_t number, const char *row)
{
	say(t, kind, (uint32_t)strlen(row), number, row);
}

static void hello(struct talk *t)
{
	begin(t);
	say(t, KAN_YARA_BOX, KAN_YARA_BOX_WHOLE, 0, NULL);
	say_row(t, KAN_YARA_SCAN, 0, scan_row);
}

static void ends_as(struct talk *t, enum kan_yara_outcome o)
{
	(void)close(t->ends[1]);
	cr_expect_eq(kan_yara_hear(&t->h, t->ends[0], &t->err), o);
	(void)close(t->ends[0]);
	kan_buf_free(&t->rows);
	json_decref(t->h.subject);
}

Test(yaraline, rows_that_are_no_single_line_are_not_taken)
{
	static const char *const bad[] = {"", "{}", "{}\n{}\n", "\n\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct talk t;
		hello(&t);
		say_row(&t, KAN_YARA_HIT, 0, bad[i]);
		ends_as(&t, KAN_YARA_BAD);
	}
}

Test(yaraline, what_comes_out_of_its_order_is_not_taken)
{
	struct talk t;
	begin(&t);
	say_row(&t, KAN_YARA_HIT, 0, hit_row);
	ends_as(&t, KAN_YARA_BAD);
	begin(&t);
	say(&t, KAN_YARA_BOX, KAN_YARA_BOX_WHOLE, 0, NULL);
	say_row(&t, KAN_YARA_GAP, 0, gap_row);
	ends_as(&t, KAN_YARA_BAD);
	begin(&t);
	say(&t, KAN_YARA_BOX, KAN_YARA_BOX_WHOLE, 0, NULL);
	say_row(&t, KAN_YARA_BEGIN, 0, place_row);
	ends_as(&t, KAN_YARA_BAD);
	hello(&t);
	say_row(&t, KAN_YARA_BEGIN, 5, place_row);
	say_row(&t, KAN_YARA_BEGIN, 4, place_row);
	ends_as(&t, KAN_YARA_BAD);
	hello(&t);
	say(&t, KAN_YARA_BOX, KAN_YARA_BOX_WHOLE, 0, NULL);
	ends_as(&t, KAN_YARA_BAD);
	hello(&t);
	say(&t, 99, 0, 0, NULL);
	ends_as(&t, KAN_YARA_BAD);
}

static void is_answered(uint32_t kind, const char *row, enum kan_yara_outcome o)
{
	struct talk t;
	hello(&t);
	say_row(&t, KAN_YARA_BEGIN, 0, place_row);
	say_row(&t, kind, 0, row);
	ends_as(&t, o);
}

Test(yaraline, a_hit_is_of_the_file_at_hand_with_the_trust_of_its_place_and_nothing_else)
{
	static const char *const forged[] = {
		"{\"type\":\"hit\"}\n",
		"not json\n",
		"{" OF_X "\"what\":\"file\",\"trust\":\"kernel-process\"}\n",
		"{" OF_X "\"what\":\"carved\",\"trust\":\"storage\"}\n",
		"{" OF_X "\"what\":\"file\",\"trust\":\"storage\",\"severity\":\"critical\"}\n",
		"{\"type\":\"end\"," UPPER
		",\"file\":\"/x\",\"what\":\"file\",\"trust\":\"storage\"}\n",
		"{\"type\":\"hit\"," UPPER
		",\"file\":\"/etc/other\",\"what\":\"file\",\"trust\":\"storage\"}\n",
		"{\"type\":\"hit\",\"artefact\":\"data/logs/a\",\"file\":\"/"
		"x\",\"what\":\"log\",\"trust\":"
		"\"container-text\"}\n",
	};
	is_answered(KAN_YARA_HIT, hit_row, KAN_YARA_ENDED);
	is_answered(KAN_YARA_GAP, gap_row, KAN_YARA_ENDED);
	is_answered(KAN_YARA_GAP, hit_row, KAN_YARA_BAD);
	is_answered(KAN_YARA_BEGIN, "{\"what\":\"/x\"}\n", KAN_YARA_BAD);
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
		is_answered(KAN_YARA_HIT, forged[i], KAN_YARA_BAD);
}

Test(yaraline, a_length_beyond_a_row_is_not_waited_for)
{
	struct talk t;
	hello(&t);
	say(&t, KAN_YARA_HIT, UINT32_MAX, 0, NULL);
	ends_as(&t, KAN_YARA_BAD);
}

Test(yaraline, a_second_list_of_rules_is_not_kept)
{
	struct talk t;
	hello(&t);
	say_row(&t, KAN_YARA_SCAN, 0, scan_row);
	(void)close(t.ends[1]);
	cr_expect_eq(kan_yara_hear(&t.h, t.ends[0], &t.err), KAN_YARA_ENDED);
	cr_expect_str_eq(kan_buf_str(&t.rows), scan_row);
	kan_buf_free(&t.rows);
	(void)close(t.ends[0]);
}

Test(yaraline, what_the_kernel_does_not_give_is_said)
{
	struct talk t;
	begin(&t);
	say(&t, KAN_YARA_BOX, KAN_YARA_BOX_SECCOMP, 0, NULL);
	ends_as(&t, KAN_YARA_ENDED);
	cr_expect_str_eq(t.unboxed, " no_new_privs landlock");
}

Test(yaraline, one_that_says_little_by_little_does_not_outlive_the_time_of_all)
{
	struct talk t;
	hello(&t);
	t.h.until_ns = kan_boot_ns() + ten_seconds_ns / 10;
	cr_expect_eq(kan_yara_hear(&t.h, t.ends[0], &t.err), KAN_YARA_TIME_UP,
		     "the other end is open, and silent");
	(void)close(t.ends[1]);
	(void)close(t.ends[0]);
	kan_buf_free(&t.rows);
	json_decref(t.h.subject);
}
