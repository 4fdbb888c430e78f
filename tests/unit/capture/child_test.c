/* What becomes of a collector that crashes, gives up, says nothing or writes evidence. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "base/clock.h"
#include "base/file.h"
#include "capture/conductor.h"

static struct kan_capture_request request = {.policy = {.timeout_s = 30}};
static struct kan_target target = {
	.state = KAN_STATE_RUNNING, .depth = KAN_DEPTH_HOST, .upper_fd = -1};
static char place[] = "/tmp/kan-child-XXXXXX";

static void make(struct kan_conductor *c, const struct kan_collector *collector)
{
	*c = (struct kan_conductor){
		.req = &request, .target = &target, .parent_fd = -1, .signal_fd = -1};
	cr_assert(mkdtemp(place));
	c->bundle_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(mkdirat(c->bundle_fd, "data", 0700) == 0);
	(void)snprintf(c->bundle, sizeof(c->bundle), "20261122t053312z-3f2a9c41d0be-7c1e");
	struct kan_err err = {0};
	cr_assert(kan_journal_new(&c->journal, c->bundle_fd, c->bundle, &err) == 0, "%s", err.text);
	c->window = mmap(NULL, sizeof(*c->window), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c->gaps = json_array();
	c->scope = json_array();
	c->impact = json_array();
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	c->deadline_boot = kan_boot_ns() + 60000000000;
	c->children[0] = (struct kan_child){.collector = collector, .channel = -1, .pidfd = -1};
	c->n_children = 1;
}

static void leave(struct kan_conductor *c)
{
	kan_journal_free(c->journal);
	json_decref(c->gaps);
	json_decref(c->scope);
	json_decref(c->impact);
}

static void run(struct kan_conductor *c)
{
	kan_child_start(c, &c->children[0]);
	while (kan_child_running(&c->children[0]) && kan_loop_step(c, kan_boot_ns() + 100000000))
		;
}

static const char *gap(const struct kan_conductor *c, size_t i, const char *key)
{
	const char *s = json_string_value(json_object_get(json_array_get(c->gaps, i), key));
	return s ? s : "(none)";
}

static int write_one(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	kan_sink_items(sink, 3);
	return kan_sink_put(sink, "one.txt", KAN_LIT("hello\n"), err);
}

static int crash(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	(void)err;
	struct kan_artefact *a = NULL;
	(void)kan_sink_open(&a, sink, "one.txt", NULL);
	raise(SIGKILL);
	return 0;
}

static int say_nothing(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	(void)sink;
	(void)err;
	return 0;
}

static int give_up(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	(void)sink;
	return kan_fail(err, KAN_ENOTFOUND, "it went away");
}

static int break_storage(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	(void)sink;
	return kan_fail(err, KAN_EIO, "no space left on device");
}

static struct kan_collector collector(int (*collect)(const struct kan_target *, struct kan_sink *,
						     struct kan_err *))
{
	return (struct kan_collector){
		.name = "probe", .summary = "-", .tier = KAN_TIER_BEFORE, .collect = collect};
}

Test(child, an_artefact_is_recorded_with_its_size_and_the_status_is_ok)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(write_one);
	make(&c, &k);
	run(&c);
	cr_assert_str_eq(c.children[0].status, "ok");
	cr_assert_eq(c.children[0].bytes, 6);
	cr_assert_eq(c.children[0].items, 3);
	cr_assert_eq(json_array_size(c.gaps), 0);
	struct kan_buf text = KAN_BUF(1 << 20);
	cr_assert(kan_read_file(&text, c.bundle_fd, "journal.ndjson", NULL) == 0);
	/* SHA-256 of "hello\n", by sha256sum */
	cr_assert(strstr(kan_buf_str(&text),
			 "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"));
	cr_assert(strstr(kan_buf_str(&text), "\"data/probe/one.txt\""));
	kan_buf_free(&text);
}

Test(child, a_collector_that_is_killed_is_a_gap_crashed_and_its_file_stays)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(crash);
	make(&c, &k);
	run(&c);
	cr_assert_str_eq(c.children[0].status, "failed");
	cr_assert_str_eq(gap(&c, 0, "code"), "crashed");
	cr_assert_str_eq(gap(&c, 0, "why"), "ended by signal 9");
	cr_assert(faccessat(c.bundle_fd, "data/probe/one.txt", F_OK, 0) == 0);
	cr_assert_not(c.fatal);
}

Test(child, neither_artefact_nor_gap_is_a_gap_crashed)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(say_nothing);
	make(&c, &k);
	run(&c);
	cr_assert_str_eq(gap(&c, 0, "code"), "crashed");
	cr_assert_str_eq(c.children[0].status, "partial");
}

Test(child, a_collector_that_gives_up_is_failed_with_its_reason_as_a_gap)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(give_up);
	make(&c, &k);
	run(&c);
	cr_assert_str_eq(c.children[0].status, "failed");
	cr_assert_str_eq(gap(&c, 0, "code"), "vanished");
	cr_assert(strstr(gap(&c, 0, "why"), "it went away"));
	cr_assert_eq(json_array_size(c.gaps), 1);
}

Test(child, evidence_that_cannot_be_written_ends_the_capture)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(break_storage);
	make(&c, &k);
	run(&c);
	cr_assert(c.fatal);
	cr_assert(strstr(c.fatal_err.text, "no space left on device"));
}

Test(child, a_stopped_container_has_no_processes_and_that_is_no_gap_that_counts)
{
	__attribute__((cleanup(leave))) struct kan_conductor c;
	struct kan_collector k = collector(write_one);
	k.needs = KAN_NEEDS_PROCESS;
	make(&c, &k);
	target.state = KAN_STATE_EXITED;
	run(&c);
	cr_assert_str_eq(c.children[0].status, "not-applicable");
	cr_assert_str_eq(gap(&c, 0, "code"), "not-applicable");
	cr_assert_eq(kan_journal_gaps(c.journal), 0);
}

static int hang_up(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	(void)t;
	(void)sink;
	(void)err;
	(void)syscall(SYS_close_range, 3, ~0U, 0);
	for (;;)
		(void)pause();
	return 0;
}

Test(child, one_that_hangs_up_and_lives_on_does_not_hold_the_conductor, .timeout = 30)
{
	const struct kan_collector k = {.name = "mute", .collect = hang_up};
	__attribute__((cleanup(leave))) struct kan_conductor c;
	make(&c, &k);
	c.deadline_boot = kan_boot_ns() + 300000000;
	run(&c);
	cr_assert_eq(c.stopped_by, SIGALRM, "the time limit was seen");
	cr_assert(kan_child_running(&c.children[0]));
	kan_child_kill(&c.children[0]);
	while (kan_child_running(&c.children[0]))
		(void)kan_loop_step(&c, kan_boot_ns() + 10000000);
	cr_assert_str_eq(c.children[0].status, "failed");
	cr_assert_str_eq(gap(&c, 0, "code"), "crashed");
}
