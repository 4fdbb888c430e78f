/* Escaped pieces of report.html. Nothing of the evidence becomes an attribute or a live link. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/html.h"

enum {
	RAW_MAX = 2 * KAN_ROW_MAX,
	FILLING = 384 << 10, /* from here on values are short */
	FULL = 768 << 10,    /* and from here on hardly more than named: the page stays < 2 MiB */
	VALUE_FILLING = 256,
	VALUE_FULL = 16,
	COMMIT_SHOWN = 12,
};

/* Long values are there as long as there is room: the first of them are the findings'. */
static size_t value_room(const struct kan_buf *out)
{
	return out->len < FILLING ? KAN_MODEL_VALUE : out->len < FULL ? VALUE_FILLING : VALUE_FULL;
}

void kan_html_bytes(struct kan_buf *out, struct kan_bytes v)
{
	size_t whole = v.n, room = value_room(out);
	if (v.n > room)
		v.n = room;
	kan_lang_keep(out);
	kan_escape_html(out, v);
	if (whole > v.n)
		kan_buf_addf(out,
			     "<span class=\"cut\">… cut, %zu octets, whole in the bundle</span>",
			     whole);
	kan_lang_kept(out);
}

void kan_html_name(struct kan_buf *out, const char *s)
{
	kan_html_bytes(out, kan_bytes_of(s));
}

void kan_html_text(struct kan_buf *out, const char *s)
{
	struct kan_bytes v = kan_bytes_of(s);
	kan_lang_word(out);
	if (v.n > VALUE_FILLING)
		kan_html_bytes(out, v);
	else
		kan_escape_html(out, v);
	kan_lang_word_end(out);
}

void kan_html_value(struct kan_buf *out, const json_t *holder, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(RAW_MAX);
	struct kan_err ignored = {0};
	const json_t *j = json_object_get(holder, key);
	if (json_is_integer(j)) {
		kan_buf_addf(out, "%" PRId64, (int64_t)json_integer_value(j));
	} else if (kan_json_bytes(&v, holder, key, &ignored) == 0) {
		kan_lang_keep(out);
		kan_buf_adds(out, "<code>");
		kan_html_bytes(out, kan_buf_bytes(&v));
		kan_buf_adds(out, "</code>");
		kan_lang_kept(out);
	}
}

void kan_html_list(struct kan_buf *out, const json_t *holder, const char *key)
{
	json_t *parts = json_array();
	if (json_array_size(json_object_get(holder, key))) {
		kan_part_list(parts, holder, key);
		kan_html_value(out, json_array_get(parts, 0), "value");
	}
	json_decref(parts);
}

void kan_html_parts(struct kan_buf *out, const json_t *parts)
{
	size_t i = 0;
	json_t *part = NULL;
	json_array_foreach ((json_t *)(uintptr_t)parts, i, part) {
		const char *text = json_string_value(json_object_get(part, "text"));
		const char *command = json_string_value(json_object_get(part, "command"));
		if (text) /* part of a sentence: with its values it is looked up as one */
			kan_escape_html(out, kan_bytes_of(text));
		else if (command)
			kan_html_name(out, command);
		else
			kan_html_value(out, part, "value");
	}
}

void kan_html_mark(struct kan_buf *out, int64_t n)
{
	if (n)
		kan_buf_addf(out, " <a class=\"mark\" href=\"#f%" PRId64 "\">#%" PRId64 "</a>", n,
			     n);
}

void kan_html_time(struct kan_buf *out, int64_t ns)
{
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, ns);
	kan_lang_keep(out);
	kan_buf_addf(out, "<time>%.10s %.8sZ</time>", when, when + 11);
	kan_lang_kept(out);
}

void kan_html_more(struct kan_buf *out, uint64_t n, const char *where)
{
	if (n)
		kan_buf_addf(out, "<p class=\"more\">+%" PRIu64 " more %s</p>\n", n, where);
}

void kan_html_commit(struct kan_buf *out, const struct kan_model *m)
{
	const char *commit = kan_json_str(m->receipt, "commit");
	if (!*commit)
		return;
	kan_buf_adds(out, ", commit ");
	kan_lang_keep(out);
	kan_buf_adds(out, "<a href=\"#custody\"><code>");
	kan_escape_html(out,
			(struct kan_bytes){(const uint8_t *)commit, strnlen(commit, COMMIT_SHOWN)});
	kan_buf_adds(out, "</code></a>");
	kan_lang_kept(out);
}
