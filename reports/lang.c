/* The language of a page: marks are taken out of it, and what is ours is looked up. */
#include "reports/lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"

enum { KEEP = 1, KEPT, WORD, WORD_END };
enum {
	RUNS = 40,
	KEY_MAX = 16 << 10,
	FORM_MAX = 64 << 10,
	NUMBER_TEXT = 16,
	ENTITY_MAX = 10,
	PAGE_MAX = 64 << 20
};

void kan_lang_keep(struct kan_buf *out)
{
	kan_buf_addc(out, KEEP);
}

void kan_lang_kept(struct kan_buf *out)
{
	kan_buf_addc(out, KEPT);
}

void kan_lang_word(struct kan_buf *out)
{
	kan_buf_addc(out, WORD);
}

void kan_lang_word_end(struct kan_buf *out)
{
	kan_buf_addc(out, WORD_END);
}

/* One text between two tags: its key, and what stands for each {n} of it. */
struct text {
	struct kan_buf key, runs;
	size_t begin[RUNS + 1], n;
	bool letters, full;
};

struct pass {
	const struct kan_lang *lang; /* NULL: only the marks go */
	enum kan_lang_page kind;
	struct kan_bytes in;
	size_t at;
	struct kan_buf out;
	struct text text;
};

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* What is not has been translated before, by the rule that says it. */
static bool is_english(const char *text)
{
	for (; *text; text++)
		if ((uint8_t)*text >= 0x80)
			return false;
	return true;
}

/* An id, a digest, a name of a field is no word. */
static void note_missing(const struct kan_lang *lang, const char *key)
{
	if (!strchr(key, ' ') && strpbrk(key, "{._:/-$@<"))
		return;
	if (lang->missing)
		kan_json_add_word(lang->missing, key);
}

/* Its translation with the runs in their places. */
static void compose(struct kan_buf *out, const char *form, const struct text *t)
{
	for (; *form; form++) {
		char *end = NULL;
		unsigned long n = *form == '{' && is_digit((uint8_t)form[1])
					  ? strtoul(form + 1, &end, 10)
					  : RUNS;
		if (!end || *end != '}' || n >= t->n) {
			kan_buf_addc(out, *form);
			continue;
		}
		kan_buf_add(out, t->runs.data + t->begin[n], t->begin[n + 1] - t->begin[n]);
		form = end;
	}
}

/* Where a sentence may be taken apart; 0: not here. */
static size_t separator(const char *at)
{
	static const char *const marks[] = {"; ", ", ", ": ", "  ", " (", ")", "."};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strncmp(at, marks[i], strlen(marks[i])) == 0 &&
		    (marks[i][0] != '.' || at[1] == '\0'))
			return strlen(marks[i]);
	return 0;
}

static const char *looked_up(const struct kan_lang *lang, const char *key)
{
	return json_string_value(json_object_get(lang->catalogue, key));
}

/* A part of a sentence: its blanks are counted from 0, and stand for those of the whole. */
static void translate_part(struct kan_buf *form, const struct kan_lang *lang, struct kan_bytes part)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY_MAX);
	unsigned long blanks[RUNS];
	size_t n = 0;
	bool letters = false;
	for (size_t i = 0; i < part.n; i++) {
		const char *c = (const char *)part.p + i;
		char *end = NULL;
		unsigned long k =
			*c == '{' && is_digit((uint8_t)c[1]) ? strtoul(c + 1, &end, 10) : RUNS;
		if (end && *end == '}' && n < RUNS) {
			kan_buf_addf(&key, "{%zu}", n);
			blanks[n++] = k;
			i = (size_t)(end - (const char *)part.p);
			continue;
		}
		letters |= is_letter((uint8_t)*c);
		kan_buf_addc(&key, *c);
	}
	const char *said = letters ? looked_up(lang, kan_buf_str(&key)) : NULL;
	if (!said) {
		if (letters)
			note_missing(lang, kan_buf_str(&key));
		kan_buf_addb(form, part);
		return;
	}
	for (const char *c = said; *c; c++) {
		char *end = NULL;
		unsigned long k =
			*c == '{' && is_digit((uint8_t)c[1]) ? strtoul(c + 1, &end, 10) : RUNS;
		if (end && *end == '}' && k < n) {
			kan_buf_addf(form, "{%lu}", blanks[k]);
			c = end;
		} else {
			kan_buf_addc(form, *c);
		}
	}
}

