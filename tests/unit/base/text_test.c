/* Text for display, and base64. */
#include <criterion/criterion.h>

#include "base/row.h"
#include "random.h"

#define FFFD "\xef\xbf\xbd"

static void cleaned(struct kan_bytes in, const char *want)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(256);
	bool same = kan_text_clean(&out, in);
	cr_assert_str_eq(kan_buf_str(&out), want);
	cr_assert_eq(same, kan_bytes_eq(in, kan_buf_bytes(&out)));
}

Test(text, every_invalid_byte_becomes_one_replacement)
{
	cleaned(KAN_LIT("a\xff\xfe"), "a" FFFD FFFD);
	cleaned(KAN_LIT("\xe2\x80"), FFFD FFFD);
	cleaned(KAN_LIT("\xc0\xaf"), FFFD FFFD);
	cleaned(KAN_LIT("\xed\xa0\x80"), FFFD FFFD FFFD);
	cleaned(KAN_LIT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD);
	cleaned(KAN_LIT("\xf0\x9f\x98\x80 ok \xe9\x91\x91"), "\xf0\x9f\x98\x80 ok \xe9\x91\x91");
}

Test(text, characters_that_act_on_a_display_become_one_replacement)
{
	cleaned(KAN_LIT("a\nb\tc\x1b[0m\x7f"), "a" FFFD "b" FFFD "c" FFFD "[0m" FFFD);
	cleaned(KAN_LIT("\0"), FFFD);
	cleaned(KAN_LIT("\xc2\x85\xc2\x9b"), FFFD FFFD);
	cleaned(KAN_LIT("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f"), FFFD FFFD FFFD FFFD);
	cleaned(KAN_LIT("\xe2\x80\xa8\xe2\x80\xa9"), FFFD FFFD);
	cleaned(KAN_LIT(FFFD), FFFD);
}

Test(text, base64_has_the_vectors_of_rfc_4648)
{
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(64), back = KAN_BUF(64);
		kan_base64(&out, kan_bytes_of(pairs[i][0]));
		cr_assert_str_eq(kan_buf_str(&out), pairs[i][1]);
		cr_assert_eq(kan_base64_decode(&back, kan_buf_bytes(&out), NULL), 0);
		cr_assert_str_eq(kan_buf_str(&back), pairs[i][0]);
	}
}

Test(text, base64_of_any_bytes_comes_back_and_has_one_spelling)
{
	uint64_t seed = 3;
	for (int i = 0; i < 2000; i++) {
		uint8_t raw[64];
		struct kan_bytes v = {raw, test_bytes(raw, sizeof(raw), &seed)};
		kan_auto_buf struct kan_buf out = KAN_BUF(128), back = KAN_BUF(128);
		kan_base64(&out, v);
		cr_assert_eq(kan_base64_decode(&back, kan_buf_bytes(&out), NULL), 0);
		cr_assert(kan_bytes_eq(kan_buf_bytes(&back), v));
	}
}

Test(text, base64_that_is_not_strict_is_refused)
{
	static const char *const bad[] = {"Zg",   "Zg=",      "Zg===", "Zh==",   "Zm9=", "Z===",
					  "====", "Zg==Zg==", "Zm 9",  "Zm9v\n", "-_-_", "Zg=a"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(64);
		struct kan_err err = {0};
		cr_assert_eq(kan_base64_decode(&out, kan_bytes_of(bad[i]), &err), -1, "%s", bad[i]);
		cr_assert_eq(err.code, KAN_EFORMAT);
	}
}
