/* The collector logs against files that the test has made, with a sink and no engine. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <time.h>
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

Test(logs, a_path_that_climbs_out_of_the_containers_directory_is_not_opened)
{
	char path[192];
	world_sh(w, "mkdir root/containers/other; echo secret >root/containers/other/x-json.log");
	(void)snprintf(path, sizeof(path), "/store/containers/%s/../other/x-json.log", id);
	w->target.log_driver = kan_xstrdup("json-file");
	w->target.log_path = kan_xstrdup(path);
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_assert_not_null(world_gap(w, path, KAN_GAP_CONTRADICTED));
	w->rows = world_rows(w, "files.ndjson");
	cr_expect_eq(json_array_size(w->rows), 0);
}

static void of_docker(void)
{
	world_sh(w, "rm -r root/overlay-containers");
	w->target.log_driver = kan_xstrdup("json-file");
}

Test(logs, a_json_file_that_no_config_names_is_looked_for_at_its_usual_place)
{
	world_sh(w, "echo x >root/containers/%s/%s-json.log", id, id);
	of_docker();
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_str_eq(world_str(only_row(), "dir"), "json-file");
	cr_expect_eq(w->n_gaps, 0);
}

Test(logs, a_started_container_without_any_json_file_is_a_gap_and_not_one_never_started)
{
	of_docker();
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_not_null(world_gap(w, "json-file/0.log", KAN_GAP_VANISHED));
	cr_expect_null(world_gap(w, "json-file", KAN_GAP_NOT_APPLICABLE));
}

Test(logs, a_container_never_started_has_no_json_file)
{
	of_docker();
	w->target.state = KAN_STATE_CREATED;
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_eq(w->n_gaps, 1);
	cr_expect_not_null(world_gap(w, "json-file", KAN_GAP_NOT_APPLICABLE));
}

Test(logs, a_rotated_log_that_cannot_be_opened_is_a_gap_and_not_a_missing_one)
{
	world_sh(w,
		 "cd root/containers/%s; echo x >%s-json.log; ln -s /etc/passwd %s-json.log.1; "
		 "mkfifo %s-json.log.2.gz; echo y >%s-json.log.3",
		 id, id, id, id, id);
	of_docker();
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_not_null(world_gap(w, "json-file/1.log", KAN_GAP_CONTRADICTED));
	cr_expect_not_null(world_gap(w, "json-file/2.log.gz", KAN_GAP_CONTRADICTED));
	cr_expect_eq(w->n_gaps, 2);
	w->rows = world_rows(w, "files.ndjson");
	cr_expect_eq(json_array_size(w->rows), 2);
}

Test(logs, a_log_that_nobody_permits_to_be_opened_is_stuck_and_costs_no_other)
{
	world_sh(w,
		 "cd root/containers/%s; echo x >%s-json.log; echo y >%s-json.log.1; "
		 "echo z >%s-json.log.2",
		 id, id, id, id);
	of_docker();
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/root/containers/%s/%s-json.log.1", w->top, id, id);
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path), 0);
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_not_null(world_gap(w, "json-file/1.log", KAN_GAP_STUCK));
	cr_expect_eq(w->n_gaps, 1);
	w->rows = world_rows(w, "files.ndjson");
	cr_expect_eq(json_array_size(w->rows), 2);
	(void)close(notes);
}

Test(logs, more_rotations_than_are_looked_for_are_a_limit)
{
	world_sh(w,
		 "cd root/containers/%s; echo x >%s-json.log; "
		 "for i in $(seq 999); do : >%s-json.log.$i; done; echo y >%s-json.log.1000.gz",
		 id, id, id, id);
	of_docker();
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_not_null(world_gap(w, "rotations", KAN_GAP_LIMIT));
	cr_expect_eq(w->n_gaps, 1);
}

/* Reads fail as on a bad sector: from so many octets on, of so many files. */
static struct {
	unsigned files;
	off_t from;
} bad;

