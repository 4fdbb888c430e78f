/* The rows of a check of the image, out of a sealed bundle. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../evidence/world.h"
#include "analyze/analyze.h"
#include "base/row.h"

Test(integrity, altered_rows_are_tampering_also_when_no_rule_reads_them)
{
	static const char *const artefacts[] = {"integrity.ndjson", NULL};
	const struct kan_rules none = {0};
	struct world w;
	struct kan_bundle *b = NULL;
	struct kan_rows *rows = NULL;
	struct kan_err err = {0};
	json_t *doc = NULL;
	char seal[65];
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "image", artefacts);
	world_collector(&w, "image", "begin", NULL);
	cr_assert_eq(kan_rows_open(&rows, s, "integrity.ndjson", NULL), 0);
	struct kan_row *r = kan_rows_begin(rows);
	kan_row_str(r, "about", "image");
	kan_row_int(r, "rung", 2);
	kan_row_str(r, "result", "damaged");
	cr_assert_eq(kan_rows_end(rows, NULL), 0);
	cr_assert_eq(kan_rows_close(rows, NULL), 0);
	kan_sink_free(s);
	world_record(&w);
	world_collector(&w, "image", "end", "ok");
	cr_assert_eq(world_seal(&w, seal, NULL, &err), 0, "%s", err.text);
	world_crash(&w);
	cr_assert_eq(kan_bundle_open(&b, w.final, false, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze(&doc, b, &none, &err), 0, "%s", err.text);
	cr_assert_not_null(json_object_get(doc, "image_integrity"));
	json_decref(doc);
	kan_bundle_free(b);
	world_shell(w.final, 0,
		    "f=data/image/integrity.ndjson; chmod u+w $f data/image; "
		    "sed -i s/damaged/undamag/ $f");
	cr_assert_eq(kan_bundle_open(&b, w.final, false, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze(&doc, b, &none, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	kan_bundle_free(b);
	world_free(&w);
}
