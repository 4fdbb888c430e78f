/* timeline.jsonl: one line a moment, as Timesketch reads it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/moments.h"

enum { NS_PER_US = 1000, TEXT_MAX = 16 << 20 };

struct lines {
	struct kan_buf *out;
	const struct kan_model *m;
	struct kan_buf shown; /* of the text at hand */
};

/* What a display acts on, and what is no UTF-8, as on a screen: \xNN. */
static void text(struct lines *l, const char *key, struct kan_bytes v)
{
	struct kan_buf *out = l->out;
	kan_buf_reset(&l->shown);
	kan_escape_terminal(&l->shown, v);
	kan_buf_addf(out, ",\"%s\":\"", key);
	for (const char *s = kan_buf_str(&l->shown); *s;) { /* a NUL is \x00 by now */
		size_t n = strcspn(s, "\"\\");
		kan_buf_add(out, s, n);
		if (s[n]) {
			kan_buf_addc(out, '\\');
			kan_buf_addc(out, s[n++]);
		}
		s += n;
	}
	kan_buf_addc(out, '"');
}

static int on_moment(const struct kan_moment *at, void *arg, struct kan_err *err)
{
	struct lines *s = arg;
	struct kan_buf *out = s->out;
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, at->ns);
	kan_buf_addf(out, "{\"timestamp\":%" PRId64 ",\"datetime\":\"%.19s+00:00\"",
		     at->ns / NS_PER_US, when);
	text(s, "timestamp_desc", kan_bytes_of(at->desc));
	text(s, "message", at->message);
	text(s, "trust", kan_bytes_of(at->trust));
	if (at->artefact) {
		text(s, "artefact", kan_bytes_of(at->artefact));
		kan_buf_addf(out, ",\"row\":%" PRIu64, at->row);
	}
	if (at->finding)
		text(s, "finding", kan_bytes_of(kan_json_str(at->finding, "id")));
	if (json_object_get(s->m->doc, "redacted"))
		text(s, "redacted", KAN_LIT("yes"));
	if (json_object_get(s->m->doc, "tlp"))
		text(s, "tlp", kan_bytes_of(kan_json_str(s->m->doc, "tlp")));
	kan_buf_adds(out, "}\n");
	return kan_model_drained(s->m, out, err);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	struct lines s = {out, m, KAN_BUF(TEXT_MAX)};
	int rc = kan_moments(m, on_moment, &s, err);
	kan_buf_free(&s.shown);
	return rc;
}

extern const struct kan_report kan_report_timeline;
const struct kan_report kan_report_timeline = {
	.name = "timeline",
	.file = "timeline.jsonl",
	.summary = "all times for Timesketch and log aggregators",
	.render = render,
};