ssize_t __real_pread64(int fd, void *buffer, size_t n, off_t offset);
ssize_t __wrap_pread64(int fd, void *buffer, size_t n, off_t offset);

ssize_t __wrap_pread64(int fd, void *buffer, size_t n, off_t offset)
{
	if (!bad.files || offset + (off_t)n <= bad.from)
		return __real_pread64(fd, buffer, n, offset);
	if (offset < bad.from)
		return __real_pread64(fd, buffer, (size_t)(bad.from - offset), offset);
	bad.files--;
	errno = EIO;
	return -1;
}

Test(logs, a_bad_sector_costs_the_rest_of_its_file_and_no_other)
{
	world_sh(w, "cd root/containers/%s; echo 12345678 >%s-json.log; echo old >%s-json.log.1",
		 id, id, id);
	of_docker();
	bad.files = 1;
	bad.from = 4;
	cr_assert_eq(world_collect(w, &kan_collector_logs), 0);
	cr_expect_not_null(world_gap(w, "json-file/0.log", KAN_GAP_UNSUPPORTED));
	cr_expect_eq(w->n_gaps, 1);
	w->rows = world_rows(w, "files.ndjson");
	cr_assert_eq(json_array_size(w->rows), 2);
	const json_t *torn = json_array_get(w->rows, 0), *old = json_array_get(w->rows, 1);
	cr_expect_eq(json_integer_value(json_object_get(torn, "kept")), 4);
	cr_expect_eq(json_integer_value(json_object_get(torn, "size")), 9);
	cr_expect_eq(json_integer_value(json_object_get(old, "kept")), 4);
	world_sh(w, "test \"$(cat bundle/data/logs/json-file/0.log)\" = 1234; "
		    "test \"$(cat bundle/data/logs/json-file/1.log)\" = old");
}

/* Limits that are small enough to be met by a test. */
static struct {
	uint64_t each, all;
} most;

static int collect_with_little(const struct kan_target *t, struct kan_sink *sink,
			       struct kan_err *err)
{
	char path[256];
	struct kan_logset *s = NULL;
	struct kan_logstore l = {
		.t = t, .sink = sink, .dir = "json-file", .each = most.each, .left = most.all};
	(void)snprintf(path, sizeof(path), "/store/containers/%s/l", t->id);
	cr_assert_eq(kan_logset_open(&s, t, path, err), 0);
	cr_assert_eq(kan_rows_open(&l.rows, sink, "files.ndjson", err), 0);
	for (size_t i = 0; i < s->n; i++)
		cr_assert_eq(kan_logfile_store(&l, &s->v[i], err), 0);
	kan_logset_free(s);
	return kan_rows_close(l.rows, err);
}

static long number_of(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);
	return v ? (long)json_integer_value(v) : -1;
}

Test(logs, one_budget_holds_for_all_files_of_a_container_together)
{
	struct kan_collector c = kan_collector_logs;
	c.collect = collect_with_little;
	most.each = 100;
	most.all = 10;
	world_sh(w, "cd root/containers/%s; printf 123456 >l; printf abcdefgh >l.1; printf x >l.2",
		 id);
	cr_assert_eq(world_collect(w, &c), 0);
	w->rows = world_rows(w, "files.ndjson");
	const long truth[][3] = {{6, -1, -1}, {4, 2, 4}, {0, 0, 1}}; /* kept, hole_at, hole */
	cr_assert_eq(json_array_size(w->rows), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *row = json_array_get(w->rows, i);
		cr_expect_eq(number_of(row, "kept"), truth[i][0]);
		cr_expect_eq(number_of(row, "hole_at"), truth[i][1]);
		cr_expect_eq(number_of(row, "hole"), truth[i][2]);
	}
	world_sh(w, "test \"$(cat bundle/data/logs/json-file/1.log)\" = abgh");
	cr_expect_null(world_gap(w, "json-file/0.log", KAN_GAP_LIMIT), "it is whole");
	const struct world_gap *cut = world_gap(w, "json-file/1.log", KAN_GAP_LIMIT);
	cr_assert_not_null(cut, "what is left out is a gap");
	cr_expect_str_eq(cut->why, "seen 8, kept 4, limit 4");
	cut = world_gap(w, "json-file/2.log", KAN_GAP_LIMIT);
	cr_assert_not_null(cut);
	cr_expect_str_eq(cut->why, "seen 1, kept 0, limit 0");
	cr_expect_eq(w->n_gaps, 2);
}

