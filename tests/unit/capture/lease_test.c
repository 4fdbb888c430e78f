/* The pause lease against an engine of the test's own: who resumes, when, and how often it asks. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/engine.h>

#include "base/clock.h"
#include "base/file.h"
#include "capture/guard.h"
#include "capture/lease.h"
#include "evidence/channel.h"

/* What the engine of the test has seen, and how it behaves. Shared with its process. */
struct seen {
	_Atomic int pauses, unpauses, fail_unpauses, lose_pause_reply, mute, gone;
};
static struct seen *seen;
static char place[] = "/tmp/kan-lease-XXXXXX";
static char host[128];
static bool placed; /* the test has made the place itself */
static const char id[] = "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1";

static void reply(int fd, const char *status, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %s\r\nApi-Version: 1.41\r\nContent-Type: "
			 "application/json\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n%s",
			 status, strlen(body), body);
	(void)!write(fd, text, (size_t)n);
}

static void serve_one(int fd)
{
	char text[4096] = {0};
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return;
	if (seen->mute)
		(void)pause(); /* its process ends with the test's */
	if (strstr(text, "/unpause")) {
		seen->unpauses++;
		if (seen->gone) {
			reply(fd, "404 Not Found", "{\"message\":\"No such container\"}");
		} else if (seen->fail_unpauses > 0) {
			seen->fail_unpauses--;
			reply(fd, "500 Internal Server Error", "{\"message\":\"not now\"}");
		} else {
			reply(fd, "204 No Content", "");
		}
	} else if (strstr(text, "/pause")) {
		seen->pauses++;
		if (!seen->lose_pause_reply)
			reply(fd, "204 No Content", "");
	} else if (strstr(text, "/version")) {
		reply(fd, "200 OK",
		      "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\",\"Version\":\"20.10."
		      "24\"}");
	} else {
		reply(fd, "200 OK", "OK");
	}
}

static void start_engine(void)
{
	cr_assert(placed || mkdtemp(place));
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", place);
	(void)snprintf(host, sizeof(host), "unix://%s/s", place);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s, 16) == 0);
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int fd = accept(s, NULL, NULL);
			if (fd < 0)
				_exit(0);
			serve_one(fd);
			(void)close(fd);
		}
	}
	(void)close(s);
}

