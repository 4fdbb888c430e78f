/* The terminal summary: at most 23 lines, the foot always there, a command never cut. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "reports/model.h"

enum {
	LINES_MAX = 23,
	LABEL = 9,
	COLUMNS_LEAST = 40,
	TEXT_MAX = 256,
	LINE_BYTES = 1 << 20,
	NOT_SEEN_LINES = 3,
	FIRST_AT = 1,       /* the block after VERDICT */
	VALUE_COLUMNS = 30, /* of one value among others on a line */
	BLOCKS = 13,
};

/* One block: its label and its lines, ready for the screen. */
struct block {
	const char *label, *dropped; /* word in the exit line */
	struct kan_buf lines[4];
	size_t n;
	bool gone;
};

struct screen {
	const struct kan_model *m;
	const struct kan_screen *s;
	size_t columns; /* one less than the screen: a full line wraps on some terminals */
	struct block blocks[BLOCKS];
	size_t n;
};

static void escaped(struct kan_buf *out, const json_t *part, const char *key)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(LINE_BYTES);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&raw, part, key, &ignored) == 0)
		kan_escape_terminal(out, kan_buf_bytes(&raw));
}

/* The parts as one line. A value is cut on its own so that what stands behind it is not lost. */
static bool join_parts(struct kan_buf *out, const json_t *parts, size_t value_columns)
{
	size_t i = 0;
	json_t *part = NULL;
	bool command = false;
	json_array_foreach ((json_t *)(uintptr_t)parts, i, part) {
		kan_auto_buf struct kan_buf value = KAN_BUF(LINE_BYTES);
		if (json_object_get(part, "text")) {
			kan_buf_adds(out, json_string_value(json_object_get(part, "text")));
		} else if (json_object_get(part, "command")) {
			kan_buf_adds(out, json_string_value(json_object_get(part, "command")));
			command = true;
		} else {
			escaped(&value, part, "value");
			kan_cut_columns(out, kan_buf_bytes(&value), value_columns);
		}
	}
	return command;
}

static void pad(struct kan_buf *out, size_t to)
{
	for (size_t n = kan_columns(kan_buf_bytes(out)); n < to; n++)
		kan_buf_addc(out, ' ');
}

/* "text        #3": false when it is a command that does not fit. */
static bool fit(struct kan_buf *out, const struct screen *sc, const struct kan_entry *e,
		size_t value_columns)
{
	char mark[24] = "";
	kan_auto_buf struct kan_buf text = KAN_BUF(LINE_BYTES);
	size_t room = sc->columns - LABEL;
	bool command = join_parts(&text, e->parts, value_columns);
	if (e->n)
		(void)snprintf(mark, sizeof mark, " #%" PRId64, e->n);
	room -= strlen(mark);
	if (command && kan_columns(kan_buf_bytes(&text)) > room)
		return false;
	kan_cut_columns(out, kan_buf_bytes(&text), room);
	if (mark[0]) {
		pad(out, room);
		kan_buf_adds(out, mark);
	}
	return true;
}

static struct block *block(struct screen *sc, const char *label, const char *dropped)
{
	struct block *b = &sc->blocks[sc->n++];
	*b = (struct block){.label = label, .dropped = dropped};
	for (size_t i = 0; i < sizeof b->lines / sizeof *b->lines; i++)
		b->lines[i] = KAN_BUF(LINE_BYTES);
	return b;
}

static void entries(struct screen *sc, struct block *b, const struct kan_entries *e, size_t max,
		    size_t value_columns)
{
	for (size_t i = 0; i < e->n && b->n < max; i++)
		if (fit(&b->lines[b->n], sc, &e->at[i], value_columns))
			b->n++;
		else
			kan_buf_reset(&b->lines[b->n]);
}

/* What is more than max lines is counted in the last one. */
static void entries_more(struct screen *sc, struct block *b, const struct kan_entries *e,
			 size_t max, size_t value_columns)
{
	char text[64];
	if (e->n <= max) {
		entries(sc, b, e, max, value_columns);
		return;
	}
	entries(sc, b, e, max - 1, value_columns);
	(void)snprintf(text, sizeof text, "+%zu more, see the report", e->n - b->n);
	kan_buf_adds(&b->lines[b->n++], text);
}

/* The gravest ones; all of them are counted in the report. */
static void counts(struct kan_buf *out, const struct kan_model *m)
{
	for (size_t i = 4; i-- > 0;)
		if (m->counts[i]) {
			kan_buf_addf(out, "; %" PRIu64 " %s", m->counts[i],
				     kan_model_severities[i]);
			if (m->counts[i] < m->total)
				kan_buf_addf(out, " of %" PRIu64, m->total);
			return;
		}
}