Test(logs, the_middle_of_a_long_log_is_a_gap_of_its_file_live_and_rotated)
{
	struct kan_collector c = kan_collector_logs;
	c.collect = collect_with_little;
	most.each = 6;
	most.all = 100;
	world_sh(w,
		 "cd root/containers/%s; printf 12345678 >l; printf ab >l.1; printf "
		 "cdefghi >l.2.gz",
		 id);
	cr_assert_eq(world_collect(w, &c), 0);
	const struct world_gap *live = world_gap(w, "json-file/0.log", KAN_GAP_LIMIT),
			       *packed = world_gap(w, "json-file/2.log.gz", KAN_GAP_LIMIT);
	cr_assert_not_null(live);
	cr_expect_str_eq(live->why, "seen 8, kept 6, limit 6");
	cr_assert_not_null(packed);
	cr_expect_str_eq(packed->why, "seen 7, kept 6, limit 6");
	cr_expect_eq(w->n_gaps, 2);
	world_sh(w, "test \"$(cat bundle/data/logs/json-file/0.log)\" = 123678; "
		    "test \"$(cat bundle/data/logs/json-file/2.log.gz)\" = cdeghi");
}

Test(logs, max_bytes_raises_what_is_kept_of_a_log_and_never_lowers_it)
{
	cr_expect_eq(kan_log_room(&w->target, 10), 10);
	w->policy.max_bytes = 9;
	cr_expect_eq(kan_log_room(&w->target, 10), 10);
	w->policy.max_bytes = 11;
	cr_expect_eq(kan_log_room(&w->target, 10), 11);
	w->policy.max_bytes = 2 * KAN_LOG_SOURCE;
	cr_expect_eq(kan_logstore_of(&w->target, NULL).each, 2 * KAN_LOG_SOURCE);
	cr_expect_eq(kan_logstore_of(&w->target, NULL).left, KAN_LOG_ALL);
}

/* As the engine does it: from the oldest to the live one, then a new one. Each file says which it
 * is. It turns on by so many renames before one of the opens, and goes on to the end of a rotation
 * when it is waited for: nothing here depends on who is faster. */
static struct {
	int dir;
	unsigned done; /* renames, and the making of a new file, of all rotations */
	unsigned opens, at, renames;
	bool stays_away, becomes_link;
} rotator;

enum { STEPS = 4 };

static void make_live(void)
{
	char text[32];
	int fd = openat(rotator.dir, "l", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int n = snprintf(text, sizeof(text), "%u\n", rotator.done / STEPS);
	cr_assert_eq(write(fd, text, (size_t)n), n);
	(void)close(fd);
}

static void turn(void)
{
	static const char *const names[] = {"l.3", "l.2", "l.1", "l"};
	unsigned step = rotator.done++ % STEPS;
	if (step == STEPS - 1)
		make_live();
	else
		(void)renameat(rotator.dir, names[step + 1], rotator.dir, names[step]);
}

int __real_kan_target_data_open(int *fd, const struct kan_target *t, const char *path, int flags,
				struct kan_err *err);
int __wrap_kan_target_data_open(int *fd, const struct kan_target *t, const char *path, int flags,
				struct kan_err *err);

int __wrap_kan_target_data_open(int *fd, const struct kan_target *t, const char *path, int flags,
				struct kan_err *err)
{
	bool now = ++rotator.opens == rotator.at;
	if (now && rotator.becomes_link) {
		char own[80];
		(void)snprintf(own, sizeof(own), "../%s", id);
		cr_assert_eq(renameat(rotator.dir, own, rotator.dir, "../old"), 0);
		cr_assert_eq(symlinkat("old", rotator.dir, own), 0);
	}
	if (now)
		for (unsigned i = 0; i < rotator.renames; i++)
			turn();
	return __real_kan_target_data_open(fd, t, path, flags, err);
}

int __wrap_nanosleep(const struct timespec *t, struct timespec *left);

int __wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)t;
	(void)left;
	while (!rotator.stays_away && rotator.done % STEPS)
		turn();
	return 0;
}

