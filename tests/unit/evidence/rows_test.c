/* Rows: a header first, each row on a line of its own, too large a row told and left out. */
#include "world.h"

#include "base/row.h"

Test(rows, the_header_names_schema_bundle_and_collector)
{
	auto_world struct world w;
	struct kan_rows *r = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	cr_assert_eq(kan_rows_open(&r, s, "files/index.ndjson", NULL), 0);
	kan_row_int(kan_rows_begin(r), "n", 1);
	cr_assert_eq(kan_rows_end(r, NULL), 0);
	cr_assert_eq(kan_rows_close(r, NULL), 0);
	world_read(&text, w.dir, "data/mounts/files/index.ndjson");
	cr_assert_str_eq(kan_buf_str(&text),
			 "{\"schema\":\"kanshiki.mounts.files.index/1\",\"bundle\":\"" WORLD_BUNDLE
			 "\",\"collector\":\"mounts\"}\n{\"n\":1}\n");
	struct kan_msg m;
	cr_assert(world_receive(&w, &m));
	cr_assert_eq(m.n[1], 1, "rows, without the header");
	kan_sink_free(s);
}

Test(rows, they_go_into_ndjson_only)
{
	auto_world struct world w;
	struct kan_rows *r = NULL;
	struct kan_err err = {0};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	cr_assert_eq(kan_rows_open(&r, s, "a.json", &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	err = (struct kan_err){0};
	cr_assert_eq(kan_rows_open(&r, s, ".ndjson", &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	kan_sink_free(s);
}

Test(rows, a_row_that_is_too_large_is_a_gap_and_the_next_one_is_written)
{
	auto_world struct world w;
	struct kan_rows *r = NULL;
	struct kan_msg m;
	kan_auto_buf struct kan_buf text = KAN_BUF(4 << 20);
	static uint8_t big[120 << 10];
	world_begin(&w);
	memset(big, 0xff, sizeof(big));
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	cr_assert_eq(kan_rows_open(&r, s, "a.ndjson", NULL), 0);
	struct kan_row *row = kan_rows_begin(r);
	kan_row_arr(row, "list");
	for (size_t i = 0; i < 4; i++)
		kan_row_bytes(row, NULL, (struct kan_bytes){big, sizeof(big)});
	kan_row_arr_end(row);
	cr_assert_eq(kan_rows_end(r, NULL), 0);
	kan_row_int(kan_rows_begin(r), "n", 1);
	cr_assert_eq(kan_rows_end(r, NULL), 0);
	cr_assert_eq(kan_rows_close(r, NULL), 0);
	cr_assert(world_receive(&w, &m));
	cr_assert(m.type == KAN_MSG_GAP && m.code == KAN_GAP_LIMIT);
	world_read(&text, w.dir, "data/mounts/a.ndjson");
	cr_assert(strstr(kan_buf_str(&text), "}\n{\"n\":1}\n"));
	kan_sink_free(s);
}

Test(rows, a_value_that_is_cut_is_a_limit)
{
	auto_world struct world w;
	struct kan_rows *r = NULL;
	struct kan_msg m;
	static uint8_t big[KAN_ROW_PATH_MAX + 1];
	world_begin(&w);
	memset(big, 'x', sizeof(big));
	struct kan_sink *s = world_sink(&w, "mounts", NULL);
	cr_assert_eq(kan_rows_open(&r, s, "a.ndjson", NULL), 0);
	kan_row_bytes(kan_rows_begin(r), "path", (struct kan_bytes){big, sizeof(big)});
	cr_assert_eq(kan_rows_end(r, NULL), 0);
	kan_rows_abandon(r);
	kan_rows_abandon(NULL);
	cr_assert(world_receive(&w, &m));
	cr_assert_eq(m.type, KAN_MSG_LIMIT);
	cr_assert(world_receive(&w, &m));
	cr_assert(m.type == KAN_MSG_ARTEFACT && m.n[1] == 1 && m.n[2] == 0);
	kan_sink_free(s);
}
