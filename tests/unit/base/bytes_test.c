/* Views, capped buffers, errors. */
#include <criterion/criterion.h>
#include <string.h>

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

Test(bytes, a_buffer_never_passes_its_maximum_and_remembers)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4);
	kan_buf_adds(&b, "abc");
	cr_assert_not(b.failed);
	kan_buf_adds(&b, "de");
	cr_assert(b.failed);
	cr_assert_str_eq(kan_buf_str(&b), "abc", "nothing is added in part");
	kan_buf_addc(&b, 'x');
	cr_assert_str_eq(kan_buf_str(&b), "abc", "failed is sticky");
	kan_buf_reset(&b);
	kan_buf_addf(&b, "%d", 1234);
	cr_assert_not(b.failed);
	cr_assert_eq(b.data[4], 0);
}

Test(bytes, a_length_that_overflows_is_a_failure)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(SIZE_MAX);
	kan_buf_adds(&b, "abc");
	kan_buf_add(&b, "x", SIZE_MAX - 1);
	cr_assert(b.failed);
	cr_assert_eq(b.len, 3);
}

Test(bytes, a_long_formatted_text_is_whole)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	kan_buf_addf(&b, "%2000s", "x");
	cr_assert_eq(b.len, 2000);
}

Test(bytes, views_are_compared_as_bytes)
{
	cr_assert(kan_bytes_eq((struct kan_bytes){0}, kan_bytes_of(NULL)));
	cr_assert(kan_bytes_eq(KAN_LIT("a\0b"), KAN_LIT("a\0b")));
	cr_assert_not(kan_bytes_eq(KAN_LIT("a"), KAN_LIT("ab")));
	cr_assert_lt(kan_bytes_cmp(KAN_LIT("a"), KAN_LIT("a\0")), 0);
	cr_assert_gt(kan_bytes_cmp(KAN_LIT("\xff"), KAN_LIT("a")), 0);
	cr_assert(kan_bytes_starts(KAN_LIT("/proc/1"), "/proc/"));
	cr_assert_not(kan_bytes_starts(KAN_LIT("/pr"), "/proc/"));
}

static int inner(struct kan_err *err)
{
	errno = EACCES;
	return kan_fail_sys(err, "upper directory");
}

Test(bytes, an_error_reads_from_outside_to_inside)
{
	struct kan_err err = {0};
	cr_assert_eq(inner(&err), -1);
	cr_assert_eq(kan_wrap(&err, "collect %s", "filesystem"), -1);
	cr_assert_str_eq(err.text, "collect filesystem: upper directory: Permission denied");
	cr_assert_eq(err.code, KAN_EDENIED);
	cr_assert_eq(err.sys, EACCES);
	cr_assert_eq(inner(NULL), -1);
}

Test(bytes, an_error_text_too_long_is_cut_inside_its_struct)
{
	struct kan_err err = {0};
	char path[2000];
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	errno = ENOENT;
	cr_assert_eq(kan_fail_sys(&err, "%s", path), -1);
	cr_assert_eq(kan_wrap(&err, "%s", path), -1);
	cr_assert_eq(strlen(err.text), KAN_ERR_TEXT - 1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
}
