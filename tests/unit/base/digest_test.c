/* Digests against FIPS 180-4's vectors. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"

static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char million[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

Test(digest, vectors_hold)
{
	char hex[KAN_SHA256_HEX];
	kan_sha256_hex(hex, (struct kan_bytes){0});
	cr_assert_str_eq(hex, empty);
	kan_sha256_hex(hex, KAN_LIT("abc"));
	cr_assert_str_eq(hex, abc);
}

Test(digest, one_object_serves_many_files)
{
	char hex[KAN_SHA256_HEX], a[1000];
	memset(a, 'a', sizeof(a));
	struct kan_digest *d = kan_digest_new();
	for (int i = 0; i < 1000; i++)
		kan_digest_add(d, a, sizeof(a));
	kan_digest_finish(hex, d);
	cr_assert_str_eq(hex, million);
	kan_digest_start(d);
	kan_digest_add(d, "abc", 3);
	kan_digest_finish(hex, d);
	cr_assert_str_eq(hex, abc);
	kan_digest_free(d);
	kan_digest_free(NULL);
}

Test(digest, a_descriptor_is_read_from_where_it_stands)
{
	char hex[KAN_SHA256_HEX];
	uint64_t octets = 0;
	int fd = memfd_create("t", MFD_CLOEXEC);
	cr_assert_eq(kan_write_all(fd, "xxabc", 5, NULL), 0);
	cr_assert_eq(lseek(fd, 2, SEEK_SET), 2);
	cr_assert_eq(kan_sha256_fd(hex, &octets, fd, NULL), 0);
	cr_assert_str_eq(hex, abc);
	cr_assert_eq(octets, 3);
	struct kan_err err = {0};
	cr_assert_eq(kan_sha256_fd(hex, &octets, -1, &err), -1);
	cr_assert_eq(err.sys, EBADF);
	(void)close(fd);
}

Test(digest, only_64_lower_hex_digits_are_a_digest)
{
	cr_assert(kan_is_sha256_hex(abc));
	cr_assert_not(kan_is_sha256_hex(NULL));
	cr_assert_not(kan_is_sha256_hex("ba"));
	cr_assert_not(kan_is_sha256_hex(
		"BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	cr_assert_not(kan_is_sha256_hex(
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"));
}

Test(digest, hex_digits_of_either_case_give_their_octets_and_nothing_else_does)
{
	static const char *const bad[] = {"",       "0",      "001",         "00112233",
					  "0g1122", "00 122", "0011\xc3\xa9"};
	uint8_t out[3] = {0};
	cr_assert(kan_unhex(out, 3, KAN_LIT("00aBfF")));
	cr_assert_eq(memcmp(out, "\x00\xab\xff", 3), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(kan_unhex(out, 3, kan_bytes_of(bad[i])), "%s", bad[i]);
}

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

Test(digest, an_id_is_its_digits_with_the_scheme_or_without)
{
	static const char *const none[] = {"",      "sha256:",    "sha512:" HEX, "sha256:" HEX "0",
					   HEX "0", "SHA256:" HEX};
	cr_expect(kan_is_digest("sha256:" HEX));
	cr_expect_not(kan_is_digest(HEX));
	cr_expect_not(kan_is_digest(NULL));
	cr_expect_str_eq(kan_digest_hex("sha256:" HEX), HEX);
	cr_expect_str_eq(kan_digest_hex(HEX), HEX);
	cr_expect_null(kan_digest_hex(NULL));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_expect_null(kan_digest_hex(none[i]), "%s", none[i]);
}