/* The form of a text in that language: of the whole, or else of its parts. */
static void form_of(struct kan_buf *form, const struct kan_lang *lang, const char *key)
{
	const char *whole = looked_up(lang, key), *from = key;
	if (whole || !is_english(key)) {
		kan_buf_adds(form, whole ? whole : key);
		return;
	}
	for (const char *at = key;;) {
		size_t n = *at ? separator(at) : 0;
		if (*at && !n) {
			at++;
			continue;
		}
		translate_part(form, lang,
			       (struct kan_bytes){(const uint8_t *)from, (size_t)(at - from)});
		kan_buf_add(form, at, n);
		if (!*at)
			return;
		at += n;
		from = at;
	}
}

static void begin_text(struct text *t)
{
	kan_buf_reset(&t->key);
	kan_buf_reset(&t->runs);
	t->n = 0;
	t->letters = t->full = false;
	t->begin[0] = 0;
}

static struct kan_bytes trimmed(const struct kan_buf *key, size_t *before)
{
	struct kan_bytes v = kan_buf_bytes(key);
	size_t i = 0;
	while (i < v.n && (v.p[i] == ' ' || v.p[i] == '\n'))
		i++;
	*before = i;
	while (v.n > i && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\n'))
		v.n--;
	return (struct kan_bytes){v.p + i, v.n - i};
}

/* What is left of a text: looked up without the blanks around it. */
static void end_text(struct pass *p)
{
	struct text *t = &p->text;
	size_t before = 0;
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY_MAX);
	struct kan_bytes inner = trimmed(&t->key, &before);
	kan_buf_addb(&key, inner);
	const char *whole = kan_buf_str(&t->key);
	if (p->lang && t->letters && !t->full) {
		kan_auto_buf struct kan_buf form = KAN_BUF(FORM_MAX);
		form_of(&form, p->lang, kan_buf_str(&key));
		kan_buf_add(&p->out, whole, before);
		compose(&p->out, kan_buf_str(&form), t);
		kan_buf_adds(&p->out, whole + before + inner.n);
	} else {
		compose(&p->out, whole, t);
	}
	begin_text(t);
}

/* Bytes that are not looked up, as the next {n}. */
static void run(struct text *t, struct kan_bytes v)
{
	char number[NUMBER_TEXT];
	if (t->n == RUNS) { /* more than any sentence of ours has: it stays as it is */
		t->full = true;
		kan_buf_addb(&t->key, v);
		return;
	}
	(void)snprintf(number, sizeof number, "{%zu}", t->n);
	kan_buf_adds(&t->key, number);
	kan_buf_addb(&t->runs, v);
	t->begin[++t->n] = t->runs.len;
}

/* To the end of what is kept, without the marks in it. */
static void take_kept(struct kan_buf *to, struct pass *p)
{
	unsigned depth = 1;
	for (p->at++; p->at < p->in.n && depth; p->at++) {
		uint8_t c = p->in.p[p->at];
		depth += c == KEEP;
		depth -= c == KEPT;
		if (c > WORD_END)
			kan_buf_addc(to, (char)c);
	}
}

/* "&#8596;" is one character, and no word. */
static size_t entity(enum kan_lang_page kind, struct kan_bytes v)
{
	size_t n = 1;
	if (kind != KAN_LANG_HTML || v.p[0] != '&')
		return 0;
	while (n < v.n && n < ENTITY_MAX && v.p[n] != ';')
		n++;
	return n < v.n && v.p[n] == ';' ? n + 1 : 0;
}