static void verdict(struct screen *sc)
{
	struct block *b = block(sc, "VERDICT", NULL);
	struct kan_entry about = {sc->m->about, 0};
	kan_auto_buf struct kan_buf text = KAN_BUF(LINE_BYTES);
	if (sc->s->provisional)
		kan_buf_adds(&text, "PROVISIONAL: ");
	size_t begin = text.len;
	(void)join_parts(&text, sc->m->headline, sc->columns);
	if (!sc->m->alarm) /* on the screen it goes on a line */
		text.data[begin] = (uint8_t)tolower(text.data[begin]);
	counts(&text, sc->m);
	kan_cut_columns(&b->lines[0], kan_buf_bytes(&text), sc->columns - LABEL);
	b->n = 1;
	if (fit(&b->lines[1], sc, &about, VALUE_COLUMNS))
		b->n = 2;
}

static void build(struct screen *sc)
{
	const struct kan_model *m = sc->m;
	const size_t whole = sc->columns;
	verdict(sc);
	entries(sc, block(sc, "FIRST", "first"), &m->first, 3, whole);
	entries(sc, block(sc, "DO NOW", "do now"), &m->do_now, 3, whole);
	struct block *now = block(sc, "NOW", "now");
	/* An entry without a finding counts the others: it is one of the three lines. */
	size_t found = m->now.n;
	if (found && !m->now.at[found - 1].n)
		found--;
	if (m->now.n > 3) {
		struct kan_entries some = {m->now.at, 2};
		entries(sc, now, &some, 2, VALUE_COLUMNS);
		kan_buf_addf(&now->lines[now->n++], "+%zu more in findings, see the report",
			     found - 2);
	} else {
		entries(sc, now, &m->now, 3, VALUE_COLUMNS);
	}
	entries_more(sc, block(sc, "TALKS", "talks"), &m->talks, 2, whole);
	entries(sc, block(sc, "ENTRY", "entry"), &m->entry, 2, whole);
	entries(sc, block(sc, "CHANGED", "changed"), &m->changed, 1, whole);
	entries(sc, block(sc, "HIDDEN", "hidden"), &m->hidden, 1, whole);
	entries(sc, block(sc, "REACH", "reach"), &m->reach, 1, whole);
	entries(sc, block(sc, "SECRETS", "secrets"), &m->secrets, 1, whole);
	entries(sc, block(sc, "VIEWS", "views"), &m->views, 1, whole);
	entries(sc, block(sc, "AFTER", NULL), &m->after, 1, whole);
	entries_more(sc, block(sc, "NOT SEEN", NULL), &m->not_seen, NOT_SEEN_LINES, whole);
	struct block *unseen = &sc->blocks[sc->n - 1];
	if (!unseen->n)
		kan_buf_adds(&unseen->lines[unseen->n++],
			     sc->s->provisional ? "what is still being collected"
						: "nothing that was asked for is missing");
}

static size_t wrapped(const struct screen *sc, const char *label, const char *value)
{
	size_t n = strlen(label) + 1 + kan_columns(kan_bytes_of(value));
	size_t width = (size_t)sc->s->columns;
	return n ? (n + width - 1) / width : 1;
}

static void add_clause(struct kan_buf *text, const char *clause)
{
	kan_buf_adds(text, text->len ? "; " : "");
	kan_buf_adds(text, clause);
}

/* The status, the blocks that had no room, the rules that could not be decided. */
static void exit_text(struct kan_buf *out, const struct screen *sc)
{
	char clause[TEXT_MAX];
	size_t any = 0;
	if (sc->s->provisional) {
		add_clause(out, "not sealed yet: the capture goes on");
	} else if (sc->s->exit_words) {
		(void)snprintf(clause, sizeof clause, "exit %d: %s", sc->s->exit_status,
			       sc->s->exit_words);
		add_clause(out, clause);
	}
	for (size_t i = 0; i < sc->n; i++)
		if (sc->blocks[i].gone && sc->blocks[i].dropped) {
			if (any++)
				kan_buf_adds(out, ", ");
			else
				add_clause(out, "more: ");
			kan_buf_adds(out, sc->blocks[i].dropped);
		}
	if (json_object_get(sc->m->doc, "redacted"))
		add_clause(out, "redacted");
	if (sc->m->suppressed) {
		(void)snprintf(clause, sizeof clause, "%" PRIu64 " suppressed as accepted",
			       sc->m->suppressed);
		add_clause(out, clause);
	}
	if (sc->m->not_assessed) {
		(void)snprintf(clause, sizeof clause, "%" PRIu64 " rule%s not assessed",
			       sc->m->not_assessed, sc->m->not_assessed == 1 ? "" : "s");
		add_clause(out, clause);
	}
}

/* Broken at blanks, never cut: what it says is said nowhere else. The text is ours. Its lines. */
static size_t wrap(struct kan_buf *out, const struct kan_buf *text, size_t columns)
{
	size_t lines = 1, line = 0;
	for (size_t at = 0; at < text->len;) {
		const char *word = (const char *)text->data + at;
		size_t n = strcspn(word, " ");
		if (line && line + 1 + n > columns) {
			kan_buf_addc(out, '\n');
			line = 0;
			lines++;
		}
		if (line)
			kan_buf_addc(out, ' ');
		kan_buf_addb(out, (struct kan_bytes){(const uint8_t *)word, n});
		line += n + (line != 0);
		at += n + 1;
	}
	return lines;
}

