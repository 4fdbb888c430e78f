/* Where the target comes from, when that does not answer or no thread can be had. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/conductor.h"

typedef void *start_fn(void *);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *a, start_fn *fn, void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *a, start_fn *fn, void *arg);

static bool no_thread;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *a, start_fn *fn, void *arg)
{
	return no_thread ? EAGAIN : __real_pthread_create(thread, a, fn, arg);
}

static size_t open_files(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

Test(source, where_no_thread_can_be_had_nothing_stays_open)
{
	struct kan_capture_request r = {.container = "x", .policy = {.timeout_s = 5}};
	struct kan_conductor c = {.req = &r, .signal_fd = -1};
	struct kan_early early = {0};
	struct kan_err err = {0};
	no_thread = true;
	size_t before = open_files();
	cr_assert_eq(kan_source_open(&c, &early, &err), -1);
	cr_assert_eq(open_files(), before);
	cr_assert_not_null(strstr(err.text, "a thread"), "%s", err.text);
	cr_assert_not(c.left_behind);
}

/* Within ten seconds this process holds no more than n. */
static bool closed_down_to(size_t n)
{
	for (int i = 0; i < 1000 && open_files() > n; i++)
		(void)usleep(10000);
	return open_files() <= n;
}

/* Takes connections and says nothing. */
static int mute(char host[128])
{
	static char place[] = "/tmp/kan-source-XXXXXX";
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_not_null(mkdtemp(place));
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", place);
	(void)snprintf(host, 128, "unix://%s", a.sun_path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	return fd;
}

Test(source, an_engine_that_says_nothing_leaves_its_thread_behind_and_the_result_says_so,
     .timeout = 60)
{
	char host[128];
	size_t before = open_files();
	int fd = mute(host);
	struct kan_capture_request r = {
		.host = host, .container = "x", .parent_dir = "/tmp", .policy = {.timeout_s = 1}};
	struct kan_capture_result out;
	struct kan_err err = {0};
	cr_assert_eq(kan_capture_run(&out, &r, &err), -1);
	cr_expect_eq(out.stopped_by, SIGALRM, "%s", err.text);
	cr_expect(out.left_behind);
	cr_expect_null(out.path);
	kan_capture_result_free(&out);
	(void)close(fd); /* which lets it come back */
	cr_expect(closed_down_to(before), "it closes and frees what it had");
	(void)unlink(host + strlen("unix://"));
	*strrchr(host, '/') = 0;
	(void)rmdir(host + strlen("unix://"));
}
