/* Overlay's marks out of bytes. */
#include "image/overlay.h"

#include <criterion/criterion.h>
#include <kanshiki/err.h>

Test(overlay, an_origin_of_ext4_gives_inode_and_generation)
{
	static const uint8_t h[29] = {0, 0xfb, 29, 0, 1, [21] = 0x39, 0x30, 0, 0, 7, 0, 0, 0};
	uint64_t ino = 0;
	uint32_t gen = 0;
	cr_assert(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}));
	cr_assert_eq(ino, 12345);
	cr_assert_eq(gen, 7);
}

Test(overlay, a_forged_origin_is_none)
{
	uint8_t h[29] = {0, 0xfb, 29, 0, 1, [21] = 0x39, 0x30, 0, 0, 7, 0, 0, 0};
	uint64_t ino = 1;
	uint32_t gen = 1;
	for (size_t n = 0; n < sizeof(h); n++)
		cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, n}));
	h[0] = 1;
	cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}));
	h[0] = 0;
	h[2] = 255;
	cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}));
	h[2] = 20;
	cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}));
	h[2] = 29;
	h[4] = 0x33;
	cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}));
	h[4] = 1;
	h[3] = 1;
	cr_assert_not(kan_overlay_origin(&ino, &gen, (struct kan_bytes){h, sizeof(h)}),
		      "the other byte order");
	cr_assert_eq(ino, 1);
}

Test(overlay, a_redirect_to_its_own_name_or_path_moves_nothing)
{
	struct kan_bytes name = KAN_LIT("b"), path = KAN_LIT("/a/b");
	cr_assert_not(kan_overlay_redirect_moves((struct kan_bytes){0}, name, path));
	cr_assert_not(kan_overlay_redirect_moves(name, name, path));
	cr_assert_not(kan_overlay_redirect_moves(path, name, path));
	cr_assert(kan_overlay_redirect_moves(KAN_LIT("c"), name, path));
	cr_assert(kan_overlay_redirect_moves(KAN_LIT("/b"), name, path));
}

Test(overlay, a_redirect_is_one_name_or_an_absolute_path)
{
	cr_assert(kan_overlay_redirect_ok(KAN_LIT("name")));
	cr_assert(kan_overlay_redirect_ok(KAN_LIT("/a/b c")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("/")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("a/b")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("..")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("/a/../b")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("/a//b")));
	cr_assert_not(kan_overlay_redirect_ok(KAN_LIT("a\0b")));
}

Test(overlay, only_the_prefix_in_force_is_overlays_own)
{
	cr_assert(kan_overlay_own(KAN_LIT("trusted.overlay.origin"), false));
	cr_assert_not(kan_overlay_own(KAN_LIT("trusted.overlay.overlay.origin"), false));
	cr_assert_not(kan_overlay_own(KAN_LIT("user.overlay.opaque"), false));
	cr_assert(kan_overlay_planted(KAN_LIT("user.overlay.opaque"), false));
	cr_assert(kan_overlay_planted(KAN_LIT("trusted.overlay.overlay.origin"), false));
	cr_assert(kan_overlay_own(KAN_LIT("user.overlay.opaque"), true));
	cr_assert(kan_overlay_planted(KAN_LIT("trusted.overlay.opaque"), true));
	cr_assert_not(kan_overlay_planted(KAN_LIT("user.note"), false));
}
