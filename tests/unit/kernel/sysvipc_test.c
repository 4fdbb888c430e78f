/* Texts of /proc/sysvipc, as kernels write them. */
#include <criterion/criterion.h>
#include <string.h>

#include "kernel/sysvipc.h"

static const char shm[] =
	"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  "
	"cgid"
	"      atime      dtime      ctime                   rss                  swap\n"
	"         0          3   600               4194304  4711  4712      1    33    34     0    "
	" 0 "
	"1795325600          0 1795325500                  4096                     0\n"
	"-559038737          4  1666  18446744073709551615     0     0      0 4294967294     0     "
	"0    "
	" 0          0          0 1795325501                     0                     0\n";

struct list {
	struct kan_sysv v[4];
	size_t n;
};

static int note(const struct kan_sysv *o, void *arg, struct kan_err *err)
{
	struct list *l = arg;
	(void)err;
	l->v[l->n++] = *o;
	return 0;
}

static uint64_t field(const struct kan_sysv *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(kan_sysv_tables[o->kind].fields[i], name) == 0)
			return o->v[i];
	cr_assert_fail("no %s", name);
	return 0;
}

Test(sysvipc, segments_with_negative_keys_and_the_largest_sizes)
{
	struct list l = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_sysv_each(kan_bytes_of(shm), KAN_SYSV_SHM, note, &l, &err), 0, "%s",
		     err.text);
	cr_assert_eq(l.n, 2);
	cr_assert(l.v[0].key == 0 && l.v[0].id == 3 && l.v[0].perms == 0600);
	cr_assert_eq(field(&l.v[0], "size"), 4194304);
	cr_assert_eq(field(&l.v[0], "cpid"), 4711);
	cr_assert_eq(field(&l.v[0], "uid"), 33);
	cr_assert_eq(field(&l.v[0], "ctime"), 1795325500);
	cr_assert_eq(field(&l.v[0], "rss"), 4096);
	cr_assert_eq(l.v[1].key, 0xdeadbeef);
	cr_assert_eq(l.v[1].perms, 01666);
	cr_assert_eq(field(&l.v[1], "size"), UINT64_MAX);
}

Test(sysvipc, who_made_and_used_it_are_columns_of_the_kernels_names)
{
	for (size_t k = 0; k < KAN_SYSV_KINDS; k++) {
		const struct kan_sysv_table *t = &kan_sysv_tables[k];
		for (size_t i = 0; t->told && i < 2; i++) {
			size_t n = strlen(t->fields[t->pids[i]]);
			cr_assert_str_eq(t->fields[t->pids[i]] + n - 3, "pid", "%s", t->name);
		}
	}
}

Test(sysvipc, an_old_kernel_has_fewer_columns)
{
	struct list l = {0};
	cr_assert_eq(kan_sysv_each(KAN_LIT("head\n 1 2 666 5 6 7 8 9 10 11 12 13 14 15\n"),
				   KAN_SYSV_SHM, note, &l, NULL),
		     0);
	cr_assert_eq(l.n, 1);
	cr_assert_eq(l.v[0].n, 11);
	l.n = 0;
	cr_assert_eq(kan_sysv_each(KAN_LIT("head\n 1 2 666 5 6 7 8 9 10 11 12 13 14 15 16\n"),
				   KAN_SYSV_MSG, note, &l, NULL),
		     0);
	cr_assert_eq(field(&l.v[0], "lrpid"), 8);
}

Test(sysvipc, a_line_that_is_none_is_told_by_its_number)
{
	struct list l = {0};
	struct kan_err err = {0};
	cr_assert_lt(kan_sysv_each(KAN_LIT("head\n1 2 600 1 0 0 0 0 0 0\n1 2 6x0 1 0 0 0 0 0 0\n"),
				   KAN_SYSV_SEM, note, &l, &err),
		     0);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert_not_null(strstr(err.text, "line 3"));
	cr_assert_eq(l.n, 1);
}

Test(sysvipc, a_heading_alone_is_no_object_and_half_a_line_is_none)
{
	struct list l = {0};
	cr_assert_eq(kan_sysv_each(KAN_LIT("head\n"), KAN_SYSV_SEM, note, &l, NULL), 0);
	cr_assert_eq(kan_sysv_each(KAN_LIT("head\n1 2 600 1"), KAN_SYSV_SEM, note, &l, NULL), 0);
	cr_assert_eq(kan_sysv_each(KAN_LIT(""), KAN_SYSV_SEM, note, &l, NULL), 0);
	cr_assert_eq(l.n, 0);
}
