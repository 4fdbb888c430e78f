/* Unified differences, against what diff -u prints of the same texts. */
#include "analyze/diff.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(char mark, struct kan_bytes line, void *arg)
{
	struct kan_buf *out = arg;
	if (mark != '@')
		kan_buf_addc(out, mark);
	if (mark == '\\')
		kan_buf_addc(out, ' ');
	kan_buf_addb(out, line);
	kan_buf_addc(out, '\n');
}

static struct kan_buf ours(const char *a, const char *b, uint64_t work)
{
	struct kan_buf out = KAN_BUF(32 << 20);
	cr_assert(kan_diff(kan_bytes_of(a), kan_bytes_of(b), &work, put, &out));
	return out;
}

static void is(const char *a, const char *b, const char *want)
{
	kan_auto_buf struct kan_buf out = ours(a, b, 1 << 20);
	cr_assert_str_eq(kan_buf_str(&out), want, "%s", kan_buf_str(&out));
}

Test(diff, equal_texts_have_no_hunk)
{
	is("", "", "");
	is("a\nb\n", "a\nb\n", "");
}

Test(diff, a_changed_line_stands_in_its_context)
{
	is("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n",
	   "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n");
}

Test(diff, an_empty_side_begins_at_line_zero)
{
	is("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
	is("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n");
}

Test(diff, a_missing_last_line_feed_is_a_difference_and_said)
{
	is("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
}

Test(diff, changes_near_to_each_other_share_a_hunk_and_far_ones_do_not)
{
	is("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
	   "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	is("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
	   "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

/* patch of somebody else makes b out of a and ours. */
static void applies(const char *a, const char *b, uint64_t work)
{
	char dir[] = "/tmp/kanshiki-diff-XXXXXX", command[256];
	cr_assert_not_null(mkdtemp(dir));
	kan_auto_buf struct kan_buf out = ours(a, b, work);
	const char *const names[] = {"a", "b", "d"}, *texts[] = {a, b, kan_buf_str(&out)};
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(command, sizeof command, "%s/%s", dir, names[i]);
		FILE *f = fopen(command, "w");
		cr_assert_not_null(f);
		(void)fprintf(f, "%s%s", i == 2 ? "--- a\n+++ a\n" : "", texts[i]);
		cr_assert_eq(fclose(f), 0);
	}
	(void)snprintf(command, sizeof command,
		       "cd %s && { [ ! -s d ] || patch -s a <d; } && cmp a b && rm -r %s", dir,
		       dir);
	FILE *p = popen(command, "r");
	cr_assert_not_null(p);
	cr_assert_eq(pclose(p), 0, "%s", dir);
}

Test(diff, what_is_told_makes_one_text_of_the_other)
{
	enum { LINES = 300 };
	unsigned seed = 7;
	for (int round = 0; round < 20; round++) {
		kan_auto_buf struct kan_buf a = KAN_BUF(1 << 20), b = KAN_BUF(1 << 20);
		for (int i = 0; i < LINES; i++) {
			seed = seed * 1103515245 + 12345;
			unsigned r = seed >> 16 & 15;
			if (r != 0)
				kan_buf_addf(&a, "line %d\n", (int)(seed >> 20 & 7));
			if (r != 1)
				kan_buf_addf(&b, "line %d\n", r == 2 ? 99 : (int)(seed >> 20 & 7));
		}
		applies(kan_buf_str(&a), kan_buf_str(&b), 1 << 24);
		applies(kan_buf_str(&a), kan_buf_str(&b), 500);
	}
}

Test(diff, texts_that_have_nothing_in_common_end_at_the_limit)
{
	enum { LINES = 100000 };
	kan_auto_buf struct kan_buf a = KAN_BUF(4 << 20), b = KAN_BUF(4 << 20);
	for (int i = 0; i < LINES; i++) {
		kan_buf_addf(&a, "a%d\n", i);
		kan_buf_addf(&b, "b%d\n", i);
	}
	kan_auto_buf struct kan_buf out = ours(kan_buf_str(&a), kan_buf_str(&b), 1 << 30);
	cr_assert_eq(strncmp(kan_buf_str(&out), "@@ -1,100000 +1,100000 @@\n-a0\n", 30), 0);
}

Test(diff, a_text_has_no_nul)
{
	cr_assert(kan_diff_is_text(KAN_LIT("a\n\xff\x1b")));
	cr_assert_not(kan_diff_is_text(KAN_LIT("a\0b")));
}
