/* Texts of /proc/keys. */
#include <criterion/criterion.h>

#include "kernel/keys.h"

struct list {
	struct kan_key v[8];
	size_t n;
};

static int note(const struct kan_key *k, void *arg, struct kan_err *err)
{
	struct list *l = arg;
	(void)err;
	l->v[l->n++] = *k;
	return 0;
}

static struct list of(const char *text)
{
	struct list l = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_keys_each(kan_bytes_of(text), note, &l, &err), 0, "%s", err.text);
	return l;
}

static bool is(struct kan_bytes v, const char *want)
{
	return kan_bytes_eq(v, kan_bytes_of(want));
}

Test(keys, the_fields_are_the_kernels)
{
	struct list l =
		of("07686e0c I--Q---     3 perm 3f1b0000     0 65534 keyring   _ses.83b8: empty\n"
		   "1a39e18a I--Q---     1  27h 3f010000  1000  1000 user      krb_ccache:primary: "
		   "12\n"
		   "2a39e18a IR-Q---    -1 expd 3f010000    -2     0 asymmetri a key: X509.rsa 5e "
		   "[]\n");
	cr_assert_eq(l.n, 3);
	cr_assert(l.v[0].serial == 0x07686e0c && l.v[0].perm == 0x3f1b0000 && l.v[0].usage == 3);
	cr_assert(l.v[0].uid == 0 && l.v[0].gid == 65534);
	cr_assert(is(l.v[0].type, "keyring") && is(l.v[0].desc, "_ses.83b8: empty"));
	cr_assert(is(l.v[1].timeout, "27h") && is(l.v[1].type, "user"));
	cr_assert(is(l.v[1].desc, "krb_ccache:primary: 12"));
	cr_assert(is(l.v[2].flags, "IR-Q---") && l.v[2].uid == (uint32_t)-2);
	cr_assert(is(l.v[2].type, "asymmetri") && is(l.v[2].desc, "a key: X509.rsa 5e []"));
}

Test(keys, a_description_may_hold_line_feeds_and_lines_that_lie)
{
	struct list l = of("10000000 I--Q---     1 perm 3f010000  1000  1000 user      a\nb\n"
			   "0fffffff I--Q---     1 perm 3f010000     0     0 keyring   _ses.x\n"
			   "20000000 I--Q---     1 perm 3f010000  1000  1000 user      c\n");
	cr_assert_eq(l.n, 2);
	cr_assert(is(l.v[0].desc,
		     "a\nb\n0fffffff I--Q---     1 perm 3f010000     0     0 keyring   "
		     "_ses.x"));
	cr_assert(is(l.v[1].desc, "c"));
}

Test(keys, none_at_all_is_fine_and_another_text_is_not)
{
	struct list l = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_keys_each(KAN_LIT(""), note, &l, NULL), 0);
	cr_assert_lt(kan_keys_each(KAN_LIT("Permission denied\n"), note, &l, &err), 0);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert_eq(l.n, 0);
}