/* The numbers that the opened files hold, oldest last: each one less than the one before. */
static bool in_order(const struct kan_logset *s)
{
	long before = -1;
	for (size_t i = 0; i < s->n; i++) {
		char text[32] = "";
		cr_assert_gt(pread(s->v[i].fd, text, sizeof(text) - 1, 0), 0);
		long number = strtol(text, NULL, 10);
		if (i && number != before - 1)
			return false;
		before = number;
	}
	return true;
}

static bool said(int rc, const struct kan_logset *s)
{
	return rc < 0 || s->moved || s->missing || s->gone;
}

static void begin_rotations(char path[192])
{
	(void)snprintf(path, 192, "%s/root/containers/%s", w->top, id);
	rotator.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(rotator.dir, 0);
	for (unsigned i = 0; i < 4 * STEPS; i++)
		turn();
	(void)snprintf(path, 192, "/store/containers/%s/l", id);
}

/* The opens of one try: the live one, each number in two forms, one number more, the live one. */
static const unsigned all_opens = 1 + 2 * KAN_LOG_ROTATIONS + 1;

static void open_once(const char *path, unsigned at, unsigned renames)
{
	struct kan_logset *s = NULL;
	rotator.opens = 0;
	rotator.at = at;
	rotator.renames = renames;
	int rc = kan_logset_open(&s, &w->target, path, NULL);
	cr_expect(said(rc, s) || in_order(s), "%u renames before open %u: nothing said", renames,
		  at);
	cr_expect(at || !said(rc, s), "nothing was rotated");
	kan_logset_free(s);
	while (rotator.done % STEPS)
		turn();
}

Test(logs, a_rotation_while_it_is_opened_is_seen_or_said)
{
	char path[192];
	begin_rotations(path);
	open_once(path, 0, 0);
	for (unsigned renames = 1; renames <= 4 * STEPS; renames++) {
		for (unsigned at = 1; at <= 10; at++)
			open_once(path, at, renames);
		open_once(path, all_opens, renames);
	}
	(void)close(rotator.dir);
}

Test(logs, a_live_log_that_went_away_while_it_was_opened_is_said)
{
	char path[192];
	struct kan_logset *s = NULL;
	begin_rotations(path);
	rotator.opens = 0;
	rotator.at = all_opens;
	rotator.renames = STEPS - 1;
	rotator.stays_away = true;
	cr_assert_eq(kan_logset_open(&s, &w->target, path, NULL), 0);
	cr_expect(s->gone);
	cr_expect_eq(s->n, 4);
	kan_logset_free(s);
	(void)close(rotator.dir);
}

Test(logs, a_live_log_that_a_link_leads_to_while_it_is_opened_has_its_own_reason)
{
	char path[192];
	struct kan_logset *s = NULL;
	begin_rotations(path);
	rotator.opens = 0;
	rotator.at = all_opens;
	rotator.becomes_link = true;
	cr_assert_eq(kan_logset_open(&s, &w->target, path, NULL), 0);
	cr_expect_not(s->gone);
	cr_expect_eq(s->n, 4);
	cr_assert_eq(s->n_faults, 1);
	cr_expect_eq(s->faults[0].n, 0);
	cr_expect_eq(s->faults[0].why.code, KAN_EREFUSED, "%s", s->faults[0].why.text);
	kan_logset_free(s);
	(void)close(rotator.dir);
}
