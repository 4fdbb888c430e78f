/* What moves from where a walk will be to where it was is met nowhere, and never silently. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tree.h"
#include "image/reader.h"
#include "image/session.h"
#include "world.h"

enum { PROBLEMS = 200, PATH = 512, TICK_US = 20000 };

/* What happens behind the walk's back when it meets the first file of its name. */
struct scene {
	struct world *w;
	const char *at;
	void (*act)(struct scene *s, const char *in);
	bool acted;
	uint64_t max;
	int notes;
	size_t n, files, stuck;
	char problems[PROBLEMS][PATH], reasons[PROBLEMS][PATH];
	char met[PROBLEMS][PATH];
};

static void rename_in(const struct scene *s, const char *from, const char *to, unsigned flags)
{
	int dir = s->w->target.upper_fd;
	cr_assert_eq(renameat2(dir, from, dir, to, flags), 0, "%s to %s", from, to);
}

static int on_entry(const struct kan_tree_entry *e, void *arg)
{
	struct scene *s = arg;
	char path[PATH];
	(void)snprintf(path, sizeof(path), "%.*s", (int)e->path.n, (const char *)e->path.p);
	if (s->acted || !kan_bytes_eq(e->name, kan_bytes_of(s->at)))
		return 0;
	s->acted = true;
	s->act(s, path);
	return 0;
}

static void keep(struct scene *s, const struct kan_record *rec)
{
	if (rec->kind == KAN_RECORD_FILE)
		(void)snprintf(s->met[s->files++ % PROBLEMS], PATH, "%.*s", (int)rec->file.path.n,
			       (const char *)rec->file.path.p);
	if (rec->kind != KAN_RECORD_PROBLEM)
		return;
	cr_assert_lt(s->n, PROBLEMS);
	cr_assert_eq(kan_gap_of_err(rec->err), s->max ? KAN_GAP_LIMIT : KAN_GAP_CHANGED, "%s",
		     rec->err->text);
	(void)snprintf(s->problems[s->n], PATH, "%.*s", (int)rec->data.n,
		       (const char *)rec->data.p);
	(void)snprintf(s->reasons[s->n++], PATH, "%s", rec->err->text);
}

/* Until it is at its end, behind what is stuck, too. */
static void read_all(struct scene *s, struct kan_reader *r)
{
	const struct kan_record *rec = NULL;
	struct kan_err err = {0};
	struct kan_bytes path;
	int rc = 0;
	while ((rc = kan_reader_next(&rec, r, &err)) != 0) {
		if (rc > 0)
			keep(s, rec);
		else if (err.sys != ETIMEDOUT || s->stuck++ > 1)
			break;
		else
			cr_assert_eq(kan_reader_go_on(&path, r, &err), 0);
	}
}

static void walk(struct scene *s)
{
	struct kan_reader *r = NULL;
	struct kan_err err = {0};
	const struct kan_reader_opts o = {.root_fd = s->w->target.upper_fd,
					  .note = on_entry,
					  .arg = s,
					  .max_entries = s->max,
					  .shared = true};
	(void)usleep(TICK_US); /* what was made before is older than the walk */
	cr_assert_eq(kan_reader_start(&r, &o, &err), 0);
	read_all(s, r);
	kan_reader_free(r);
	cr_assert(s->acted);
}

static bool is_in(char (*list)[PATH], size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], path) == 0)
			return true;
	return false;
}

static void begin(struct scene *s, const char *made)
{
	s->w = world_new(1);
	world_mount(s->w, "");
	world_sh(s->w, "%s", made);
}

/* From the directory that is walked later into the one that is walked now. */
static void to_where_it_was(struct scene *s, const char *at)
{
	bool in_a = strcmp(at, "/a/x") == 0;
	rename_in(s, in_a ? "b/of-b" : "a/of-a", in_a ? "a/of-b" : "b/of-a", 0);
}

Test(secondlook, a_directory_that_moves_to_where_the_walk_was_is_told)
{
	struct scene s = {.at = "x", .act = to_where_it_was};
	begin(&s, "mkdir -p m/a/of-a m/b/of-b; touch m/a/x m/b/x m/a/of-a/proof m/b/of-b/proof");
	walk(&s);
	cr_assert_neq(is_in(s.met, s.files, "/a/of-a/proof"),
		      is_in(s.met, s.files, "/b/of-b/proof"), "the walk itself misses one of them");
	cr_assert_eq(s.n, 1, "%zu problems", s.n);
	cr_assert(is_in(s.problems, 1, "/a/of-b") || is_in(s.problems, 1, "/b/of-a"), "%s",
		  s.problems[0]);
	world_free(s.w);
}

static void exchange(struct scene *s, const char *at)
{
	(void)at;
	rename_in(s, "d/real", "d/link", RENAME_EXCHANGE);
}

