/* tar-split's lines and their checksum. */
#include "image/tarsplit.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t crc_of(struct kan_bytes text)
{
	static struct kan_crc64 c;
	kan_crc64_init(&c);
	return kan_crc64_add(0, &c, text);
}

Test(tarsplit, the_checksum_is_that_of_iso_3309_as_go_has_it)
{
	cr_assert_eq(crc_of(KAN_LIT("")), 0);
	cr_assert_eq(crc_of(KAN_LIT("a")), UINT64_C(0x3420000000000000));
	/* The check value of CRC-64/GO-ISO in the catalogues. */
	cr_assert_eq(crc_of(KAN_LIT("123456789")), UINT64_C(0xb90956c775a41001));
}

Test(tarsplit, the_checksum_does_not_depend_on_the_pieces)
{
	static struct kan_crc64 c;
	uint8_t text[1000];
	kan_crc64_init(&c);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 13);
	uint64_t whole = kan_crc64_add(0, &c, (struct kan_bytes){text, sizeof(text)});
	for (size_t cut = 0; cut <= 40; cut++) {
		uint64_t crc = kan_crc64_add(0, &c, (struct kan_bytes){text, cut});
		crc = kan_crc64_add(crc, &c, (struct kan_bytes){text + cut, sizeof(text) - cut});
		cr_assert_eq(crc, whole, "%zu", cut);
	}
}

static int parse(struct kan_split *s, const char *line, struct kan_err *err)
{
	return kan_split_parse(s, kan_bytes_of(line), err);
}

Test(tarsplit, a_segment_is_its_bytes_and_a_file_its_name_size_and_checksum)
{
	struct kan_split s;
	struct kan_err err = {0};
	kan_split_init(&s);
	cr_assert_eq(parse(&s, "{\"type\":2,\"payload\":\"AAEC\",\"position\":0}", &err), 0, "%s",
		     err.text);
	cr_assert_eq(s.type, KAN_SPLIT_SEGMENT);
	cr_assert_eq(s.payload.len, 3);
	cr_assert_eq(memcmp(s.payload.data, "\0\1\2", 3), 0);
	cr_assert_eq(parse(&s,
			   "{\"type\":1,\"name\":\"a/b\",\"size\":7,\"payload\":\"AAAAAAAAAAE=\"}",
			   &err),
		     0, "%s", err.text);
	cr_assert_eq(s.type, KAN_SPLIT_FILE);
	cr_assert_str_eq(kan_buf_str(&s.name), "a/b");
	cr_assert_eq(s.size, 7);
	cr_assert(s.has_crc);
	cr_assert_eq(s.crc, 1);
	cr_assert_eq(parse(&s, "{\"type\":1,\"name\":\"dir/\",\"payload\":null}", &err), 0, "%s",
		     err.text);
	cr_assert_eq(s.size, 0);
	cr_assert_not(s.has_crc);
	cr_assert_eq(parse(&s, "{\"type\":1,\"name_raw\":\"/w==\",\"name\":\"x\",\"payload\":null}",
			   &err),
		     0, "%s", err.text);
	cr_assert_eq(s.name.len, 1);
	cr_assert_eq(s.name.data[0], 0xff, "the bytes, when the name is no UTF-8");
	kan_split_free(&s);
}

Test(tarsplit, what_is_no_entry_is_refused)
{
	static const char *const lines[] = {
		"",
		"[]",
		"{}",
		"{\"type\":3,\"payload\":\"\"}",
		"{\"type\":\"2\"}",
		"{\"type\":2,\"payload\":7}",
		"{\"type\":2,\"payload\":\"A\"}",
		"{\"type\":1,\"payload\":\"AAAAAAAAAAE=\"}",
		"{\"type\":1,\"name\":\"\",\"payload\":null}",
		"{\"type\":1,\"name\":\"a\",\"size\":5,\"payload\":null}",
		"{\"type\":1,\"name\":\"a\",\"size\":-5,\"payload\":\"AAAAAAAAAAE=\"}",
		"{\"type\":1,\"name\":\"a\",\"size\":1.5,\"payload\":\"AAAAAAAAAAE=\"}",
		"{\"type\":1,\"name\":\"a\",\"size\":5,\"payload\":\"AAAA\"}",
		"{\"type\":1,\"name\":\"a\\u0000b\",\"payload\":null}",
		"{\"type\":2,\"type\":1,\"payload\":\"AAEC\"}",
		"{\"a\":[[[[[[[[]]]]]]]],\"type\":2}"};
	struct kan_split s;
	kan_split_init(&s);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct kan_err err = {0};
		cr_assert_lt(parse(&s, lines[i], &err), 0, "%s", lines[i]);
		cr_assert_eq(err.code, KAN_EFORMAT, "%s: %s", lines[i], err.text);
	}
	kan_split_free(&s);
}
