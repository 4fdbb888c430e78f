/* A stream that is cut is told from one that is whole, wrong, or too large. */
#include <criterion/criterion.h>
#include <zlib.h>

#include "base/deflated.h"

enum { PLAIN = 5000, ROOM = 8192 };

Test(deflated, every_prefix_is_cut_and_the_whole_is_not)
{
	uint8_t plain[PLAIN], packed[ROOM];
	uLongf n = sizeof packed;
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * i >> 3);
	cr_assert_eq(compress(packed, &n, plain, sizeof plain), Z_OK);
	for (uLongf i = 0; i < n; i++)
		cr_assert(kan_zlib_cut((struct kan_bytes){packed, i}, PLAIN), "%lu of %lu", i, n);
	cr_assert_not(kan_zlib_cut((struct kan_bytes){packed, n}, PLAIN));
	cr_assert_not(kan_zlib_cut((struct kan_bytes){packed, n + 9}, PLAIN), "more behind it");
}

Test(deflated, noise_and_what_gives_too_much_are_not_cut)
{
	uint8_t *plain = kan_xalloc(1 << 20), packed[ROOM];
	uLongf n = sizeof packed;
	cr_assert_not(kan_zlib_cut(KAN_LIT("neither this nor that"), PLAIN));
	cr_assert_eq(compress(packed, &n, plain, 1 << 20), Z_OK);
	cr_assert_not(kan_zlib_cut((struct kan_bytes){packed, n - 4}, 1000), "it stops at max");
	cr_assert(kan_zlib_cut((struct kan_bytes){packed, n - 4}, 1 << 20));
	free(plain);
}