Test(secondlook, a_directory_and_a_link_that_change_places_are_told_both)
{
	struct scene s = {.at = "d", .act = exchange};
	begin(&s, "mkdir -p m/d/real; touch m/d/real/proof; ln -s /nowhere m/d/link");
	walk(&s);
	cr_assert(is_in(s.problems, s.n, "/d/real"));
	cr_assert(is_in(s.problems, s.n, "/d/link"));
	world_free(s.w);
}

static void make_new(struct scene *s, const char *at)
{
	int dir = s->w->target.upper_fd;
	(void)at;
	int fd = openat(dir, "d/session", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	(void)close(fd);
	rename_in(s, "d/session", "d/session.done", 0);
}

Test(secondlook, a_file_that_is_made_meanwhile_is_no_loss)
{
	struct scene s = {.at = "d", .act = make_new};
	begin(&s, "mkdir -p m/d/sub; touch m/d/old m/d/sub/old");
	walk(&s);
	cr_assert_eq(s.n, 0, "%s: %s", s.problems[0], s.reasons[0]);
	world_free(s.w);
}

static void append(struct scene *s, const char *at)
{
	int fd = openat(s->w->target.upper_fd, "d/log", O_APPEND | O_WRONLY | O_CLOEXEC);
	(void)at;
	cr_assert_eq(write(fd, "line", 4), 4);
	(void)close(fd);
}

Test(secondlook, a_log_that_is_written_on_is_no_loss)
{
	struct scene s = {.at = "d", .act = append};
	begin(&s, "mkdir m/d; touch m/d/log");
	walk(&s);
	cr_assert_eq(s.n, 0, "%s: %s", s.problems[0], s.reasons[0]);
	world_free(s.w);
}

static void move_many(struct scene *s, const char *at)
{
	(void)at;
	for (int i = 0; i < 100; i++) {
		char from[32], to[32];
		(void)snprintf(from, sizeof(from), "d/%d", i);
		(void)snprintf(to, sizeof(to), "d/moved-%d", i);
		rename_in(s, from, to, 0);
	}
}

Test(secondlook, of_many_that_move_the_count_is_told)
{
	struct scene s = {.at = "d", .act = move_many};
	begin(&s, "mkdir m/d; touch $(seq -f m/d/%.0f 0 99)");
	walk(&s);
	cr_assert_eq(s.n, 65);
	cr_assert_str_eq(s.problems[64], "/");
	cr_assert_str_eq(s.reasons[64], "36 more changed while the tree was walked");
	world_free(s.w);
}

/* Who opens that directory now waits until notes is closed. */
static void exchange_and_hold(struct scene *s, const char *at)
{
	s->notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(s->notes, 0, "root is needed");
	cr_assert_eq(fanotify_mark(s->notes, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ONDIR,
				   s->w->target.upper_fd, "d/real/deep"),
		     0);
	exchange(s, at);
}

Test(secondlook, what_was_found_before_a_place_that_is_stuck_is_told, .timeout = 60)
{
	struct scene s = {.at = "x", .act = exchange_and_hold};
	/* The link is older, so that the walk has met it when the two change places. */
	begin(&s,
	      "mkdir m/d; ln -s /nowhere m/d/link; mkdir -p m/d/real/deep; touch m/d/real/deep/x");
	walk(&s);
	(void)close(s.notes);
	cr_assert_not(is_in(s.met, s.files, "/d/link/deep"), "it is stuck in the walk already");
	cr_assert_eq(s.stuck, 1);
	cr_assert(is_in(s.problems, s.n, "/d/link"));
	world_free(s.w);
}

static void add_many(struct scene *s, const char *at)
{
	(void)at;
	for (int i = 0; i < 20; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "d/new-%d", i);
		int fd = openat(s->w->target.upper_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		cr_assert_geq(fd, 0);
		(void)close(fd);
	}
}

Test(secondlook, a_look_that_ends_at_a_limit_says_so)
{
	struct scene s = {.at = "x", .act = add_many, .max = 10};
	begin(&s, "mkdir m/d; touch m/d/x");
	walk(&s);
	cr_assert(is_in(s.problems, s.n, "/"));
	world_free(s.w);
}

/* The kernel stamps inodes with a time that its tick lags behind, when somebody looks at them. */
Test(secondlook, what_was_stamped_before_the_tick_is_older_than_it)
{
	enum { TIMES = 100 };
	struct statx st;
	char path[] = "/tmp/kan-stamped-XXXXXX";
	kan_auto_close int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	(void)unlink(path);
	for (unsigned i = 0; i < TIMES; i++) {
		cr_assert_eq(fchmod(fd, 0600 | (i & 1)), 0);
		cr_assert_eq(statx(fd, "", AT_EMPTY_PATH, STATX_CTIME, &st), 0);
		cr_assert_eq(fchmod(fd, 0600 | !(i & 1)), 0);
		cr_assert_eq(statx(fd, "", AT_EMPTY_PATH, STATX_CTIME, &st), 0);
		kan_session_wait_for_a_tick();
		cr_assert_lt(kan_statx_ns(&st.stx_ctime), kan_tick_ns());
	}
}
