/* stat and status, as the kernel writes them and as nobody should. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "kernel/procfs.h"

#define TAIL \
	" 1 4711 4711 34816 -1 4194560 95 0 0 0 7 3 0 0 20 0 1 0 882134 1019904 132 " \
	"18446744073709551615 4198400 4694933 140 0 0"

static int stat_of(struct kan_proc_stat *s, const char *text)
{
	struct kan_err err = {0};
	int rc = kan_proc_stat_parse(s, kan_bytes_of(text), &err);
	cr_assert(rc == 0 || err.code == KAN_EFORMAT);
	return rc;
}

static int status_of(struct kan_proc_status *s, const char *text)
{
	return kan_proc_status_parse(s, kan_bytes_of(text), NULL);
}

Test(stat, fields_are_those_of_proc_5)
{
	struct kan_proc_stat s;
	cr_assert_eq(stat_of(&s, "4712 (cat) S" TAIL "\n"), 0);
	cr_assert_eq(s.pid, 4712);
	cr_assert_eq(s.ppid, 1);
	cr_assert_eq(s.pgrp, 4711);
	cr_assert_eq(s.session, 4711);
	cr_assert_eq(s.tty, 34816);
	cr_assert_eq(s.flags, 4194560);
	cr_assert_eq(s.utime, 7);
	cr_assert_eq(s.stime, 3);
	cr_assert_eq(s.threads, 1);
	cr_assert_eq(s.starttime, 882134);
	cr_assert_eq(s.vsize, 1019904);
	cr_assert_eq(s.rss, 132);
	cr_assert_eq(s.state, 'S');
	cr_assert_eq(s.arg_start, 0, "not told by a short line");
}

Test(stat, a_name_may_hold_what_looks_like_the_rest_of_the_line)
{
	struct kan_proc_stat s;
	cr_assert_eq(stat_of(&s, "4712 (a) R 2 2 2 (b)\n) Z" TAIL "\n"), 0);
	cr_assert(kan_bytes_eq(s.comm, KAN_LIT("a) R 2 2 2 (b)\n")));
	cr_assert_eq(s.state, 'Z');
	cr_assert_eq(s.ppid, 1);
}

Test(stat, an_empty_name_is_a_name)
{
	struct kan_proc_stat s;
	cr_assert_eq(stat_of(&s, "1 () S" TAIL), 0);
	cr_assert_eq(s.comm.n, 0);
}

Test(stat, what_is_cut_or_no_stat_is_refused)
{
	static const char *const bad[] = {
		"",      "1",      "1 (",     "1 (a",          "1 a)",      ")1(",
		"1 (a)", "1 (a) ", "1 (a) S", "1 (a) S 1 2 3", "(a) S" TAIL};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_proc_stat s = {.pid = -7};
		cr_assert_lt(stat_of(&s, bad[i]), 0, "%s", bad[i]);
		cr_assert_eq(s.pid, -7, "untouched on failure");
	}
}

Test(stat, the_exit_code_is_the_last_field)
{
	char text[512];
	struct kan_proc_stat s;
	(void)snprintf(text, sizeof(text),
		       "9 (z) Z%s 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 18446744073709551614 "
		       "18446744073709551615 6 7 768\n",
		       TAIL);
	cr_assert_eq(stat_of(&s, text), 0);
	cr_assert_eq(s.exit_code, 768);
	cr_assert(s.arg_start == UINT64_MAX - 1 && s.arg_end == UINT64_MAX && s.env_start == 6 &&
		  s.env_end == 7);
}

#define STATUS \
	"Name:\tcat\nUmask:\t0022\nState:\tS " \
	"(sleeping)\nTgid:\t4712\nTracerPid:\t9\nUid:\t33\t34\t35\t36\nGid:\t1\t2\t3\t4\n" \
	"Groups:\t10 20 4294967295 \nNSpid:\t4712\t23\t1\nVmRSS:\t     528 " \
	"kB\nCapInh:\t0000000000000001\n" \
	"CapPrm:\t00000000a80425fb\nCapEff:\t000001ffffffffff\nCapBnd:\t0000000000000002\nCapAmb:" \
	"\t0000000000000004\n" \
	"NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n"

Test(status, fields_are_those_of_proc_5)
{
	struct kan_proc_status s;
	cr_assert_eq(status_of(&s, STATUS), 0);
	cr_assert(s.uid[0] == 33 && s.uid[1] == 34 && s.uid[2] == 35 && s.uid[3] == 36);
	cr_assert(s.gid[0] == 1 && s.gid[3] == 4);
	cr_assert(s.n_groups == 3 && s.groups[0] == 10 && s.groups[2] == 4294967295U);
	cr_assert(s.n_nspid == 3 && s.nspid[0] == 4712 && s.nspid[2] == 1);
	cr_assert_eq(s.cap_inh, 1);
	cr_assert_eq(s.cap_prm, 0xa80425fb);
	cr_assert_eq(s.cap_eff, 0x1ffffffffff);
	cr_assert_eq(s.cap_bnd, 2);
	cr_assert_eq(s.cap_amb, 4);
	cr_assert(s.no_new_privs == 1 && s.seccomp == 2 && s.seccomp_filters == 3 && s.tracer == 9);
	cr_assert_eq(s.vm_rss_kb, 528);
}

Test(status, a_name_that_spells_a_key_sets_nothing)
{
	struct kan_proc_status s;
	/* The kernel writes a newline of a name as \n, so that the name stays on its line. */
	cr_assert_eq(status_of(&s, "Name:\tx\\nUid:\t0\t0\t0\t0\nUid:\t7\t7\t7\t7\n"), 0);
	cr_assert_eq(s.uid[0], 7);
}

Test(status, more_groups_than_are_kept_are_counted)
{
	char text[8192] = "Uid:\t1\t1\t1\t1\nGroups:\t";
	struct kan_proc_status s;
	for (int i = 0; i < 300; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", i);
	cr_assert_eq(status_of(&s, text), 0);
	cr_assert_eq(s.n_groups, KAN_PROC_GROUPS);
	cr_assert_eq(s.groups_seen, 300);
}

Test(status, without_a_uid_it_is_no_status)
{
	struct kan_proc_status s;
	cr_assert_lt(status_of(&s, ""), 0);
	cr_assert_lt(status_of(&s, "Name:\tcat\nGid:\t1\n"), 0);
}
