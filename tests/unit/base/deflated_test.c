/* A stream that is cut or none is told from one that is whole or too large. */
#include <criterion/criterion.h>
#include <zlib.h>

#include "base/deflated.h"

enum { PLAIN = 5000, ROOM = 8192 };

static bool whole(struct kan_zlib_seen *seen, const uint8_t *packed, size_t n, uint64_t max)
{
	return kan_zlib_look(seen, (struct kan_bytes){packed, n}, max);
}

Test(deflated, every_prefix_is_cut_and_the_whole_is_not)
{
	uint8_t plain[PLAIN], packed[ROOM];
	struct kan_zlib_seen seen;
	uLongf n = sizeof packed;
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * i >> 3);
	cr_assert_eq(compress(packed, &n, plain, sizeof plain), Z_OK);
	for (uLongf i = 0; i < n; i++)
		cr_assert_not(whole(&seen, packed, i, PLAIN), "%lu of %lu", i, n);
	cr_assert(whole(&seen, packed, n, PLAIN));
	cr_assert(whole(&seen, packed, n + 9, PLAIN), "more behind it");
	cr_assert_eq(seen.octets, PLAIN);
	cr_assert_eq(seen.n_head, KAN_ZLIB_HEAD);
	cr_assert_arr_eq(seen.head, plain, KAN_ZLIB_HEAD);
}

Test(deflated, of_a_short_one_all_is_seen)
{
	uint8_t packed[ROOM];
	struct kan_zlib_seen seen;
	uLongf n = sizeof packed;
	cr_assert_eq(compress(packed, &n, (const uint8_t *)"abc", 3), Z_OK);
	cr_assert(whole(&seen, packed, n, PLAIN));
	cr_assert_eq(seen.octets, 3);
	cr_assert_eq(seen.n_head, 3);
	cr_assert_arr_eq(seen.head, "abc", 3);
}

Test(deflated, noise_is_none_and_what_gives_too_much_is_not_looked_at_to_its_end)
{
	uint8_t *plain = kan_xalloc(1 << 20), packed[ROOM];
	struct kan_zlib_seen seen;
	uLongf n = sizeof packed;
	cr_assert_not(kan_zlib_look(&seen, KAN_LIT("neither this nor that"), PLAIN));
	cr_assert_eq(compress(packed, &n, plain, 1 << 20), Z_OK);
	cr_assert(whole(&seen, packed, n - 4, 1000), "it stops at max");
	cr_assert_gt(seen.octets, 1000);
	cr_assert_not(whole(&seen, packed, n - 4, 1 << 20));
	free(plain);
}