static size_t exit_lines(struct kan_buf *out, const struct screen *sc)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(LINE_BYTES);
	exit_text(&text, sc);
	return wrap(out, &text, sc->columns);
}

/* Label, seal, bundle, report and exit: what is never left out. */
static size_t foot_lines(const struct screen *sc)
{
	kan_auto_buf struct kan_buf last = KAN_BUF(LINE_BYTES);
	size_t n = exit_lines(&last, sc);
	const char *seal = json_string_value(json_object_get(sc->m->doc, "seal"));
	n += json_object_get(sc->m->doc, "tlp") != NULL;
	if (seal)
		n += wrapped(sc, "seal", seal);
	if (sc->s->bundle_path)
		n += wrapped(sc, "bundle", sc->s->bundle_path);
	if (sc->s->report_path)
		n += wrapped(sc, "report", sc->s->report_path);
	return n;
}

static size_t total_lines(const struct screen *sc)
{
	size_t n = foot_lines(sc);
	for (size_t i = 0; i < sc->n; i++)
		n += sc->blocks[i].gone ? 0 : sc->blocks[i].n;
	return n;
}

/* What follows has its room on the same screen; half of it is ours whatever follows. */
static size_t lines_max(const struct screen *sc)
{
	size_t below = sc->s->below;
	return LINES_MAX - (below < LINES_MAX / 2 ? below : LINES_MAX / 2);
}

/* AFTER is there when there is room. First it goes, then NOT SEEN shrinks line by line, then FIRST
 * to one line: the verdict and the report have the others. Then whole blocks go from the end.
 * VERDICT stays. */
static void drop(struct screen *sc)
{
	struct block *unseen = &sc->blocks[sc->n - 1], *after = &sc->blocks[sc->n - 2];
	after->gone = total_lines(sc) > lines_max(sc);
	if (total_lines(sc) > lines_max(sc) && unseen->n > 2) {
		unseen->n = 2;
		kan_buf_reset(&unseen->lines[1]);
		kan_buf_addf(&unseen->lines[1], "+%zu more, see the report", sc->m->not_seen.n - 1);
	}
	if (total_lines(sc) > lines_max(sc) && unseen->n > 1) {
		unseen->n = 1;
		kan_buf_reset(&unseen->lines[0]);
		kan_buf_addf(&unseen->lines[0], "%zu things, see the report", sc->m->not_seen.n);
	}
	for (struct block *first = &sc->blocks[FIRST_AT];
	     first->n > 1 && total_lines(sc) > lines_max(sc);)
		first->n--;
	for (size_t i = sc->n - 2; i-- > 1 && total_lines(sc) > lines_max(sc);)
		if (sc->blocks[i].n)
			sc->blocks[i].gone = true;
}

static void painted(struct kan_buf *out, const struct screen *sc, const char *sgr, const char *text)
{
	if (sc->s->colour)
		kan_buf_addf(out, "\033[%sm%s\033[0m", sgr, text);
	else
		kan_buf_adds(out, text);
}

static void print_block(struct kan_buf *out, const struct screen *sc, const struct block *b)
{
	for (size_t i = 0; i < b->n && !b->gone; i++) {
		char label[LABEL + 1];
		(void)snprintf(label, sizeof label, "%-*s", LABEL, i ? "" : b->label);
		const char *sgr = strcmp(b->label, "VERDICT") == 0 && sc->m->alarm ? "1;31" : "1";
		painted(out, sc, sgr, label);
		kan_buf_addb(out, kan_buf_bytes(&b->lines[i]));
		kan_buf_addc(out, '\n');
	}
}

static void print_path(struct kan_buf *out, const char *label, const char *value)
{
	if (!value)
		return;
	kan_buf_addf(out, "%s ", label);
	kan_escape_terminal(out, kan_bytes_of(value));
	kan_buf_addc(out, '\n');
}

int kan_report_terminal(struct kan_buf *out, const struct kan_model *m, const struct kan_screen *s,
			struct kan_err *err)
{
	struct screen *sc = kan_xalloc(sizeof *sc);
	sc->m = m;
	sc->s = s;
	sc->columns = (size_t)(s->columns < COLUMNS_LEAST ? COLUMNS_LEAST : s->columns) - 1;
	build(sc);
	drop(sc);
	if (json_object_get(m->doc, "tlp")) /* first, so that nobody reads on unaware */
		kan_buf_addf(out, "%s\n", kan_json_str(m->doc, "tlp"));
	for (size_t i = 0; i < sc->n; i++)
		print_block(out, sc, &sc->blocks[i]);
	print_path(out, "seal", json_string_value(json_object_get(m->doc, "seal")));
	print_path(out, "bundle", s->bundle_path);
	print_path(out, "report", s->report_path);
	(void)exit_lines(out, sc);
	kan_buf_addc(out, '\n');
	for (size_t i = 0; i < sc->n; i++)
		for (size_t k = 0; k < 4; k++)
			kan_buf_free(&sc->blocks[i].lines[k]);
	free(sc);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "terminal summary: the buffer is full") : 0;
}