/* "6 processes": its numbers are {n} of its own. */
static void one_word(struct kan_buf *out, const struct pass *p, struct kan_bytes v)
{
	struct text t = {.key = KAN_BUF(KEY_MAX), .runs = KAN_BUF(KEY_MAX)};
	for (size_t i = 0; i < v.n;) {
		size_t n = entity(p->kind, (struct kan_bytes){v.p + i, v.n - i});
		if (n) {
			kan_buf_add(&t.key, v.p + i, n);
			i += n;
			continue;
		}
		while (i + n < v.n && is_digit(v.p[i + n]))
			n++;
		if (n) {
			run(&t, (struct kan_bytes){v.p + i, n});
			i += n;
			continue;
		}
		t.letters |= is_letter(v.p[i]);
		kan_buf_addc(&t.key, (char)v.p[i++]);
	}
	kan_auto_buf struct kan_buf form = KAN_BUF(FORM_MAX);
	if (p->lang && t.letters && !t.full)
		form_of(&form, p->lang, kan_buf_str(&t.key));
	else
		kan_buf_addb(&form, kan_buf_bytes(&t.key));
	compose(out, kan_buf_str(&form), &t);
	kan_buf_free(&t.key);
	kan_buf_free(&t.runs);
}

static void take_word(struct pass *p)
{
	kan_auto_buf struct kan_buf word = KAN_BUF(PAGE_MAX), said = KAN_BUF(PAGE_MAX);
	for (p->at++; p->at < p->in.n && p->in.p[p->at] != WORD_END; p->at++)
		if (p->in.p[p->at] == KEEP) {
			take_kept(&word, p);
			p->at--;
		} else {
			kan_buf_addc(&word, (char)p->in.p[p->at]);
		}
	p->at += p->at < p->in.n;
	one_word(&said, p, kan_buf_bytes(&word));
	run(&p->text, kan_buf_bytes(&said));
}

static void take_marked(struct pass *p)
{
	if (p->in.p[p->at] == WORD) {
		take_word(p);
		return;
	}
	kan_auto_buf struct kan_buf kept = KAN_BUF(PAGE_MAX);
	take_kept(&kept, p);
	run(&p->text, kan_buf_bytes(&kept));
}

/* Of ="...": what people read. */
static void attribute(struct pass *p, struct kan_bytes v)
{
	one_word(&p->out, p, v);
}

static size_t is_read(struct kan_bytes tag, size_t i)
{
	static const char *const names[] = {" data-l=\"", " aria-label=\"", " title=\""};
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		size_t n = strlen(names[k]);
		if (tag.n - i > n && memcmp(tag.p + i, names[k], n) == 0)
			return n;
	}
	return 0;
}

static void put_tag(struct pass *p, struct kan_bytes tag)
{
	static const char lang[] = "<html lang=\"en\"";
	if (p->lang && tag.n >= sizeof lang - 1 && memcmp(tag.p, lang, sizeof lang - 1) == 0) {
		kan_buf_addf(&p->out, "<html lang=\"%.8s\"", p->lang->code);
		kan_buf_add(&p->out, tag.p + sizeof lang - 1, tag.n - (sizeof lang - 1));
		return;
	}
	for (size_t i = 0; i < tag.n;) {
		size_t n = p->lang ? is_read(tag, i) : 0;
		if (!n) {
			if (tag.p[i] > WORD_END)
				kan_buf_addc(&p->out, (char)tag.p[i]);
			i++;
			continue;
		}
		kan_buf_add(&p->out, tag.p + i, n);
		i += n;
		for (n = 0; i + n < tag.n && tag.p[i + n] != '"';)
			n++;
		attribute(p, (struct kan_bytes){tag.p + i, n});
		i += n;
	}
}

/* Octets of an element whose text is no language: a style, code, a command. 0: it is another one.
 */
