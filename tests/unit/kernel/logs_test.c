/* The collector logs against files that the test has made, with a sink and no engine. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/logfile.h"
#include "world.h"

extern const struct kan_collector kan_collector_logs;

static struct world *w;
static char id[65];

static void setup(void)
{
	w = world_new(0);
	(void)memset(id, 'a', 64);
	memcpy(w->target.id, id, sizeof(w->target.id));
	w->target.state = KAN_STATE_EXITED;
	w->target.data_root = kan_xstrdup("/store");
	w->target.storage = kan_xstrdup("overlay");
	world_sh(w, "mkdir -p root/containers/%s root/overlay-containers/%s/userdata", id, id);
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/root", w->top);
	w->target.data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(w->target.data_root_fd, 0);
}

static void teardown(void)
{
	json_decref(w->rows);
	w->rows = NULL;
	free(w->target.data_root);
	free(w->target.storage);
	free(w->target.log_driver);
	free(w->target.log_path);
	close(w->target.data_root_fd);
	world_free(w);
}

TestSuite(logs, .init = setup, .fini = teardown);

static const json_t *only_row(void)
{
	json_decref(w->rows);
	w->rows = world_rows(w, "files.ndjson");
	cr_assert_eq(json_array_size(w->rows), 1);
	return json_array_get(w->rows, 0);
}

Test(logs, podmans_file_is_found_by_the_engines_word_or_at_its_usual_place)
{
	world_sh(w,
		 "printf '2026-11-20T10:00:00.1+00:00 stdout F hi\\n' "
		 ">root/overlay-containers/%s/userdata/ctr.log",
		 id);
	w->target.log_driver = kan_xstrdup("k8s-file");
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_str_eq(world_str(only_row(), "dir"), "k8s-file");
	cr_expect_eq(json_integer_value(json_object_get(only_row(), "kept")), 40);
	cr_expect_eq(w->n_gaps, 0);
}

Test(logs, what_podman_calls_json_file_is_in_its_own_form)
{
	char path[192];
	world_sh(w, "echo x >root/overlay-containers/%s/userdata/ctr.log", id);
	(void)snprintf(path, sizeof(path), "/store/overlay-containers/%s/userdata/ctr.log", id);
	w->target.log_driver = kan_xstrdup("json-file");
	w->target.log_path = kan_xstrdup(path);
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_str_eq(world_str(only_row(), "dir"), "k8s-file");
	cr_expect_str_eq(world_str(only_row(), "driver"), "json-file");
}

Test(logs, a_path_in_a_directory_of_another_container_is_not_opened)
{
	world_sh(w, "mkdir root/containers/other; echo secret >root/containers/other/x-json.log");
	w->target.log_driver = kan_xstrdup("json-file");
	w->target.log_path = kan_xstrdup("/store/containers/other/x-json.log");
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_assert_not_null(
		world_gap(w, "/store/containers/other/x-json.log", KAN_GAP_CONTRADICTED));
	json_decref(w->rows);
	w->rows = world_rows(w, "files.ndjson");
	cr_expect_eq(json_array_size(w->rows), 0);
}

Test(logs, a_log_that_is_a_pipe_is_not_opened)
{
	world_sh(w, "mkfifo root/containers/%s/l-json.log", id);
	char path[192];
	(void)snprintf(path, sizeof(path), "/store/containers/%s/l-json.log", id);
	w->target.log_driver = kan_xstrdup("json-file");
	w->target.log_path = kan_xstrdup(path);
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_assert_not_null(world_gap(w, "json-file/0.log", KAN_GAP_CONTRADICTED));
}

/* As the engine does it: from the oldest to the live one, then a new one. Each file says which it
 * is. */
struct rotator {
	int dir;
	atomic_bool stop;
	unsigned turns;
};

static void make_live(struct rotator *r)
{
	char text[32];
	int fd = openat(r->dir, "l", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int n = snprintf(text, sizeof(text), "%u\n", r->turns++);
	(void)!write(fd, text, (size_t)n);
	(void)close(fd);
}

static void *rotate(void *arg)
{
	struct rotator *r = arg;
	while (!atomic_load(&r->stop)) {
		(void)renameat(r->dir, "l.2", r->dir, "l.3");
		(void)renameat(r->dir, "l.1", r->dir, "l.2");
		(void)renameat(r->dir, "l", r->dir, "l.1");
		make_live(r);
		(void)usleep(3000);
	}
	return NULL;
}

/* The numbers that the opened files hold, oldest last: each one less than the one before. */
static bool in_order(const struct kan_logset *s)
{
	long before = -1; /* not known: a live one that nobody has written to yet */
	for (size_t i = 0; i < s->n; i++) {
		char text[32] = "";
		cr_assert_geq(pread(s->v[i].fd, text, sizeof(text) - 1, 0), 0);
		long number = text[0] ? strtol(text, NULL, 10) : -1;
		if (before >= 0 && number >= 0 && number != before - 1)
			return false;
		before = number;
	}
	return true;
}

Test(logs, a_rotation_while_it_is_opened_is_seen_or_said)
{
	char path[192];
	struct rotator r = {.dir = -1};
	pthread_t thread;
	unsigned whole = 0;
	(void)snprintf(path, sizeof(path), "%s/root/containers/%s", w->top, id);
	r.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(r.dir, 0);
	make_live(&r);
	cr_assert_eq(pthread_create(&thread, NULL, rotate, &r), 0);
	(void)snprintf(path, sizeof(path), "/store/containers/%s/l", id);
	for (int i = 0; i < 40; i++) {
		struct kan_logset *s = NULL;
		int rc = kan_logset_open(&s, &w->target, path, NULL);
		bool said = rc < 0 || s->moved || s->missing;
		whole += !said;
		if (!said)
			cr_expect(in_order(s), "a file twice or left out, and nothing said");
		kan_logset_free(s);
	}
	atomic_store(&r.stop, true);
	(void)pthread_join(thread, NULL);
	(void)close(r.dir);
	cr_expect_gt(whole, 0);
}
