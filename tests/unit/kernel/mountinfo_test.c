/* mountinfo, and the options of a superblock. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mountinfo.h"

struct got {
	struct kan_mount m;
	char point[512], root[512], source[512], super[2048], propagation[128];
	unsigned seen;
};

static void text_of(char *out, size_t n, struct kan_bytes v)
{
	(void)snprintf(out, n, "%.*s", (int)v.n, v.n ? (const char *)v.p : "");
}

static int on_mount(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct got *g = arg;
	(void)err;
	g->m = *m;
	g->seen++;
	text_of(g->point, sizeof(g->point), m->point);
	text_of(g->root, sizeof(g->root), m->root);
	text_of(g->source, sizeof(g->source), m->source);
	text_of(g->super, sizeof(g->super), m->super);
	text_of(g->propagation, sizeof(g->propagation), m->propagation);
	return 0;
}

static struct got parse(const char *text)
{
	struct got g = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_mountinfo_each(kan_bytes_of(text), on_mount, &g, &err), 0, "%s", err.text);
	return g;
}

static int fails(const char *text, struct kan_err *err)
{
	struct got g = {0};
	return kan_mountinfo_each(kan_bytes_of(text), on_mount, &g, err);
}

static const char *option(const char *super, const char *key)
{
	struct kan_buf out = KAN_BUF(512);
	if (!kan_mount_option(&out, kan_bytes_of(super), key))
		return NULL;
	char *text = kan_xstrdup(kan_buf_str(&out));
	kan_buf_free(&out);
	return text;
}

Test(mountinfo, the_example_of_proc_5)
{
	struct got g = parse(
		"36 35 98:1 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n");
	cr_assert(g.m.id == 36 && g.m.parent == 35 && g.m.major == 98 && g.m.minor == 1);
	cr_assert_str_eq(g.root, "/mnt1");
	cr_assert_str_eq(g.point, "/mnt2");
	cr_assert_str_eq(g.propagation, "master:1");
	cr_assert_str_eq(g.source, "/dev/root");
	cr_assert_str_eq(g.super, "rw,errors=continue");
}

Test(mountinfo, optional_fields_are_none_or_many)
{
	cr_assert_str_eq(parse("1 0 0:1 / / rw - tmpfs tmpfs rw\n").propagation, "");
	cr_assert_str_eq(parse("1 0 0:1 / / rw shared:2 master:1 propagate_from:7 unbindable - "
			       "tmpfs tmpfs rw\n")
				 .propagation,
			 "shared:2 master:1 propagate_from:7 unbindable");
}

Test(mountinfo, octal_escapes_are_decoded_and_nothing_else)
{
	cr_assert_str_eq(parse("1 0 0:1 / /a\\040b\\011c\\134d\\9\\0 rw - tmpfs x rw\n").point,
			 "/a b\tc\\d\\9\\0");
}

Test(mountinfo, an_empty_source_is_a_source)
{
	struct got g = parse("1 0 0:1 / /p rw - tmpfs  rw,size=1k\n");
	cr_assert_str_eq(g.source, "");
	cr_assert_str_eq(g.super, "rw,size=1k");
}

Test(mountinfo, options_with_many_spaces_do_not_end_the_table)
{
	struct got g = parse("1 0 0:1 / /p rw - odd x a b c d e f g h i j k l m n o p q r s t u v "
			     "w x y z a b c\n2 1 0:2 / /q rw - tmpfs x rw\n");
	cr_assert_eq(g.seen, 2);
	cr_assert_str_eq(g.point, "/q");
}

Test(mountinfo, a_bad_line_is_named_by_its_number)
{
	static const char *const bad[] = {"",
					  "x",
					  "1 0 0:1 / / rw tmpfs tmpfs rw a b",
					  "1 0 01 / / rw - tmpfs x rw",
					  "1 0 0:1 / / rw - tmpfs x",
					  "-1 0 0:1 / / rw - tmpfs x rw",
					  "99999999999 0 0:1 / / rw - tmpfs x rw"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];
		struct kan_err err = {0};
		(void)snprintf(text, sizeof(text), "1 0 0:1 / / rw - tmpfs x rw\n%s\n", bad[i]);
		cr_assert_lt(fails(text, &err), 0, "%s", bad[i]);
		cr_assert_eq(err.code, KAN_EFORMAT);
		cr_assert_not_null(strstr(err.text, "line 2"), "%s", err.text);
	}
}

Test(mountinfo, a_table_above_the_limit_says_so)
{
	static const char line[] = "1 0 0:1 / / rw - t x rw\n";
	struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	struct got g = {0};
	struct kan_err err = {0};
	for (unsigned i = 0; i <= KAN_MOUNTINFO_LINES; i++)
		kan_buf_adds(&text, line);
	cr_assert_lt(kan_mountinfo_each(kan_buf_bytes(&text), on_mount, &g, &err), 0);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_eq(g.seen, KAN_MOUNTINFO_LINES);
	kan_buf_free(&text);
}

Test(option, a_value_a_flag_and_none)
{
	cr_assert_str_eq(option("rw,upperdir=/u,workdir=/w", "upperdir"), "/u");
	cr_assert_str_eq(option("rw,userxattr", "userxattr"), "");
	cr_assert_str_eq(option("rw,upperdir=", "upperdir"), "");
	cr_assert_null(option("rw,upperdirs=/u", "upperdir"));
	cr_assert_null(option("", "upperdir"));
}

Test(option, escapes_of_the_kernel_and_of_overlay)
{
	cr_assert_str_eq(option("lowerdir=/a\\134\\054b:/c\\040d", "lowerdir"), "/a,b:/c d");
	cr_assert_str_eq(option("upperdir=/a\\134\\134b", "upperdir"), "/a\\b");
}

/* Whoever may mount chooses the value: what stands in it is no option. */
Test(option, a_comma_within_a_value_forges_nothing)
{
	struct got g = parse("1 0 0:9 / / rw - overlay overlay "
			     "rw,lowerdir=/l\\054upperdir=/etc,upperdir=/true\n");
	cr_assert_str_eq(option(g.super, "upperdir"), "/true");
	cr_assert_str_eq(option(g.super, "lowerdir"), "/l,upperdir=/etc");
}
