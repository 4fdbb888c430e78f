/* maps, line by line. */
#include <criterion/criterion.h>
#include <string.h>

#include "kernel/maps.h"

static struct kan_map last;
static unsigned seen;

static int on_map(const struct kan_map *m, void *arg, struct kan_err *err)
{
	(void)err;
	last = *m;
	seen++;
	return *(int *)arg;
}

static int parse(const char *text, int answer, struct kan_err *err)
{
	seen = 0;
	return kan_maps_each(kan_bytes_of(text), on_map, &answer, err);
}

Test(maps, a_mapping_of_a_file)
{
	cr_assert_eq(parse("7f0000001000-7f0000003000 r-xp 00002000 fd:0a 173521                   "
			   "  /usr/lib/a b.so\n",
			   0, NULL),
		     0);
	cr_assert_eq(last.start, 0x7f0000001000);
	cr_assert_eq(last.end, 0x7f0000003000);
	cr_assert_str_eq(last.perms, "r-xp");
	cr_assert_eq(last.offset, 0x2000);
	cr_assert(last.major == 0xfd && last.minor == 0x0a && last.ino == 173521);
	cr_assert(kan_bytes_eq(last.path, KAN_LIT("/usr/lib/a b.so")));
}

Test(maps, anonymous_memory_has_no_path)
{
	cr_assert_eq(parse("55d0c0e00000-55d0c0e21000 rw-p 00000000 00:00 0 \n", 0, NULL), 0);
	cr_assert_eq(last.path.n, 0);
	cr_assert_eq(parse("55d0c0e00000-55d0c0e21000 rw-p 00000000 00:00 0\n", 0, NULL), 0);
	cr_assert_eq(last.path.n, 0);
}

Test(maps, the_last_address_of_all_fits)
{
	cr_assert_eq(parse("ffffffffff600000-ffffffffffffffff --xp 00000000 00:00 0                "
			   "  [vsyscall]\n",
			   0, NULL),
		     0);
	cr_assert_eq(last.end, UINT64_MAX);
}

Test(maps, a_line_that_a_limit_has_cut_is_left_out)
{
	cr_assert_eq(parse("1-2 r--p 0 00:00 0 /a\n3-4 r--p 0 00:0", 0, NULL), 0);
	cr_assert_eq(seen, 1);
}

Test(maps, a_bad_line_is_named_by_its_number)
{
	static const char *const bad[] = {"\n",
					  "x\n",
					  "1-\n",
					  "1-2\n",
					  "1-2 rwxp\n",
					  "1-2 r\n",
					  "1-2 abcd 0 0:0 0\n",
					  "1-2 r--p 0 0-0 0\n",
					  "11111111111111111-2 r--p 0 00:00 0\n",
					  "1-2 r--p 0 00:00 \n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_err err = {0};
		char text[256] = "1-2 r--p 0 00:00 0 /a\n";
		(void)strncat(text, bad[i], sizeof(text) - strlen(text) - 1);
		cr_assert_lt(parse(text, 0, &err), 0, "%s", bad[i]);
		cr_assert_eq(err.code, KAN_EFORMAT);
		cr_assert_not_null(strstr(err.text, "line 2"));
	}
}

Test(maps, who_looks_may_stop)
{
	cr_assert_eq(parse("1-2 r--p 0 00:00 0 /a\n3-4 r--p 0 00:00 0 /b\n", 1, NULL), 0);
	cr_assert_eq(seen, 1);
	cr_assert_lt(parse("1-2 r--p 0 00:00 0 /a\n", -1, NULL), 0);
}
