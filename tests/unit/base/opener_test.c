/* Bounded opens and reads: the same as without a bound, and an end of those that do not answer. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "held.h"

enum { BIG = 1 << 20, SLOW_MS = KAN_TREE_OPEN_MS * 11 / 20 };

Test(opener, a_bounded_open_gives_the_same_file_and_the_same_refusals)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	bool noatime = false;
	test_put(p.fd, "file", "content");
	cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
	kan_auto_close int file = test_pinned(p.fd, "file"), fifo = test_pinned(p.fd, "fifo");
	for (int i = 0; i < 100; i++) {
		kan_auto_close int fd = -1;
		char text[8] = {0};
		cr_assert_eq(kan_tree_open_bounded(&fd, &noatime, o, file, &err), 0, "%s",
			     err.text);
		cr_assert_eq(read(fd, text, 7), 7);
		cr_assert_str_eq(text, "content");
		cr_assert_eq(kan_tree_open_bounded(&fd, &noatime, o, fifo, &err), -1);
		cr_assert_eq(err.code, KAN_EREFUSED);
	}
	kan_tree_opener_free(o);
	kan_tree_opener_free(NULL);
	test_leave(&p);
}

Test(opener, a_bounded_read_gives_the_first_octets_or_all_and_never_more_than_there_is_room_for)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	kan_auto_free char *big = kan_xalloc(BIG + 1);
	(void)memset(big, 'b', BIG);
	test_put(p.fd, "file", "content");
	test_put(p.fd, "big", big);
	kan_auto_close int file = openat(p.fd, "file", O_RDONLY | O_CLOEXEC),
			   large = openat(p.fd, "big", O_RDONLY | O_CLOEXEC);
	kan_auto_buf struct kan_buf all = KAN_BUF(16), none = KAN_BUF(BIG - 1), room = KAN_BUF(BIG);
	cr_expect_eq(kan_tree_read_bounded(&all, o, file, 3, &err), 0, "%s", err.text);
	cr_expect_str_eq(kan_buf_str(&all), "con");
	cr_expect_eq(kan_tree_read_bounded(&all, o, file, 100, &err), 0, "%s", err.text);
	cr_expect_str_eq(kan_buf_str(&all), "concontent", "from the begin, and appended");
	cr_expect_eq(kan_tree_read_bounded(&all, o, file, 100, &err), -1);
	cr_expect_eq(err.code, KAN_ELIMIT);
	cr_expect_eq(kan_tree_read_bounded(&room, o, large, SIZE_MAX, &err), 0, "%s", err.text);
	cr_expect_eq(room.len, BIG);
	cr_expect_eq(memcmp(room.data, big, BIG), 0);
	cr_expect_eq(kan_tree_read_bounded(&none, o, large, BIG, &err), -1);
	cr_expect_eq(err.code, KAN_ELIMIT);
	cr_expect_eq(kan_tree_read_bounded(&none, o, p.fd, BIG, &err), -1, "a directory");
	cr_expect_eq(err.sys, EISDIR);
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(opener, pieces_are_of_the_place_asked_for_and_short_at_the_end_alone)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	char text[8] = "";
	test_put(p.fd, "file", "0123456789");
	kan_auto_close int file = openat(p.fd, "file", O_RDONLY | O_CLOEXEC);
	cr_expect_eq(kan_tree_piece_bounded(text, 4, o, file, 3, &err), 4, "%s", err.text);
	cr_expect_eq(memcmp(text, "3456", 4), 0);
	cr_expect_eq(kan_tree_piece_bounded(text, 4, o, file, 8, &err), 2);
	cr_expect_eq(memcmp(text, "8956", 4), 0, "what is beyond is left as it was");
	cr_expect_eq(kan_tree_piece_bounded(text, 4, o, file, 10, &err), 0);
	cr_expect_eq(kan_tree_piece_bounded(text, 4, o, p.fd, 0, &err), -1, "a directory");
	cr_expect_eq(err.sys, EISDIR);
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(opener, the_first_octets_come_with_the_open_and_the_end_is_known)
{
	static const struct {
		const char *name, *text;
		size_t n;
		const char *want, *next;
	} made[] = {{"short", "content", 16, "content", ""},
		    {"exact", "content", 7, "content", ""},
		    {"long", "0123456789", 4, "0123", "4567"},
		    {"empty", "", 4, "", ""}};
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		char text[16] = "";
		bool noatime = false;
		kan_auto_close int fd = -1;
		size_t want = strlen(made[i].want), next = strlen(made[i].next);
		test_put(p.fd, made[i].name, made[i].text);
		kan_auto_close int pin = test_pinned(p.fd, made[i].name);
		cr_expect_eq(kan_tree_first_bounded(text, made[i].n, &fd, &noatime, o, pin, &err),
			     (ssize_t)want, "%s: %s", made[i].name, err.text);
		cr_expect_str_eq(text, made[i].want);
		cr_expect(noatime);
		cr_expect_eq(kan_tree_piece_bounded(text, 4, o, fd, want, &err), (ssize_t)next,
			     "%s goes on: %s", made[i].name, err.text);
		cr_expect_eq(memcmp(text, made[i].next, next), 0);
	}
	kan_tree_opener_free(o);
	test_leave(&p);
}

static int n_descriptors(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

Test(opener, first_octets_of_what_is_no_file_are_none_and_nothing_stays_open)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	char text[16];
	bool noatime = false;
	int fd = -1;
	cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "dir", NULL), 0);
	kan_auto_close int fifo = test_pinned(p.fd, "fifo"), dir = test_pinned(p.fd, "dir");
	int before = n_descriptors();
	for (int i = 0; i < 100; i++) {
		struct kan_err err = {0};
		cr_assert_eq(kan_tree_first_bounded(text, 16, &fd, &noatime, o, fifo, &err), -1);
		cr_assert_eq(err.code, KAN_EREFUSED);
		cr_assert_eq(kan_tree_first_bounded(text, 16, &fd, &noatime, o, dir, &err), -1);
		cr_assert_eq(err.sys, EISDIR, "%s", err.text);
		cr_assert_eq(fd, -1);
	}
	cr_expect_eq(n_descriptors(), before);
	kan_tree_opener_free(o);
	test_leave(&p);
}

/* Which of both it was is said, and what was opened is closed when it comes back. */
static void first_is_stuck(uint64_t of, const char *word)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	char text[16] = "";
	bool noatime = false;
	kan_auto_close int fd = -1;
	test_put(p.fd, "held", "held");
	test_put(p.fd, "free", "free");
	kan_auto_close int held = test_pinned(p.fd, "held"), open = test_pinned(p.fd, "free");
	int before = n_descriptors(), notes = test_held(p.fd, "held", of);
	cr_expect_eq(kan_tree_first_bounded(text, 16, &fd, &noatime, o, held, &err), -1);
	cr_expect_eq(err.sys, ETIMEDOUT);
	cr_expect_eq(strncmp(err.text, word, strlen(word)), 0, "%s", err.text);
	cr_expect_eq(fd, -1);
	cr_expect_eq(kan_tree_first_bounded(text, 16, &fd, &noatime, o, open, &err), 4, "%s",
		     err.text);
	cr_expect_str_eq(text, "free");
	kan_auto_close_fn(&fd);
	(void)close(notes);
	for (int i = 0; i < 100 && n_descriptors() != before; i++)
		(void)usleep(10000);
	cr_expect_eq(n_descriptors(), before);
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(opener, an_open_that_does_not_return_is_told_and_its_descriptors_go, .timeout = 60)
{
	first_is_stuck(FAN_OPEN_PERM, "open");
}

