/* compare, in lines: word, package, path, size, mode, owner, and what else differs. */
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "cli/cmd_compare.h"

enum { PACKAGE_WIDTH = 24, PATH_WIDTH = 56, CELL = 1 << 20, WORD_WIDTH = 9 };

/* Nothing in it to be made visible: most paths. */
static bool is_plain(struct kan_bytes text)
{
	size_t i = 0;
	while (i < text.n && text.p[i] > 0x20 && text.p[i] < 0x7f)
		i++;
	return i == text.n;
}

/* Two blanks end a column, so no text may hold them: nor begin or end with one. */
static void escape(struct kan_buf *out, struct kan_bytes text)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(CELL);
	kan_escape_terminal(&clean, text);
	for (size_t i = 0; i < clean.len; i++) {
		bool blank = clean.data[i] == ' ';
		if (blank && (i == 0 || i + 1 == clean.len || clean.data[i - 1] == ' '))
			kan_buf_adds(out, "\\x20");
		else
			kan_buf_addc(out, (char)clean.data[i]);
	}
}

void kan_compare_text_cell(struct kan_bytes text)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(CELL);
	escape(&clean, text);
	if (clean.len)
		(void)fwrite(clean.data, 1, clean.len, stdout);
}

void kan_compare_bytes(const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(CELL);
	struct kan_err none = {0};
	(void)kan_json_bytes(&text, o, key, &none);
	kan_compare_text_cell(kan_buf_bytes(&text));
}

void kan_compare_cell(struct kan_bytes text, size_t width)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(CELL);
	if (!is_plain(text)) {
		escape(&clean, text);
		text = kan_buf_bytes(&clean);
	}
	size_t columns = kan_columns(text);
	if (text.n)
		(void)fwrite(text.p, 1, text.n, stdout);
	(void)printf("%*s", (int)(columns < width ? width - columns : 0) + 2, "");
}

static size_t wider(size_t width, struct kan_bytes text, size_t most)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(CELL);
	if (!is_plain(text)) {
		escape(&clean, text);
		text = kan_buf_bytes(&clean);
	}
	size_t n = kan_columns(text);
	return n > most ? most : n > width ? n : width;
}

static const char *shown(const char *value)
{
	return value ? value : "-";
}

/* One value where both sides have the same, or only one has any. */
static void add_delta(struct kan_buf *out, const struct kan_delta *d)
{
	if (!d->before || !d->after)
		kan_buf_adds(out, shown(d->after ? d->after : d->before));
	else if (strcmp(d->before, d->after) == 0)
		kan_buf_adds(out, d->after);
	else
		kan_buf_addf(out, "%s -> %s", d->before, d->after);
}

/* size, mode and owner are columns; others have their name before them. */
static void deltas(const struct kan_change_line *l, bool one_side)
{
	enum { COLUMNS = 3 };
	for (size_t i = 0; i < l->n_deltas; i++) {
		const struct kan_delta *d = &l->deltas[i];
		kan_auto_buf struct kan_buf text = KAN_BUF(CELL);
		if (i >= COLUMNS)
			kan_buf_addf(&text, "%s ", d->what);
		if (i >= COLUMNS && !one_side)
			kan_buf_addf(&text, "%s -> %s", shown(d->before), shown(d->after));
		else
			add_delta(&text, d);
		kan_compare_cell(kan_buf_bytes(&text), 0);
	}
}

static void remarks(const struct kan_change_line *l)
{
	const char *comma = "";
	if (l->how) {
		(void)fputs(l->how, stdout);
		comma = ", ";
	}
	if (l->from.n) {
		(void)fputs(" from ", stdout);
		kan_compare_text_cell(l->from);
	}
	if (l->verdict.n) {
		(void)fputs(comma, stdout);
		kan_print(stdout, l->verdict);
		comma = ", ";
	}
	if (l->explained) {
		(void)printf("%sthe container's own records explain it", comma);
		comma = ", ";
	}
	if (l->hidden)
		(void)printf("%snot in the engine's list", comma);
}

static void line(const struct kan_change_line *l, size_t package, size_t path)
{
	const char *word = kan_change_words[l->word];
	bool one_side = strcmp(word, "added") == 0 || strcmp(word, "deleted") == 0 ||
			strcmp(word, "engine") == 0;
	(void)printf("%-*s  ", WORD_WIDTH, word);
	kan_compare_cell(l->package.n ? l->package : KAN_LIT("-"), package);
	kan_compare_cell(l->path, path);
	deltas(l, one_side);
	remarks(l);
	(void)fputc('\n', stdout);
}

void kan_compare_print(const struct kan_compared *c)
{
	size_t package = 1, path = 1, i = 0;
	json_t *only = NULL;
	for (size_t k = 0; k < c->n; k++) {
		package = wider(package, c->lines[k].package, PACKAGE_WIDTH);
		path = wider(path, c->lines[k].path, PATH_WIDTH);
	}
	for (size_t k = 0; k < c->n; k++)
		line(&c->lines[k], package, path);
	json_array_foreach (c->engine_only, i, only) {
		struct kan_err none = {0};
		kan_auto_buf struct kan_buf what = KAN_BUF(CELL);
		(void)kan_json_bytes(&what, only, "what", &none);
		(void)printf("%-*s  ", WORD_WIDTH, "?");
		kan_compare_cell(KAN_LIT("-"), package);
		kan_compare_cell(kan_buf_bytes(&what), path);
		(void)puts("in the engine's list, not in the container's own layer");
	}
	if (c->n_engine_only > json_array_size(c->engine_only))
		(void)printf(
			"%-*s  and %llu more in the engine's list alone\n", WORD_WIDTH, "?",
			(unsigned long long)(c->n_engine_only - json_array_size(c->engine_only)));
}
