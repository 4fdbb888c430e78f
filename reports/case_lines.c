/* The merged timeline of a case, line by line: Timesketch's JSONL, and log2timeline's columns. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/case.h"

enum { NS_PER_US = 1000, SHOWN_MAX = 64 << 10, RAW_MAX = 2 * KAN_ROW_MAX };

/* What a display acts on, and what is no UTF-8, as on a screen: \xNN. */
static void shown(struct kan_buf *out, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(RAW_MAX);
	struct kan_err ignored = {0};
	kan_buf_reset(out);
	if (kan_json_bytes(&raw, o, key, &ignored) < 0)
		return;
	struct kan_bytes v = kan_buf_bytes(&raw);
	size_t whole = v.n;
	v.n = v.n > KAN_MODEL_VALUE ? KAN_MODEL_VALUE : v.n;
	kan_escape_terminal(out, v);
	if (whole > v.n)
		kan_buf_addf(out, " (cut, %zu octets)", whole);
}

static void field(struct kan_buf *out, const char *name, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(SHOWN_MAX);
	if (!json_object_get(o, key))
		return;
	shown(&v, o, key);
	kan_buf_addf(out, ",\"%s\":\"", name);
	kan_escape_json(out, kan_buf_bytes(&v));
	kan_buf_addc(out, '"');
}

static int full(const struct kan_buf *out, struct kan_err *err)
{
	return out->failed ? kan_fail(err, KAN_ELIMIT, "the buffer is full") : 0;
}

int kan_case_timeline(struct kan_buf *out, const json_t *doc, struct kan_err *err)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (json_object_get(doc, "timeline"), i, e) {
		char when[KAN_RFC3339];
		const json_t *b = kan_case_bundle(doc, kan_json_int(e, "bundle"));
		int64_t ns = kan_json_int(e, "time_ns");
		kan_rfc3339_s(when, ns);
		kan_buf_addf(out, "{\"timestamp\":%" PRId64 ",\"datetime\":\"%.19s+00:00\"",
			     ns / NS_PER_US, when);
		field(out, "timestamp_desc", e, "desc");
		field(out, "message", e, "message");
		field(out, "trust", e, "trust");
		field(out, "bundle", b, "bundle");
		field(out, "host", json_object_get(b, "container"), "name");
		field(out, "who", e, "who");
		if (json_object_get(e, "seq"))
			kan_buf_addf(out, ",\"event\":%" PRId64, kan_json_int(e, "seq"));
		field(out, "finding", e, "finding");
		kan_buf_adds(out, "}\n");
	}
	return full(out, err);
}

static void cell(struct kan_buf *out, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(SHOWN_MAX);
	shown(&v, o, key);
	kan_buf_addc(out, ',');
	kan_escape_csv(out, kan_buf_bytes(&v));
}

int kan_case_csv(struct kan_buf *out, const json_t *doc, struct kan_err *err)
{
	size_t i = 0;
	json_t *e = NULL;
	kan_buf_adds(out, "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,"
			  "version,filename,inode,notes,format,extra\r\n");
	json_array_foreach (json_object_get(doc, "timeline"), i, e) {
		char when[KAN_RFC3339];
		const json_t *b = kan_case_bundle(doc, kan_json_int(e, "bundle"));
		kan_rfc3339_s(when, kan_json_int(e, "time_ns"));
		kan_buf_addf(out, "%.2s/%.2s/%.4s,%.8s,UTC,....,%s,%s", when + 5, when + 8, when,
			     when + 11, b ? "BUNDLE" : "CUSTODY", b ? "timeline" : "events");
		cell(out, e, "desc");
		cell(out, e, "who");
		cell(out, json_object_get(b, "container"), "name");
		cell(out, e, "message");
		cell(out, e, "message");
		kan_buf_adds(out, ",2");
		cell(out, b, "bundle");
		kan_buf_addc(out, ',');
		cell(out, e, "finding");
		kan_buf_adds(out, ",kanshiki");
		cell(out, e, "trust");
		kan_buf_adds(out, "\r\n");
	}
	return full(out, err);
}
