/* The collector processes with a sink: rows and content against what the test has made. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/row.h"
#include "evidence/channel.h"
#include "subjects.h"
#include "world.h"

extern const struct kan_collector kan_collector_processes;

static struct subjects *s;
static struct world *w;

static void setup(void)
{
	s = subjects_new();
	w = world_new(0);
	w->frozen = true;
	struct kan_target *t = &w->target;
	t->proc_fd = dup(s->proc_fd);
	t->pid_dir = dup(s->init_dir);
	t->root_fd = dup(s->root_fd);
	t->pid = s->init;
	t->pid_private = true;
	(void)memset(t->id, '0', 64);
}

static void teardown(void)
{
	json_decref(w->rows);
	(void)close(w->target.proc_fd);
	(void)close(w->target.pid_dir);
	world_free(w);
	subjects_free(s);
}

TestSuite(collector, .init = setup, .fini = teardown);

static void capture(void)
{
	cr_assert_eq(world_collect(w, &kan_collector_processes), 0);
}

static const json_t *rows(const char *artefact)
{
	json_decref(w->rows);
	w->rows = world_rows(w, artefact);
	return w->rows;
}

static const json_t *row(pid_t pid)
{
	size_t i = 0;
	const json_t *r = NULL, *table = rows("processes.ndjson");
	json_array_foreach (table, i, r)
		if (json_integer_value(json_object_get(r, "pid")) == pid)
			return r;
	cr_assert_fail("no row of %d", (int)pid);
	return NULL;
}

static const json_t *at(const json_t *r, const char *path)
{
	char head[64];
	const char *dot = strchr(path, '.');
	(void)snprintf(head, sizeof(head), "%.*s", dot ? (int)(dot - path) : 63, path);
	const json_t *v = json_object_get(r, head);
	return dot ? at(v, dot + 1) : v;
}

static bool is_true(const json_t *r, const char *path)
{
	return json_is_true(at(r, path));
}

static const char *str(const json_t *r, const char *path)
{
	const char *v = json_string_value(at(r, path));
	return v ? v : "";
}

static void kept(const char *sha256)
{
	char *line = subject_line("sha256sum '%s/data/processes/content/%s'", w->bundle, sha256);
	line[64] = 0;
	cr_assert_str_eq(line, sha256);
	free(line);
}

static char *sha_of(const char *path)
{
	char *line = subject_line("sha256sum '%s'", path);
	line[64] = 0;
	return line;
}

/* Scope is none: the host may forbid to look at a parent's executable. */
static void nothing_is_missing(void)
{
	for (size_t i = 0; i < w->n_gaps; i++)
		cr_assert_eq(w->gaps[i].type, KAN_MSG_SCOPE, "%s: %s", w->gaps[i].what,
			     w->gaps[i].why);
}

Test(collector, an_ordinary_process_is_a_row_with_its_digest_and_no_content)
{
	capture();
	const json_t *r = row(s->init);
	char *want = sha_of("/bin/cat");
	cr_assert_str_eq(str(r, "exe.sha256"), want);
	cr_assert_str_eq(str(r, "exe.path_now"), "same");
	cr_assert(!is_true(r, "exe.content") && !is_true(r, "exe.deleted") &&
		  !is_true(r, "exe.memfd"));
	cr_assert(is_true(r, "frozen"));
	cr_assert_str_eq(json_string_value(json_array_get(at(r, "member_by"), 0)), "pidns");
	cr_assert_eq(json_integer_value(json_array_get(at(r, "nspid"), 1)), 1);
	cr_assert(is_true(r, "root.is_init_root"));
	nothing_is_missing();
	free(want);
}

Test(collector, memory_and_deleted_files_are_carved)
{
	pid_t memory = subject(s, subject_exec_memfd, "x");
	subject_copy(s, "gone");
	pid_t gone = subject(s, subject_exec, subject_path(s, "gone"));
	free(subject_line("rm '%s/gone'", s->dir));
	capture();
	char *want = sha_of("/bin/cat");
	const json_t *r = row(memory);
	cr_assert(is_true(r, "exe.memfd") && is_true(r, "exe.deleted") &&
		  is_true(r, "exe.content"));
	cr_assert_str_eq(str(r, "exe.sha256"), want);
	r = row(gone);
	cr_assert(!is_true(r, "exe.memfd") && is_true(r, "exe.deleted") &&
		  is_true(r, "exe.content"));
	cr_assert_str_eq(str(r, "exe.sha256"), want);
	kept(want);
	free(want);
	cr_assert_eq(json_array_size(rows("content.ndjson")), 2,
		     "a row a file, though the bytes are the same");
	const json_t *ref = json_array_get(at(json_array_get(w->rows, 0), "refs"), 0);
	cr_assert_str_eq(str(ref, "as"), "exe");
}

static void open_unlinked(const char *word)
{
	int fd = open(word, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, "card;4111\n", 10) != 10 || unlink(word) < 0)
		_exit(1);
	subject_wait(word);
}

