/* timeline.csv: the 17 columns of log2timeline. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/moments.h"

struct sheet {
	struct kan_buf *out;
	const struct kan_model *m;
};

enum { SHOWN_MAX = 64 << 10, VALUE_MAX = 2 * KAN_ROW_MAX };

/* What a display acts on, and what is no UTF-8, as on a screen: \xNN. */
static void cell(struct kan_buf *out, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf shown = KAN_BUF(SHOWN_MAX);
	size_t whole = v.n;
	if (v.n > KAN_MODEL_VALUE)
		v.n = KAN_MODEL_VALUE;
	kan_escape_terminal(&shown, v);
	if (whole > v.n)
		kan_buf_addf(&shown, " (cut, %zu octets, whole in the bundle)", whole);
	kan_buf_addc(out, ',');
	kan_escape_csv(out, kan_buf_bytes(&shown));
}

static void word(struct kan_buf *out, const char *s)
{
	cell(out, kan_bytes_of(s));
}

/* A value of the row that the moment is of; an empty cell where it has none. */
static void value(struct kan_buf *out, const json_t *row, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(VALUE_MAX);
	struct kan_err ignored = {0};
	if (json_is_integer(json_object_get(row, key)))
		kan_buf_addf(&v, "%" PRId64, kan_json_int(row, key));
	else
		(void)kan_json_bytes(&v, row, key, &ignored);
	cell(out, kan_buf_bytes(&v));
}

static int on_moment(const struct kan_moment *at, void *arg, struct kan_err *err)
{
	const struct sheet *s = arg;
	struct kan_buf *out = s->out;
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, at->ns); /* 2026-11-22T05:23:19Z */
	kan_buf_addf(out, "%.2s/%.2s/%.4s,%.8s,UTC,%s,%s", when + 5, when + 8, when, when + 11,
		     at->macb, at->source);
	word(out, at->artefact ? at->artefact : "capture");
	word(out, at->desc);
	value(out, at->of, "uid");
	word(out, kan_json_str(json_object_get(s->m->doc, "container"), "name"));
	cell(out, at->message);
	cell(out, at->message);
	word(out, "2");
	value(out, at->of, "path");
	value(out, at->of, "ino");
	word(out, at->finding ? kan_json_str(at->finding, "id") : "");
	word(out, "kanshiki");
	word(out, at->trust);
	kan_buf_adds(out, "\r\n");
	return kan_model_drained(s->m, out, err);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	struct sheet s = {out, m};
	kan_buf_adds(out, "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,"
			  "version,filename,inode,notes,format,extra\r\n");
	return kan_moments(m, on_moment, &s, err);
}

extern const struct kan_report kan_report_csv;
const struct kan_report kan_report_csv = {
	.name = "csv",
	.file = "timeline.csv",
	.summary = "all times for spreadsheets, as log2timeline has them",
	.render = render,
};