Test(opener, a_read_that_does_not_return_is_told_and_its_descriptors_go, .timeout = 60)
{
	first_is_stuck(FAN_ACCESS_PERM, "read");
}

/* Answers each question, late. */
static void *answer_late(void *arg)
{
	const struct timespec late = {SLOW_MS / 1000, SLOW_MS % 1000 * 1000000L};
	struct fanotify_event_metadata event;
	int notes = *(int *)arg;
	while (read(notes, &event, sizeof(event)) == (ssize_t)sizeof(event)) {
		const struct fanotify_response yes = {event.fd, FAN_ALLOW};
		bool last = event.mask & FAN_ACCESS_PERM;
		(void)nanosleep(&late, NULL);
		(void)write(notes, &yes, sizeof(yes));
		(void)close(event.fd);
		if (last)
			(void)fanotify_mark(notes, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
	}
	return NULL;
}

Test(opener, an_open_and_a_read_have_the_bound_each_for_itself, .timeout = 60)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new();
	struct kan_err err = {0};
	char text[16] = "";
	bool noatime = false;
	pthread_t thread;
	kan_auto_close int fd = -1;
	test_put(p.fd, "slow", "slow");
	kan_auto_close int slow = test_pinned(p.fd, "slow");
	int notes = test_held(p.fd, "slow", FAN_OPEN_PERM | FAN_ACCESS_PERM);
	cr_assert_eq(pthread_create(&thread, NULL, answer_late, &notes), 0);
	cr_expect_eq(kan_tree_first_bounded(text, 16, &fd, &noatime, o, slow, &err), 4, "%s",
		     err.text);
	cr_expect_str_eq(text, "slow");
	(void)pthread_cancel(thread);
	(void)pthread_join(thread, NULL);
	(void)close(notes);
	kan_tree_opener_free(o);
	test_leave(&p);
}

Test(opener, after_eight_opens_that_never_return_no_more_are_tried_and_no_time_is_lost,
     .timeout = 60)
{
	struct test_place p = test_place();
	struct kan_tree_opener *o = kan_tree_opener_new(), *other = kan_tree_opener_new();
	struct kan_err err = {0};
	struct timespec begin, end;
	bool noatime = false;
	kan_auto_close int fd = -1;
	test_put(p.fd, "held", "x");
	test_put(p.fd, "free", "x");
	kan_auto_close int held = test_pinned(p.fd, "held"), open = test_pinned(p.fd, "free");
	int notes = test_held(p.fd, "held", FAN_OPEN_PERM);
	for (int i = 0; i < KAN_TREE_STUCK; i++) {
		cr_assert_eq(kan_tree_open_bounded(&fd, &noatime, o, held, &err), -1);
		cr_assert_eq(err.sys, ETIMEDOUT);
		cr_assert_not(kan_tree_gave_up_again(o, &err), "%s", err.text);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(kan_tree_open_bounded(&fd, &noatime, o, i % 2 ? held : open, &err),
			     -1);
		cr_assert(kan_tree_gave_up(&err), "%s", err.text);
		cr_assert_eq(kan_tree_gave_up_again(o, &err), i > 0);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert_leq(end.tv_sec - begin.tv_sec, 1);
	cr_assert_eq(kan_tree_open_bounded(&fd, &noatime, other, open, &err), 0,
		     "each counts for itself: %s", err.text);
	kan_tree_opener_free(o);
	kan_tree_opener_free(other);
	(void)close(notes);
	test_leave(&p);
}