Test(collector, an_open_file_without_a_name_is_carved_and_says_whose_it_is)
{
	pid_t pid = subject(s, open_unlinked, subject_path(s, "loot"));
	capture();
	const json_t *c = json_array_get(rows("content.ndjson"), 0);
	cr_assert_eq(json_integer_value(at(c, "size")), 10);
	cr_assert(is_true(c, "whole"));
	kept(str(c, "sha256"));
	const json_t *ref = json_array_get(at(c, "refs"), 0);
	cr_assert_eq(json_integer_value(at(ref, "pid")), pid);
	cr_assert_str_eq(str(ref, "as"), "fd");
	size_t i = 0;
	const json_t *r = NULL, *found = NULL, *table = rows("fds.ndjson");
	json_array_foreach (table, i, r)
		if (json_integer_value(at(r, "pid")) == pid && is_true(r, "content"))
			found = r;
	cr_assert_not_null(found);
	cr_assert_str_eq(str(found, "kind"), "file");
}

/* A program in memory, with a time that no clock has shown. */
static void far_from_now(const char *word)
{
	char *const argv[] = {(char *)(uintptr_t) "cat", (char *)(uintptr_t) "-", NULL};
	struct timespec times[2] = {{.tv_sec = INT64_MAX - 1}, {.tv_sec = INT64_MAX - 1}};
	int fd = memfd_create(word, MFD_CLOEXEC), from = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || from < 0 || fstat(from, &st) < 0 ||
	    sendfile(fd, from, NULL, (size_t)st.st_size) != st.st_size || futimens(fd, times) < 0)
		_exit(1);
	(void)fexecve(fd, argv, argv + 2);
	_exit(126);
}

Test(collector, an_absurd_time_is_the_last_there_is_and_not_another)
{
	pid_t pid = subject(s, far_from_now, "x");
	capture();
	cr_assert_eq(json_integer_value(at(row(pid), "exe.mtime_ns")), INT64_MAX);
}

Test(collector, a_zombie_is_a_row_with_its_exit_code_and_no_gap)
{
	pid_t pid = subject_zombie(s, 3);
	capture();
	const json_t *r = row(pid);
	cr_assert_str_eq(str(r, "state"), "Z");
	cr_assert_eq(json_integer_value(at(r, "exit_code")), 3 << 8);
	cr_assert_null(at(r, "exe"));
	nothing_is_missing();
}

Test(collector, the_environment_is_rows_of_names_and_values)
{
	pid_t pid = subject(s, subject_exec_memfd, "x");
	capture();
	size_t i = 0, n = 0;
	const json_t *r = NULL, *table = rows("environ.ndjson");
	json_array_foreach (table, i, r) {
		if (json_integer_value(at(r, "pid")) != pid)
			continue;
		n++;
		cr_assert_str_eq(str(r, "name"), "SECRET");
		cr_assert_str_eq(str(r, "value"), "x=y");
	}
	cr_assert_eq(n, 1);
}

/* argv of 1 MiB and control characters: it grows fourfold as text. */
static void long_argv(const char *word)
{
	size_t n = 100 << 10;
	char *big = kan_xalloc(n + 1);
	(void)memset(big, 1, n);
	char *argv[12] = {(char *)(uintptr_t) "cat", (char *)(uintptr_t) "-"};
	for (size_t i = 2; i < 11; i++)
		argv[i] = big;
	(void)execv(word, argv);
	_exit(126);
}

Test(collector, an_argv_that_does_not_fit_a_row_is_whole_in_the_tar)
{
	pid_t pid = subject(s, long_argv, "/bin/cat");
	capture();
	const json_t *r = row(pid);
	cr_assert_eq(json_integer_value(at(r, "argv_len")), 8 + 9 * ((100 << 10) + 1) - 2);
	cr_assert_not_null(at(r, "exe"), "the rest of the row is there");
	nothing_is_missing();
	char *size = subject_line("tar -xOf '%s/data/processes/proc.tar' %d/cmdline | wc -c",
				  w->bundle, (int)pid);
	cr_assert_eq(strtol(size, NULL, 10), 6 + 9 * ((100 << 10) + 1));
	free(size);
}

Test(collector, every_raw_file_is_in_the_tar_byte_for_byte)
{
	capture();
	char *want = subject_line("sha256sum </proc/%d/maps", (int)s->init);
	char *got = subject_line("tar -xOf '%s/data/processes/proc.tar' %d/maps | sha256sum",
				 w->bundle, (int)s->init);
	cr_assert_str_eq(got, want);
	free(want);
	free(got);
}

Test(collector, threads_say_what_is_unlike_their_leader)
{
	pid_t pid = subject(s, subject_threads, NULL);
	capture();
	const json_t *r = json_array_get(rows("threads.ndjson"), 0);
	cr_assert_eq(json_integer_value(at(r, "pid")), pid);
	cr_assert_str_eq(str(r, "comm"), "worker");
	cr_assert_not_null(at(r, "ns.net"));
	cr_assert_null(at(r, "ns.mnt"));
	cr_assert_null(at(r, "cap"));
}

Test(collector, neighbours_are_short_rows)
{
	w->target.pid_private = false;
	capture();
	const json_t *r = row(s->init);
	cr_assert(is_true(r, "neighbour"));
	cr_assert_null(at(r, "argv"));
	cr_assert_null(at(r, "exe"));
	cr_assert_eq(json_array_size(rows("environ.ndjson")), 0);
	cr_assert_eq(json_array_size(rows("fds.ndjson")), 0);
}

Test(collector, a_container_that_has_gone_is_a_gap)
{
	w->target.pid_private = false; /* what is left is no member */
	capture();
	cr_assert_not_null(world_gap(w, "members", KAN_GAP_VANISHED));
}
