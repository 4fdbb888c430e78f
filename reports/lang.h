/* The language of a page: what is ours in it is looked up when the page is whole. */
#ifndef KAN_REPORTS_LANG_H
#define KAN_REPORTS_LANG_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/*
 * A renderer writes English, and puts what is no text of ours between marks: evidence, names, ids.
 * Escaped data has no control character, so a mark is never data. A word of the analysis, which is
 * looked up alone, has marks of its own.
 */
void kan_lang_keep(struct kan_buf *out);     /* from here on nothing is looked up */
void kan_lang_kept(struct kan_buf *out);     /* to here; may be nested */
void kan_lang_word(struct kan_buf *out);     /* from here on it is one word or sentence */
void kan_lang_word_end(struct kan_buf *out); /* to here */

enum kan_lang_page { KAN_LANG_HTML, KAN_LANG_MARKDOWN };

struct kan_lang {
	const char *code; /* "ja" */
	const json_t
		*catalogue; /* English, with {0}, {1} for what is kept and for numbers: theirs */
	json_t *missing;    /* array: what has no translation is added once; or NULL */
};
/*
 * Takes the marks out of a page; with a language, what is between tags, cells or lines, and in the
 * attributes that people read, is put into it. What it lacks stays as it is.
 */
void kan_lang_finish(struct kan_buf *page, enum kan_lang_page kind, const struct kan_lang *lang);

/* Compiled in. */
extern const unsigned char kan_lang_ja[];
extern const size_t kan_lang_ja_size;
/* The catalogue of a language that is compiled in. usage: there is none. Yours. */
int kan_lang_load(json_t **catalogue, const char *code, struct kan_err *err);

#endif
