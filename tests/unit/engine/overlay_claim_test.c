/* The overlay of "/" out of mountinfo, and whether the engine knows it. */
#include <criterion/criterion.h>
#include <string.h>

#include "answers.h"

#define ROOT(dev, options) "100 50 " dev " / / rw,relatime - overlay overlay rw," options "\n"
#define UPPER \
	"lowerdir=/d/overlay2/l/A:/d/overlay2/l/B,upperdir=/d/overlay2/x/diff,workdir=/d/" \
	"overlay2/x/work"

static struct kan_overlay_claim claim_of(const char *mountinfo)
{
	struct kan_overlay_claim c = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_overlay_of(&c, kan_bytes_of(mountinfo), &err), 0, "%s", err.text);
	return c;
}

Test(overlay_claim, upper_lowers_and_device_are_read)
{
	struct kan_overlay_claim c =
		claim_of(ROOT("0:53", UPPER) "101 100 0:54 / /proc rw - proc proc rw\n");
	cr_expect(c.found);
	cr_expect_str_eq(kan_buf_str(&c.upper), "/d/overlay2/x/diff");
	cr_expect_str_eq(kan_buf_str(&c.lower), "/d/overlay2/l/A:/d/overlay2/l/B");
	cr_expect_eq(c.major, 0);
	cr_expect_eq(c.minor, 53);
	cr_expect_not(c.userxattr);
	kan_overlay_free(&c);
}

Test(overlay_claim, lowers_that_were_added_one_by_one_are_a_list_as_well)
{
	struct kan_overlay_claim c = claim_of(ROOT(
		"0:53", "lowerdir+=/s/3/fs,lowerdir+=/s/2/fs,upperdir=/s/4/fs,workdir=/s/4/work"));
	cr_expect(c.found);
	cr_expect_str_eq(kan_buf_str(&c.lower), "/s/3/fs:/s/2/fs");
	kan_overlay_free(&c);
}

Test(overlay_claim, the_mount_that_covers_counts)
{
	struct kan_overlay_claim c =
		claim_of(ROOT("0:53", UPPER) "102 100 0:60 / / rw - tmpfs tmpfs "
					     "rw,upperdir=/planted,lowerdir=/planted\n");
	cr_expect_not(c.found, "a tmpfs over the root is what the container sees");
	cr_expect_str_eq(kan_buf_str(&c.fstype), "tmpfs");
	kan_overlay_free(&c);
	c = claim_of("90 50 0:40 / / rw - overlay overlay rw,lowerdir=/old,upperdir=/old\n" ROOT(
		"0:53", UPPER));
	cr_expect_str_eq(kan_buf_str(&c.upper), "/d/overlay2/x/diff");
	kan_overlay_free(&c);
}

Test(overlay_claim, an_option_only_looks_like_one_that_it_contains)
{
	struct kan_overlay_claim c =
		claim_of(ROOT("0:53", "xupperdir=/a,lowerdir=/l,workdir=/upperdir=/b"));
	cr_expect_not(c.found);
	kan_overlay_free(&c);
	c = claim_of(ROOT("0:53", UPPER ",userxattr"));
	cr_expect(c.userxattr);
	kan_overlay_free(&c);
	c = claim_of(ROOT("0:53", UPPER ",xuserxattr,index=off"));
	cr_expect_not(c.userxattr);
	kan_overlay_free(&c);
}

Test(overlay_claim, a_volume_that_is_an_overlay_is_not_the_root)
{
	struct kan_overlay_claim c =
		claim_of("9 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
			 "10 9 0:53 / /data rw - overlay overlay rw," UPPER "\n");
	cr_expect_not(c.found);
	cr_expect_str_eq(kan_buf_str(&c.fstype), "ext4");
	kan_overlay_free(&c);
}

static bool known(const char *engine)
{
	struct kan_overlay_claim c = claim_of(ROOT("0:53", UPPER));
	bool yes = kan_overlay_known(&c, kan_bytes_of(engine), "/d");
	kan_overlay_free(&c);
	return yes;
}

#define ENGINES(dev, point, type, options) \
	"70 1 8:1 / / rw - ext4 /dev/sda1 rw\n80 70 " dev " / " point " rw - " type \
	" overlay rw," options "\n"

Test(overlay_claim, the_engine_knows_the_same_superblock_with_the_same_upper_below_its_data_root)
{
	cr_expect(known(ENGINES("0:53", "/d/overlay2/x/merged", "overlay", UPPER)));
}

Test(overlay_claim, another_device_place_type_or_upper_is_not_known)
{
	cr_expect_not(known(ENGINES("0:54", "/d/overlay2/x/merged", "overlay", UPPER)));
	cr_expect_not(known(ENGINES("0:53", "/mnt/x", "overlay", UPPER)));
	cr_expect_not(known(ENGINES("0:53", "/d", "overlay", UPPER)));
	cr_expect_not(known(ENGINES("0:53", "/data/x", "overlay", UPPER)));
	cr_expect_not(known(ENGINES("0:53", "/d/overlay2/x/merged", "fuse.overlay", UPPER)));
	cr_expect_not(known(
		ENGINES("0:53", "/d/overlay2/x/merged", "overlay", "lowerdir=/l,upperdir=/etc")));
	cr_expect_not(known(""));
}

Test(overlay_claim, a_broken_table_is_refused_or_holds_nothing)
{
	static const char *const broken[] = {
		"", "\n\n", "1 2\n", "a b c d e f g h\n", ROOT("0:x", UPPER), "100 50 0:53 / / rw"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct kan_overlay_claim c = {0};
		struct kan_err err = {0};
		if (kan_overlay_of(&c, kan_bytes_of(broken[i]), &err) == 0) {
			cr_expect_not(c.found, "%s", broken[i]);
			kan_overlay_free(&c);
		}
	}
}