static size_t opaque(const struct pass *p)
{
	static const char *const names[][2] = {
		{"<style", "</style>"}, {"<code", "</code>"}, {"<pre", "</pre>"}};
	struct kan_bytes left = {p->in.p + p->at, p->in.n - p->at};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i][0]), end = strlen(names[i][1]);
		if (left.n <= n || memcmp(left.p, names[i][0], n) != 0 ||
		    !memchr(" >", left.p[n], 2))
			continue;
		const uint8_t *to = memmem(left.p, left.n, names[i][1], end);
		return to ? (size_t)(to - left.p) + end : left.n;
	}
	return 0;
}

static void take_tag(struct pass *p)
{
	const uint8_t *from = p->in.p + p->at, *to = memchr(from, '>', p->in.n - p->at);
	size_t n = to ? (size_t)(to - from) + 1 : p->in.n - p->at;
	put_tag(p, (struct kan_bytes){from, n});
	p->at += n;
}

/* As one run of the text that it stands in. */
static void take_opaque(struct pass *p, size_t n)
{
	kan_auto_buf struct kan_buf whole = KAN_BUF(PAGE_MAX);
	for (size_t end = p->at + n; p->at < end; p->at++)
		if (p->in.p[p->at] > WORD_END)
			kan_buf_addc(&whole, (char)p->in.p[p->at]);
	run(&p->text, kan_buf_bytes(&whole));
}

static void take_plain(struct pass *p)
{
	const uint8_t *from = p->in.p + p->at;
	size_t n = entity(p->kind, (struct kan_bytes){from, p->in.n - p->at});
	if (n) {
		kan_buf_add(&p->text.key, from, n);
		p->at += n;
		return;
	}
	while (p->at + n < p->in.n && is_digit(from[n]))
		n++;
	if (n) {
		run(&p->text, (struct kan_bytes){from, n});
		p->at += n;
		return;
	}
	p->text.letters |= is_letter(*from);
	kan_buf_addc(&p->text.key, (char)*from);
	p->at++;
}

/* Between two texts of Markdown: lines, cells, the marks of headings, lists and strong words. */
static bool between(const struct pass *p)
{
	uint8_t c = p->in.p[p->at];
	if (c == '\n' || c == '|' || c == '#' || c == '*' || c == '`')
		return true;
	return c == '-' && (p->at == 0 || p->in.p[p->at - 1] == '\n' || p->in.p[p->at - 1] == ' ');
}

static void step(struct pass *p)
{
	uint8_t c = p->in.p[p->at];
	size_t n = p->kind == KAN_LANG_HTML && c == '<' ? opaque(p) : 0;
	if (n) {
		take_opaque(p, n);
	} else if (c == KEEP || c == WORD) {
		take_marked(p);
	} else if (c <= WORD_END) {
		p->at++; /* an end without a beginning */
	} else if (p->kind == KAN_LANG_HTML && c == '<') {
		end_text(p);
		take_tag(p);
	} else if (p->kind == KAN_LANG_MARKDOWN && between(p)) {
		end_text(p);
		kan_buf_addc(&p->out, (char)c);
		p->at++;
	} else {
		take_plain(p);
	}
}

void kan_lang_finish(struct kan_buf *page, enum kan_lang_page kind, const struct kan_lang *lang)
{
	struct pass p = {.lang = lang,
			 .kind = kind,
			 .in = kan_buf_bytes(page),
			 .out = KAN_BUF(0),
			 .text = {.key = KAN_BUF(PAGE_MAX), .runs = KAN_BUF(PAGE_MAX)}};
	p.out.max = page->max;
	begin_text(&p.text);
	if (page->failed)
		return;
	while (p.at < p.in.n)
		step(&p);
	end_text(&p);
	kan_buf_free(&p.text.key);
	kan_buf_free(&p.text.runs);
	kan_buf_free(page);
	*page = p.out;
}

int kan_lang_load(json_t **catalogue, const char *code, struct kan_err *err)
{
	enum { DEPTH = 2 };
	if (strcmp(code, "ja") != 0)
		return kan_fail(err, KAN_EUSAGE, "no reports in the language '%.16s'", code);
	return kan_json_parse(catalogue, (struct kan_bytes){kan_lang_ja, kan_lang_ja_size},
			      kan_lang_ja_size, DEPTH, err);
}
