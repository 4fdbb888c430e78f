/* timeline.csv: the 17 columns of log2timeline. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/moments.h"

enum { SHOWN_MAX = 64 << 10, VALUE_MAX = 2 * KAN_ROW_MAX };

struct sheet {
	struct kan_buf *out;
	const struct kan_model *m;
	struct kan_buf shown, value; /* of the cell at hand */
};

/* What a display acts on, and what is no UTF-8, as on a screen: \xNN. */
static void cell(struct sheet *s, struct kan_bytes v)
{
	size_t whole = v.n;
	if (v.n > KAN_MODEL_VALUE)
		v.n = KAN_MODEL_VALUE;
	kan_buf_reset(&s->shown);
	kan_escape_terminal(&s->shown, v);
	if (whole > v.n)
		kan_buf_addf(&s->shown, " (cut, %zu octets, whole in the bundle)", whole);
	kan_buf_addc(s->out, ',');
	kan_escape_csv(s->out, kan_buf_bytes(&s->shown));
}

static void word(struct sheet *s, const char *text)
{
	cell(s, kan_bytes_of(text));
}

/* A value of the row that the moment is of; an empty cell where it has none. */
static void value(struct sheet *s, const json_t *row, const char *key)
{
	struct kan_err ignored = {0};
	kan_buf_reset(&s->value);
	if (json_is_integer(json_object_get(row, key)))
		kan_buf_addf(&s->value, "%" PRId64, kan_json_int(row, key));
	else
		(void)kan_json_bytes(&s->value, row, key, &ignored);
	cell(s, kan_buf_bytes(&s->value));
}

/* The class of the time, and on each row the label, which the sheet has no other place for. */
static void extra(struct sheet *s, const char *trust)
{
	const char *tlp = kan_json_str(s->m->doc, "tlp");
	kan_buf_reset(&s->value);
	kan_buf_addf(&s->value, "%s%s%s%s", trust, *tlp ? "; " : "", tlp,
		     json_object_get(s->m->doc, "redacted") ? "; redacted" : "");
	cell(s, kan_buf_bytes(&s->value));
}

static int on_moment(const struct kan_moment *at, void *arg, struct kan_err *err)
{
	struct sheet *s = arg;
	struct kan_buf *out = s->out;
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, at->ns); /* 2026-11-22T05:23:19Z */
	kan_buf_addf(out, "%.2s/%.2s/%.4s,%.8s,UTC,%s,%s", when + 5, when + 8, when, when + 11,
		     at->macb, at->source);
	word(s, at->artefact ? at->artefact : "capture");
	word(s, at->desc);
	value(s, at->of, "uid");
	word(s, kan_json_str(json_object_get(s->m->doc, "container"), "name"));
	cell(s, at->message); /* short and desc */
	kan_buf_addc(out, ',');
	kan_escape_csv(out, kan_buf_bytes(&s->shown));
	word(s, "2");
	value(s, at->of, "path");
	value(s, at->of, "ino");
	word(s, at->finding ? kan_json_str(at->finding, "id") : "");
	word(s, "kanshiki");
	extra(s, at->trust);
	kan_buf_adds(out, "\r\n");
	return kan_model_drained(s->m, out, err);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	struct sheet s = {out, m, KAN_BUF(SHOWN_MAX), KAN_BUF(VALUE_MAX)};
	kan_buf_adds(out, "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,"
			  "version,filename,inode,notes,format,extra\r\n");
	int rc = kan_moments(m, on_moment, &s, err);
	kan_buf_free(&s.shown);
	kan_buf_free(&s.value);
	return rc;
}

extern const struct kan_report kan_report_csv;
const struct kan_report kan_report_csv = {
	.name = "csv",
	.file = "timeline.csv",
	.summary = "all times for spreadsheets, as log2timeline has them",
	.render = render,
};
