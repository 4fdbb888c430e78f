/* Rows: one NDJSON artefact, its header, and the one row to fill. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "evidence/sink_state.h"

struct kan_rows {
	struct kan_artefact *artefact;
	struct kan_sink *sink;
	struct kan_row row;
	char name[224];
};

/* kanshiki.processes.processes/1 of data/processes/processes.ndjson */
static void schema_of(char *out, size_t n, const char *collector, const char *name)
{
	size_t len = strlen(name) - strlen(".ndjson");
	(void)snprintf(out, n, "kanshiki.%s.%.*s/1", collector, (int)len, name);
	for (char *c = out; *c && c[1]; c++)
		if (*c == '/' && strchr(c + 1, '/'))
			*c = '.';
}

static bool is_ndjson(const char *name)
{
	size_t n = strlen(name), k = strlen(".ndjson");
	return n > k && strcmp(name + n - k, ".ndjson") == 0;
}

static int put(struct kan_rows *r, struct kan_err *err)
{
	struct kan_bytes line;
	if (kan_row_end(&line, &r->row, err) < 0)
		return -1;
	return kan_artefact_write(r->artefact, line.p, line.n, err);
}

int kan_rows_open(struct kan_rows **out, struct kan_sink *s, const char *name, struct kan_err *err)
{
	char schema[320];
	struct kan_artefact *a = NULL;
	if (!is_ndjson(name))
		return kan_fail(err, KAN_EUSAGE, "%s: rows go into .ndjson", name);
	if (kan_sink_open(&a, s, name, err) < 0)
		return -1;
	struct kan_rows *r = kan_xalloc(sizeof(*r));
	r->artefact = a;
	r->sink = s;
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	kan_row_init(&r->row);
	schema_of(schema, sizeof(schema), s->collector, name);
	kan_row_begin(&r->row);
	kan_row_str(&r->row, "schema", schema);
	kan_row_str(&r->row, "bundle", s->name);
	kan_row_str(&r->row, "collector", s->collector);
	if (put(r, err) < 0) {
		kan_rows_abandon(r);
		return -1;
	}
	*out = r;
	return 0;
}

struct kan_row *kan_rows_begin(struct kan_rows *r)
{
	kan_row_begin(&r->row);
	return &r->row;
}

int kan_rows_end(struct kan_rows *r, struct kan_err *err)
{
	struct kan_err why = {0};
	if (r->row.cut)
		kan_sink_limit(r->sink, kan_bytes_of(r->name), 0, KAN_ROW_PATH_MAX,
			       KAN_ROW_PATH_MAX);
	struct kan_bytes whose =
		r->row.subject.n ? r->row.subject : kan_bytes_of(r->name); /* as it is named */
	if (r->row.xattrs_cut)
		kan_sink_gap(
			r->sink, whose, KAN_GAP_LIMIT,
			"values of its extended attributes are left out: together they are too "
			"long for a row");
	if (put(r, &why) == 0) {
		kan_artefact_count_row(r->artefact);
		return 0;
	}
	if (why.code == KAN_ELIMIT) { /* one row that is too large: said, and the others go on */
		kan_sink_gap(r->sink, whose, KAN_GAP_LIMIT, "a row is over %d bytes", KAN_ROW_MAX);
		return 0;
	}
	if (err)
		*err = why;
	return -1;
}

int kan_rows_close(struct kan_rows *r, struct kan_err *err)
{
	int rc = kan_artefact_close(r->artefact, err);
	kan_row_free(&r->row);
	free(r);
	return rc;
}

void kan_rows_abandon(struct kan_rows *r)
{
	if (!r)
		return;
	kan_artefact_abandon(r->artefact);
	kan_row_free(&r->row);
	free(r);
}
