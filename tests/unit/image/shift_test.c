/* Ids that a mount moves, in owners, access lists and capabilities. */
#include "image/shift.h"

#include <criterion/criterion.h>
#include <string.h>

#include "image/idmap.h"
#include "image/xattrs.h"
#include "image/xattrwords.h"

enum { PACKED = 1 << 20 };

static const char acl[] = "system.posix_acl_access", cap[] = "security.capability";
static struct kan_idmaps maps;
static struct kan_buf packed;

static void begin(void)
{
	packed = KAN_BUF(PACKED);
	kan_idmap_parse(&maps.uid, KAN_LIT("0 100000 1000\n"));
	kan_idmap_parse(&maps.gid, KAN_LIT("0 200000 1000\n"));
}

static void leave(void)
{
	kan_buf_free(&packed);
}

static struct kan_bytes shifted(const char *name, const void *v, size_t n)
{
	struct kan_bytes out = {0};
	kan_buf_reset(&packed);
	kan_xattrs_add(&packed, KAN_LIT("user.before"), KAN_LIT("1"));
	kan_xattrs_add(&packed, kan_bytes_of(name), (struct kan_bytes){v, n});
	kan_xattrs_add(&packed, KAN_LIT("user.behind"), KAN_LIT("2"));
	kan_shift_xattrs(&packed, &maps);
	cr_assert(kan_xattrs_find(&out, kan_buf_bytes(&packed), "user.before"));
	cr_assert(kan_bytes_eq(out, KAN_LIT("1")));
	cr_assert(kan_xattrs_find(&out, kan_buf_bytes(&packed), "user.behind"));
	cr_assert(kan_bytes_eq(out, KAN_LIT("2")));
	cr_assert(kan_xattrs_find(&out, kan_buf_bytes(&packed), name));
	return out;
}

Test(shift, owners_are_moved_and_those_without_a_place_stay, .init = begin, .fini = leave)
{
	struct statx st = {.stx_uid = 33, .stx_gid = 7};
	kan_shift_owners(&st, &maps);
	cr_expect_eq(st.stx_uid, 100033);
	cr_expect_eq(st.stx_gid, 200007);
	st = (struct statx){.stx_uid = 1000, .stx_gid = 70000};
	kan_shift_owners(&st, &maps);
	cr_expect_eq(st.stx_uid, 1000);
	cr_expect_eq(st.stx_gid, 70000);
}

Test(shift, named_users_and_groups_of_an_access_list_are_moved_and_the_owners_entries_are_not,
     .init = begin, .fini = leave)
{
	static const uint8_t v[] = {2, 0, 0, 0, 1, 0, 6,  0, 255, 255, 255, 255, 2,   0,  4,
				    0, 5, 0, 0, 0, 8, 0,  4, 0,   9,   0,   0,   0,   16, 0,
				    6, 0, 0, 0, 0, 0, 32, 0, 0,   0,   255, 255, 255, 255};
	struct kan_bytes out = shifted(acl, v, sizeof(v));
	struct kan_buf text = KAN_BUF(KAN_ACL_TEXT);
	cr_assert(kan_acl_text(&text, out));
	cr_expect_not_null(strstr(kan_buf_str(&text), "u::rw-,u:100005:r--,g:200009:r--,m::rw-"),
			   "%s", kan_buf_str(&text));
	kan_buf_free(&text);
	for (size_t n = 0; n < sizeof(v); n++)
		cr_expect_eq(shifted(acl, v, n).n, n);
}

Test(shift, a_capability_counts_for_the_root_of_the_map, .init = begin, .fini = leave)
{
	static const uint8_t v2[20] = {1, 0, 0, 2, 0, 32};
	static const uint8_t v3[24] = {1, 0, 0, 3, 0, 32, [20] = 5};
	struct kan_filecap c;
	cr_assert(kan_filecap_parse(&c, shifted(cap, v2, sizeof(v2))));
	cr_expect_eq(c.revision, 3);
	cr_expect_eq(c.rootid, 100000);
	cr_expect_eq(c.permitted, 1 << 13);
	cr_expect(c.effective);
	cr_assert(kan_filecap_parse(&c, shifted(cap, v3, sizeof(v3))));
	cr_expect_eq(c.revision, 3);
	cr_expect_eq(c.rootid, 100005);
	cr_expect_eq(c.permitted, 1 << 13);
	for (size_t n = 0; n < sizeof(v3); n++)
		if (n != sizeof(v2))
			cr_expect_eq(shifted(cap, v3, n).n, n);
	maps.uid.n = 0;
	cr_expect_eq(shifted(cap, v2, sizeof(v2)).n, sizeof(v2), "no map, no other root");
}

Test(shift, what_was_left_out_is_left_out_again, .init = begin, .fini = leave)
{
	static uint8_t large[KAN_XATTRS_MAX];
	struct kan_xattr x;
	kan_xattrs_add(&packed, kan_bytes_of(acl), (struct kan_bytes){large, sizeof(large)});
	kan_shift_xattrs(&packed, &maps);
	struct kan_bytes left = kan_buf_bytes(&packed);
	cr_assert(kan_xattrs_next(&x, &left));
	cr_expect(x.cut);
	cr_expect(kan_bytes_eq(x.name, kan_bytes_of(acl)));
	cr_expect_not(kan_xattrs_next(&x, &left));
}
