/* Rows: every byte comes back, nothing is cut in silence, and the reader's limits hold. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "random.h"

enum { ROUNDS = 3000, VALUE = 300 };

static json_t *parsed(struct kan_row *r)
{
	struct kan_bytes line = {0};
	struct kan_err err = {0};
	json_t *row = NULL;
	cr_assert_eq(kan_row_end(&line, r, &err), 0, "%s", err.text);
	cr_assert_eq(line.p[line.n - 1], '\n');
	line.n--;
	cr_assert_eq(kan_row_parse(&row, line, &err), 0, "%s: %.*s", err.text, (int)line.n,
		     (const char *)line.p);
	return row;
}

static void expect_bytes(const json_t *row, const char *key, struct kan_bytes want)
{
	kan_auto_buf struct kan_buf got = KAN_BUF(KAN_ROW_MAX);
	cr_assert_eq(kan_json_bytes(&got, row, key, NULL), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&got), want));
}

Test(row, any_bytes_survive_writing_and_reading)
{
	uint64_t seed = 1;
	struct kan_row r;
	kan_row_init(&r);
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t raw[VALUE];
		struct kan_bytes v = {raw, test_bytes(raw, sizeof(raw), &seed)};
		kan_row_begin(&r);
		kan_row_bytes(&r, "name", v);
		kan_row_int(&r, "after", -i);
		json_t *row = parsed(&r);
		expect_bytes(row, "name", v);
		cr_assert_eq(json_integer_value(json_object_get(row, "after")), -i);
		const char *text = json_string_value(json_object_get(row, "name"));
		bool differs = !kan_bytes_eq(kan_bytes_of(text), v);
		cr_assert_eq(json_object_get(row, "name_b64") != NULL, differs);
		json_decref(row);
	}
	kan_row_free(&r);
}

Test(row, a_list_has_all_exact_elements_as_soon_as_one_differs)
{
	struct kan_row r;
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_argv(&r, "argv",
		     (struct kan_bytes[]){KAN_LIT("sh"), KAN_LIT(""), KAN_LIT("\x1b[2J")}, 3);
	kan_row_argv(&r, "plain", (struct kan_bytes[]){KAN_LIT("a\"b"), KAN_LIT("\\")}, 2);
	json_t *row = parsed(&r), *exact = json_object_get(row, "argv_b64");
	cr_assert_eq(json_array_size(exact), 3);
	cr_assert_str_eq(json_string_value(json_array_get(exact, 0)), "c2g=");
	cr_assert_str_eq(json_string_value(json_array_get(exact, 1)), "");
	cr_assert_str_eq(json_string_value(json_array_get(exact, 2)), "G1sySg==");
	cr_assert_null(json_object_get(row, "plain_b64"));
	cr_assert_str_eq(json_string_value(json_array_get(json_object_get(row, "plain"), 0)),
			 "a\"b");
	json_decref(row);
	kan_row_free(&r);
}

Test(row, proc_argv_keeps_empty_elements_and_a_last_one_without_nul)
{
	struct kan_row r;
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_argv0(&r, "argv", KAN_LIT("a\0\0b c"));
	kan_row_argv0(&r, "empty", KAN_LIT("\0"));
	kan_row_argv0(&r, "none", (struct kan_bytes){0});
	json_t *row = parsed(&r), *argv = json_object_get(row, "argv");
	cr_assert_eq(json_array_size(argv), 3);
	cr_assert_str_eq(json_string_value(json_array_get(argv, 1)), "");
	cr_assert_str_eq(json_string_value(json_array_get(argv, 2)), "b c");
	cr_assert_eq(json_array_size(json_object_get(row, "empty")), 1);
	cr_assert_eq(json_array_size(json_object_get(row, "none")), 0);
	json_decref(row);
	kan_row_free(&r);
}

Test(row, a_value_over_its_limit_is_cut_and_its_whole_length_told)
{
	static uint8_t path[KAN_ROW_PATH_MAX + 7];
	memset(path, 'p', sizeof(path));
	struct kan_row r;
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_bytes(&r, "path", (struct kan_bytes){path, sizeof(path)});
	cr_assert(r.cut);
	json_t *row = parsed(&r);
	cr_assert_eq(json_integer_value(json_object_get(row, "path_len")), sizeof(path));
	cr_assert_eq(json_string_length(json_object_get(row, "path")), KAN_ROW_PATH_MAX);
	json_decref(row);
	kan_row_free(&r);
}

Test(row, hostile_values_never_cost_the_row)
{
	static uint8_t argv[KAN_ROW_ARGV_MAX * 2], path[KAN_ROW_PATH_MAX];
	memset(argv, 0xff, sizeof(argv));
	memset(path, 0x1b, sizeof(path));
	struct kan_row r;
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_argv0(&r, "argv", (struct kan_bytes){argv, sizeof(argv)});
	kan_row_bytes(&r, "path", (struct kan_bytes){path, sizeof(path)});
	kan_row_bytes(&r, "cwd", (struct kan_bytes){path, sizeof(path)});
	kan_row_int(&r, "pid", 4711);
	json_t *row = parsed(&r);
	cr_assert_eq(json_integer_value(json_object_get(row, "argv_len")), sizeof(argv));
	cr_assert_gt(json_array_size(json_object_get(row, "argv_b64")), 0);
	cr_assert_not_null(json_object_get(row, "path_b64"));
	cr_assert_eq(json_integer_value(json_object_get(row, "cwd_len")), sizeof(path));
	cr_assert_eq(json_integer_value(json_object_get(row, "pid")), 4711);
	json_decref(row);
	kan_row_free(&r);
}

Test(row, a_row_that_cannot_fit_is_an_error_and_the_next_one_is_whole)
{
	struct kan_row r;
	struct kan_bytes line = {0};
	struct kan_err err = {0};
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_arr(&r, "many");
	for (int i = 0; i < 400000; i++)
		kan_row_uint(&r, NULL, 1234567);
	kan_row_arr_end(&r);
	cr_assert_eq(kan_row_end(&line, &r, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_row_begin(&r);
	kan_row_str(&r, "word", "ok");
	json_decref(parsed(&r));
	kan_row_free(&r);
}

Test(row, numbers_and_words_have_the_documented_forms)
{
	struct kan_row r;
	struct kan_bytes line = {0};
	kan_row_init(&r);
	kan_row_begin(&r);
	kan_row_int(&r, "least", INT64_MIN);
	kan_row_uint(&r, "most", UINT64_MAX);
	kan_row_dec(&r, "ino", UINT64_MAX);
	kan_row_mask(&r, "caps", 0xa80425fb);
	kan_row_dev(&r, "dev", (dev_t)0x801);
	kan_row_mode(&r, "mode", 0104755);
	kan_row_bool(&r, "frozen", true);
	kan_row_obj(&r, "exe");
	kan_row_arr(&r, "n");
	kan_row_uint(&r, NULL, 0);
	kan_row_uint(&r, NULL, 7);
	kan_row_arr_end(&r);
	kan_row_obj_end(&r);
	cr_assert_eq(kan_row_end(&line, &r, NULL), 0);
	cr_assert_str_eq(
		(const char *)line.p,
		"{\"least\":-9223372036854775808,\"most\":9223372036854775807,"
		"\"ino\":\"18446744073709551615\",\"caps\":\"0x00000000a80425fb\",\"dev\":\"8:1\","
		"\"mode\":\"0104755\",\"frozen\":true,\"exe\":{\"n\":[0,7]}}\n");
	kan_row_free(&r);
}

Test(row, depth_beyond_the_readers_limit_is_refused_when_written)
{
	struct kan_row r;
	struct kan_bytes line = {0};
	kan_row_init(&r);
	kan_row_begin(&r);
	for (int i = 0; i < KAN_ROW_DEPTH; i++)
		kan_row_obj(&r, "deep");
	for (int i = 0; i < KAN_ROW_DEPTH; i++)
		kan_row_obj_end(&r);
	cr_assert_eq(kan_row_end(&line, &r, NULL), -1);
	kan_row_free(&r);
}
