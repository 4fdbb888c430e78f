/* A stream that is cut or none is told from one that is whole or too large. */
#include <criterion/criterion.h>
#include <zlib.h>

#include "base/deflated.h"

enum { PLAIN = 5000, ROOM = 8192 };

Test(deflated, every_prefix_is_cut_and_the_whole_is_not)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(PLAIN);
	uint8_t plain[PLAIN], packed[ROOM];
	uLongf n = sizeof packed;
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * i >> 3);
	cr_assert_eq(compress(packed, &n, plain, sizeof plain), Z_OK);
	for (uLongf i = 0; i < n; i++) {
		kan_buf_reset(&out);
		cr_assert_not(kan_zlib_take(&out, (struct kan_bytes){packed, i}), "%lu of %lu", i,
			      n);
	}
	for (uLongf more = 0; more < 10; more += 9) { /* and behind it */
		kan_buf_reset(&out);
		cr_assert(kan_zlib_take(&out, (struct kan_bytes){packed, n + more}));
		cr_assert_eq(out.len, PLAIN);
		cr_assert_arr_eq(out.data, plain, PLAIN);
	}
}

Test(deflated, noise_is_none_and_what_gives_too_much_is_cut_at_the_bound)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(100000), room = KAN_BUF(1 << 20);
	uint8_t *plain = kan_xalloc(1 << 20), packed[ROOM];
	uLongf n = sizeof packed;
	cr_assert_not(kan_zlib_take(&out, KAN_LIT("neither this nor that")));
	cr_assert_not(out.failed);
	plain[0] = 'x';
	cr_assert_eq(compress(packed, &n, plain, 1 << 20), Z_OK);
	cr_assert_not(kan_zlib_take(&out, (struct kan_bytes){packed, n}));
	cr_assert(out.failed);
	cr_assert(out.len > 0 && out.data[0] == 'x', "its beginning is there");
	cr_assert(kan_zlib_take(&room, (struct kan_bytes){packed, n}), "a bound that is just met");
	free(plain);
}
