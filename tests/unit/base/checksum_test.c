/* The checksums that package managers record. */
#include "base/checksum.h"

#include <criterion/criterion.h>

#include "base/digest.h"

static void is(size_t size, const char *want)
{
	uint8_t out[KAN_CHECKSUM_MAX];
	char hex[2 * KAN_CHECKSUM_MAX + 1];
	struct kan_checksum *c = kan_checksum_new(size);
	cr_assert(c);
	for (int again = 0; again < 2; again++) {
		kan_checksum_start(c);
		kan_checksum_add(c, KAN_LIT("a"));
		kan_checksum_add(c, KAN_LIT(""));
		kan_checksum_add(c, KAN_LIT("bc"));
		kan_checksum_finish(out, c);
		kan_hex(hex, (struct kan_bytes){out, size});
		cr_assert_str_eq(hex, want);
	}
	kan_checksum_free(c);
}

/* The examples of RFC 1321 and FIPS 180. */
Test(checksum, abc_has_the_checksums_of_the_standards)
{
	is(16, "900150983cd24fb0d6963f7d28e17f72");
	is(20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	is(32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(checksum, a_size_that_no_manager_uses_is_none)
{
	cr_assert_null(kan_checksum_new(0));
	cr_assert_null(kan_checksum_new(64));
	kan_checksum_free(NULL);
}