static struct kan_lease *start(struct kan_lease_setup *setup)
{
	struct kan_err err = {0};
	struct kan_engine *engine = NULL;
	struct kan_lease *lease = NULL;
	start_engine();
	cr_assert(kan_engine_open(&engine, host, &err) == 0, "%s", err.text);
	*setup = (struct kan_lease_setup){.engine = engine,
					  .id = id,
					  .bundle_fd =
						  open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	cr_assert(kan_lease_start(&lease, setup, &err) == 0, "%s", err.text);
	return lease;
}

static void leave(struct kan_lease *l, struct kan_lease_setup *setup)
{
	kan_lease_free(l);
	kan_engine_free(setup->engine);
	(void)close(setup->bundle_fd);
}

/* The next report of this kind; others before it are counted. */
static struct kan_lease_report wait_for(struct kan_lease *l, enum kan_lease_what what, int *others)
{
	struct kan_lease_report r = {0};
	for (;;) {
		struct pollfd p = {.fd = kan_lease_fd(l), .events = POLLIN};
		cr_assert(poll(&p, 1, 20000) == 1, "the lease says nothing");
		cr_assert(kan_lease_read(&r, l, NULL) == 1, "the lease is gone");
		if (r.what == what)
			return r;
		(*others)++;
	}
}

Test(lease, a_pause_and_a_resume_are_one_call_each, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	struct kan_lease_report p = wait_for(l, KAN_LEASE_PAUSED, &others);
	cr_assert(kan_lease_resume(l, NULL) == 0);
	struct kan_lease_report r = wait_for(l, KAN_LEASE_RESUMED, &others);
	leave(l, &setup);
	cr_assert_eq(seen->pauses, 1);
	cr_assert_eq(seen->unpauses, 1);
	cr_assert_eq(others, 0);
	cr_assert(p.asked_ns > 0 && p.asked_ns <= p.done_ns && p.done_ns <= r.done_ns);
}

Test(lease, the_container_is_resumed_at_the_deadline_without_a_word, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 50, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	(void)wait_for(l, KAN_LEASE_RESUMED, &others);
	cr_assert_eq(seen->unpauses, 1);
	leave(l, &setup);
	cr_assert_eq(seen->unpauses, 1, "resumed once, not again at the end");
}

Test(lease, ending_a_lease_that_holds_a_pause_resumes, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	leave(l, &setup);
	cr_assert_eq(seen->unpauses, 1);
}

Test(lease, a_failed_unpause_is_tried_again_and_reported, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	seen->fail_unpauses = 2;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	cr_assert(kan_lease_resume(l, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_RESUMED, &others);
	leave(l, &setup);
	cr_assert_eq(others, 2, "two retries reported");
	cr_assert_eq(seen->unpauses, 3);
}

Test(lease, a_container_that_was_removed_is_not_asked_for_again, .timeout = 20)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	seen->gone = 1;
	cr_assert(kan_lease_resume(l, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_RESUMED, &others);
	leave(l, &setup);
	cr_assert_eq(others, 0);
	cr_assert_eq(seen->unpauses, 1);
}

Test(lease, a_pause_whose_reply_is_lost_is_taken_back, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	seen->lose_pause_reply = 1;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_NOT_FROZEN, &others);
	leave(l, &setup);
	cr_assert_eq(seen->pauses, 1, "a POST is never repeated");
	cr_assert_geq(seen->unpauses, 1);
}

Test(lease, a_killed_conductor_leaves_a_resumed_container_and_lease_json, .timeout = 60)
{
	int told[2];
	start_engine(); /* before the pipe: its process must not hold an end */
	cr_assert(pipe(told) == 0);
	pid_t conductor = fork();
	if (conductor == 0) {
		struct kan_engine *engine = NULL;
		struct kan_lease *l = NULL;
		int others = 0;
		(void)kan_engine_open(&engine, host, NULL);
		struct kan_lease_setup setup = {
			.engine = engine,
			.id = id,
			.bundle_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
		(void)kan_lease_start(&l, &setup, NULL);
		(void)close(told[0]);
		(void)kan_lease_pause(l, 60000, NULL);
		(void)wait_for(l, KAN_LEASE_PAUSED, &others);
		raise(SIGKILL);
	}
	(void)close(told[1]);
	cr_assert(waitpid(conductor, NULL, 0) == conductor);
	char c;
	cr_assert(read(told[0], &c, 1) == 0,
		  "the lease has ended"); /* it held the last writing end */
	cr_assert_eq(seen->pauses, 1);
	cr_assert_eq(seen->unpauses, 1);
	struct kan_buf text = KAN_BUF(1 << 16);
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(kan_read_file(&text, dir, "lease.json", NULL) == 0);
	cr_assert(strstr(kan_buf_str(&text), "\"what\":\"resumed\""), "%s", kan_buf_str(&text));
	kan_buf_free(&text);
}

Test(lease, a_stopped_lease_is_seen_and_its_end_takes_no_time, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 50, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_RESUMED, &others);
	cr_assert_not(kan_lease_stopped(l));
	cr_assert(kill(kan_lease_pid(l), SIGSTOP) == 0);
	while (!kan_lease_stopped(l))
		(void)sched_yield();
	leave(l, &setup);
	cr_assert(waitpid(-1, NULL, WNOHANG) == 0, "only the engine is left");
}

Test(lease, the_window_is_shut_before_the_engine_is_asked_to_resume, .timeout = 60)
{
	struct kan_window *window = mmap(NULL, sizeof(*window), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kan_lease_setup setup;
	struct kan_lease *l = NULL;
	int others = 0;
	kan_lease_free(start(&setup));
	setup.window = window;
	cr_assert(kan_lease_start(&l, &setup, NULL) == 0);
	cr_assert(kan_lease_pause(l, 50, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	atomic_store(&window->frozen, 1);
	seen->mute = 1;
	while (atomic_load(&window->frozen))
		(void)sched_yield();
	cr_assert_eq(seen->unpauses, 0, "no later row says frozen, though nobody was told yet");
	leave(l, &setup);
}

Test(lease, a_pause_that_may_still_be_in_the_engines_queue_is_taken_back_again, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	seen->lose_pause_reply = 1;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_NOT_FROZEN, &others);
	while (seen->unpauses < 2)
		(void)sched_yield();
	leave(l, &setup);
}

Test(lease, one_that_hands_over_ends_without_a_resume, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = start(&setup);
	int others = 0;
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	cr_assert(kan_lease_keep(l, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_KEPT, &others);
	leave(l, &setup);
	cr_assert_eq(seen->pauses, 1);
	cr_assert_eq(seen->unpauses, 0);
	cr_assert_eq(others, 0);
}

Test(lease, with_stay_paused_the_deadline_leaves_it_paused, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = NULL;
	int others = 0;
	kan_lease_free(start(&setup));
	setup.stay_paused = true;
	cr_assert(kan_lease_start(&l, &setup, NULL) == 0);
	cr_assert(kan_lease_pause(l, 50, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	(void)wait_for(l, KAN_LEASE_KEPT, &others);
	leave(l, &setup);
	cr_assert_eq(seen->unpauses, 0);
}

Test(lease, with_stay_paused_it_still_resumes_when_it_is_told_to_end, .timeout = 60)
{
	struct kan_lease_setup setup;
	struct kan_lease *l = NULL;
	int others = 0;
	kan_lease_free(start(&setup));
	setup.stay_paused = true;
	cr_assert(kan_lease_start(&l, &setup, NULL) == 0);
	cr_assert(kan_lease_pause(l, 20000, NULL) == 0);
	(void)wait_for(l, KAN_LEASE_PAUSED, &others);
	leave(l, &setup);
	cr_assert_eq(seen->unpauses, 1);
}

/* A conductor that dies while its lease holds a pause; returns when the lease has ended. */
static void die_holding(bool stay_paused)
{
	int told[2];
	start_engine();
	cr_assert(pipe(told) == 0);
	pid_t conductor = fork();
	if (conductor == 0) {
		struct kan_engine *engine = NULL;
		struct kan_lease *l = NULL;
		int others = 0;
		(void)kan_engine_open(&engine, host, NULL);
		struct kan_lease_setup setup = {
			.engine = engine,
			.id = id,
			.bundle_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			.stay_paused = stay_paused};
		(void)kan_lease_start(&l, &setup, NULL);
		(void)close(told[0]);
		(void)kan_lease_pause(l, 60000, NULL);
		(void)wait_for(l, KAN_LEASE_PAUSED, &others);
		raise(SIGKILL);
	}
	(void)close(told[1]);
	cr_assert(waitpid(conductor, NULL, 0) == conductor);
	char c;
	cr_assert(read(told[0], &c, 1) == 0, "the lease has ended");
}

Test(lease, with_stay_paused_a_killed_conductor_leaves_it_paused_and_lease_json_says_so,
     .timeout = 60)
{
	die_holding(true);
	cr_assert_eq(seen->unpauses, 0);
	struct kan_buf text = KAN_BUF(1 << 16);
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(kan_read_file(&text, dir, "lease.json", NULL) == 0);
	cr_assert(strstr(kan_buf_str(&text), "\"what\":\"kept\""), "%s", kan_buf_str(&text));
	kan_buf_free(&text);
}

Test(lease, an_orphan_writes_nothing_into_a_bag_that_is_whole, .timeout = 60)
{
	char path[64];
	cr_assert(mkdtemp(place));
	(void)snprintf(path, sizeof(path), "%s/bagit.txt", place);
	int bag = open(path, O_WRONLY | O_CREAT | O_EXCL, 0400);
	cr_assert(bag >= 0);
	(void)close(bag);
	placed = true;
	die_holding(false);
	cr_assert_eq(seen->unpauses, 1);
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(faccessat(dir, "lease.json", F_OK, 0) < 0);
}

/* A conductor that dies with its lease alive, which does not hear of it: somebody else has its pipe
 * open. Its pids come out of the pipe. */
static void die_unheard(int told)
{
	struct kan_lease_setup setup = {
		.id = id, .bundle_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	struct kan_lease *l = NULL;
	struct kan_guard *g = NULL;
	pid_t pids[2];
	(void)kan_engine_open(&setup.engine, host, NULL);
	(void)kan_lease_share_new(&setup.share, NULL);
	(void)kan_lease_start(&l, &setup, NULL);
	(void)kan_guard_start(&g, &setup, l, NULL);
	pids[0] = kan_lease_pid(l);
	pids[1] = fork();
	if (pids[1] == 0) {
		kan_guard_drop(g);
		(void)pause();
	}
	(void)!write(told, pids, sizeof(pids));
	raise(SIGKILL);
}

Test(lease, one_that_is_stopped_when_its_conductor_is_dead_already_does_not_stay, .timeout = 60)
{
	enum { LATER_US = 800000, TRIES = 100, TRY_US = 100000 };
	int told[2];
	pid_t pids[2] = {0};
	start_engine();
	cr_assert(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && pipe(told) == 0);
	pid_t conductor = fork();
	if (conductor == 0)
		die_unheard(told[1]);
	cr_assert(read(told[0], pids, sizeof(pids)) == (ssize_t)sizeof(pids));
	cr_assert(waitpid(conductor, NULL, 0) == conductor);
	(void)usleep(LATER_US);
	cr_assert(kill(pids[0], SIGSTOP) == 0, "it lives");
	bool gone = false;
	for (int i = 0; i < TRIES && !gone; i++) {
		gone = waitpid(pids[0], NULL, WNOHANG) == pids[0];
		(void)usleep(TRY_US);
	}
	(void)kill(pids[1], SIGKILL);
	(void)kill(pids[0], SIGKILL);
	cr_assert(gone, "the guard has ended it");
}
