/* Words of a row taken apart, whatever bytes they are. */
#include <criterion/criterion.h>
#include <string.h>

#include "analyze/column.h"
#include "analyze/join.h"

/* Element i of a joined column, as bytes. */
static bool is(const json_t *extra, const char *kind, const char *column, size_t i,
	       const char *bytes)
{
	const struct kan_kind *k = kan_kind_find(kind);
	const struct kan_view v = {k, NULL, (json_t *)(uintptr_t)extra, 1};
	struct kan_value value = kan_value_get(&v, kan_column_find(k, column), false);
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
	return value.known == KAN_KNOWN && i < kan_value_count(&value) &&
	       kan_bytes_eq(kan_value_bytes(&value, i, &scratch), kan_bytes_of(bytes));
}

Test(join_words, the_first_word_is_what_a_process_is_called)
{
	json_t *row = json_loads("{\"argv\":[\"x\",\"-c\"],\"argv_b64\":[\"/y9zaA==\",\"LWM=\"],"
				 "\"exe\":{}}",
				 0, NULL),
	       *extra = json_object();
	kan_join_argv(extra, row);
	cr_expect(is(extra, "process", "argv0", 0, "\xff/sh"), "its bytes, and not their display");
	json_decref(row);
	json_decref(extra);
}

Test(join_words, words_that_could_not_be_read_are_unknown_and_none_are_none)
{
	json_t *lost = json_loads("{\"exe\":{}}", 0, NULL), *zombie = json_object(),
	       *none = json_loads("{\"argv\":[],\"exe\":{}}", 0, NULL), *extra = json_object();
	kan_join_argv(extra, lost);
	cr_expect(json_is_null(json_object_get(extra, "argv0")));
	json_object_clear(extra);
	kan_join_argv(extra, zombie);
	kan_join_argv(extra, none);
	cr_expect_eq(json_object_size(extra), 0);
	json_decref(lost);
	json_decref(zombie);
	json_decref(none);
	json_decref(extra);
}

Test(join_words, libraries_are_split_as_the_loader_does)
{
	json_t *row = json_loads("{\"name\":\"LD_PRELOAD\",\"value\":\"x\","
				 "\"value_b64\":\"Oi9hL/8uc28gIC9iLnNvOg==\"}",
				 0, NULL),
	       *extra = json_object();
	kan_join_environ(extra, row, NULL);
	cr_expect(is(extra, "environ", "libraries", 0, "/a/\xff.so"));
	cr_expect(is(extra, "environ", "libraries", 1, "/b.so"));
	cr_expect_eq(json_array_size(json_object_get(extra, "libraries")), 2);
	json_object_clear(extra);
	json_object_set_new(row, "name", json_string("LD_LIBRARY_PATH"));
	kan_join_environ(extra, row, NULL);
	cr_expect_eq(json_object_size(extra), 0, "directories are no libraries");
	json_decref(row);
	json_decref(extra);
}
