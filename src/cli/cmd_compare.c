/* compare: a bundle with its image, with another bundle, or all of a home. */
#include "cli/cmd_compare.h"

#include <stdlib.h>
#include <string.h>

#include <kanshiki/bundle.h>

#include "base/row.h"
#include "cli/box.h"

static const struct kan_option options[] = {
	{"only", 0, "LIST",
	 "only these change words: added, changed, metadata, identical, deleted, parent, engine",
	 kan_change_words},
	{"text", 0, NULL, "unified differences of the text files, too"},
	{"all", 0, "IMAGE",
	 "every container of an image (name or id) over the bundles of the home, outliers first"},
	{"reference", 0, "WHAT",
	 "the bundle's image against one from a clean machine: docker-save FILE.tar[.gz] or OCI "
	 "layout"},
	{"max-bytes", 0, "N", "with --reference: bytes that it may unpack to, however small it is"},
	{"exit-code", 0, NULL, "exit 10 when there is a difference"},
	{NULL, 0, NULL, NULL},
};

int kan_open_side(struct kan_open_side *out, const char *path, struct kan_err *err)
{
	*out = (struct kan_open_side){0};
	if (kan_bundle_open(&out->bundle, path, false, err) < 0)
		return -1;
	out->source = kan_source_bundle(out->bundle);
	if (kan_side_open(&out->side, out->source, err) == 0)
		return 0;
	kan_close_side(out);
	return -1;
}

void kan_close_side(struct kan_open_side *s)
{
	kan_side_free(s->side);
	kan_source_free(s->source);
	kan_bundle_free(s->bundle);
	*s = (struct kan_open_side){0};
}

int kan_compare_line(json_t *doc, struct kan_err *err)
{
	int rc = kan_print_line(doc, true, err);
	json_decref(doc);
	return rc;
}

static json_t *about(const struct kan_side *s)
{
	static const char *const keys[] = {"id", "name", "image", "image_id"};
	json_t *o = json_pack("{s:s,s:s}", "bundle", kan_source_name(s->source), "seal",
			      kan_source_seal(s->source));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		json_t *v = json_object_get(json_object_get(s->capture, "target"), keys[i]);
		if (v)
			json_object_set(o, keys[i], v);
	}
	return o;
}

int kan_compare_header(const char *kind, const struct kan_side *a, const struct kan_side *with,
		       json_t *more, struct kan_err *err)
{
	json_t *o = json_pack("{s:s,s:s}", "schema", "kanshiki.compare/1", "compared", kind);
	if (a)
		json_object_set_new(o, "a", about(a));
	if (with)
		json_object_set_new(o, "b", about(with));
	json_object_update(o, more);
	json_decref(more);
	return kan_compare_line(o, err);
}

bool kan_compare_gaps(const char *who, const json_t *gaps, uint64_t n)
{
	size_t i = 0;
	json_t *gap = NULL;
	json_array_foreach ((json_t *)(uintptr_t)gaps, i, gap) {
		const char *side = kan_json_str(gap, "side");
		kan_say("%s%s%s %s %s: %s: %s", who, side,
			*side ? " lacks" : "missing:", kan_json_str(gap, "collector"),
			kan_json_str(gap, "what"), kan_json_str(gap, "code"),
			kan_json_str(gap, "why"));
	}
	if (n > json_array_size(gaps))
		kan_say("%s... and %llu gaps more", who,
			(unsigned long long)(n - json_array_size(gaps)));
	return n > 0;
}

/* Bits of the words; 0: said what is wrong. */
static unsigned words_of(const char *list)
{
	unsigned bits = 0;
	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ",");
		int word = kan_change_word(at, n);
		if (word < 0) {
			kan_say("--only takes added, changed, metadata, identical, deleted, parent "
				"and engine, not '%.*s'",
				(int)(n > 64 ? 64 : n), at);
			return 0;
		}
		bits |= 1U << word;
		at += n + (at[n] == ',');
	}
	if (!bits)
		kan_say("--only needs at least one change word");
	return bits;
}

static unsigned bit(const char *word)
{
	return 1U << kan_change_word(word, strlen(word));
}

/* What stands for a change that somebody made. */
static unsigned differences(void)
{
	return bit("added") | bit("changed") | bit("metadata") | bit("deleted");
}

/* Rows come in the order of the walk, and go by: they need not be held. */
static int print_row(const struct kan_view *v, void *arg, struct kan_err *err)
{
	(void)arg;
	json_t *row = kan_compare_row(v);
	int rc = kan_print_line(row, false, err);
	json_decref(row);
	return rc;
}

static json_t *counts_of(const struct kan_compared *c)
{
	json_t *o = json_object();
	for (size_t i = 0; kan_change_words[i]; i++)
		json_object_set_new(o, kan_change_words[i], json_integer((json_int_t)c->counts[i]));
	return o;
}

static int json_end(const struct kan_compared *c, const struct kan_texts *t, struct kan_err *err)
{
	json_t *end = json_pack("{s:o,s:O,s:I}", "counts", counts_of(c), "gaps", c->gaps, "n_gaps",
				(json_int_t)c->n_gaps);
	if (c->know_engine) {
		json_object_set_new(end, "hidden_from_engine", json_integer((json_int_t)c->hidden));
		json_object_set_new(end, "n_engine_only",
				    json_integer((json_int_t)c->n_engine_only));
		json_object_set(end, "engine_only", c->engine_only);
	}
	if (t->text.len)
		json_object_set_new(end, "text",
				    json_stringn((const char *)t->text.data, t->text.len));
	uint64_t unseen = t->left_out + c->left_out;
	if (unseen)
		json_object_set_new(end, "texts_left_out", json_integer((json_int_t)unseen));
	uint64_t wordless = c->merged + c->exported;
	if (wordless)
		json_object_set_new(end, "n_merged", json_integer((json_int_t)wordless));
	return kan_compare_line(json_pack("{s:o}", "end", end), err);
}

static void summary(const struct kan_compared *c)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1024);
	for (size_t i = 0; kan_change_words[i]; i++)
		if (c->counts[i])
			kan_buf_addf(&text, "%s%llu %s", text.len ? ", " : "",
				     (unsigned long long)c->counts[i], kan_change_words[i]);
	uint64_t wordless = c->merged + c->exported;
	if (wordless)
		kan_buf_addf(&text, "%s%llu entries of the whole root", text.len ? ", " : "",
			     (unsigned long long)wordless);
	if (c->unread)
		kan_buf_addf(&text, "%s%llu that could not be compared", text.len ? ", " : "",
			     (unsigned long long)c->unread);
	if (!text.len)
		kan_buf_adds(&text, "no entry in the container's own layer");
	if (c->know_engine)
		kan_buf_addf(&text, "; %llu not in the engine's own list",
			     (unsigned long long)c->hidden);
	kan_say("%s", kan_buf_str(&text));
}

static int as_text(const struct kan_compared *c, const struct kan_texts *t, bool quiet)
{
	kan_compare_print(c);
	if (t->text.len)
		(void)fwrite(t->text.data, 1, t->text.len, stdout);
	if (!quiet && c->seen)
		summary(c);
	if (t->left_out)
		kan_say("%llu text differences are over the limit and not shown",
			(unsigned long long)t->left_out);
	if (!c->left_out)
		return t->left_out ? KAN_EXIT_MISSING : KAN_EXIT_OK;
	kan_say("%llu more are over the limit of what is sorted: --only or --json has them",
		(unsigned long long)c->left_out);
	return KAN_EXIT_MISSING;
}

static int settle(const struct kan_compared *c, unsigned words, bool exit_code, int status)
{
	uint64_t n = 0;
	for (size_t i = 0; kan_change_words[i]; i++)
		if (words & differences() & 1U << i)
			n += c->counts[i];
	if (kan_compare_gaps("", c->gaps, c->n_gaps))
		status = kan_status_worst(status, KAN_EXIT_MISSING);
	return status == KAN_EXIT_OK && n && exit_code ? KAN_EXIT_DIFFERENT : status;
}

/* As JSON. Texts are read before the first line, so that an altered tar ends all of it. */
static int as_json(struct kan_compared **out, const struct kan_open_side *s, unsigned words,
		   struct kan_texts *t, struct kan_err *err)
{
	struct kan_compare_ask ask = {
		.words = words, .fn = t ? NULL : print_row, .keep = t != NULL};
	struct kan_texts none = {0};
	if ((!t && kan_compare_header("image", s->side, NULL, NULL, err) < 0) ||
	    kan_compare_image_rows(out, s->side, &ask, err) < 0)
		return -1;
	if (!t)
		return json_end(*out, &none, err);
	struct kan_compared *again = NULL;
	ask = (struct kan_compare_ask){.words = words, .fn = print_row};
	if (kan_compare_text(t, *out, s->source, err) < 0 ||
	    kan_compare_header("image", s->side, NULL, NULL, err) < 0 ||
	    kan_compare_image_rows(&again, s->side, &ask, err) < 0)
		return -1;
	kan_compared_free(again);
	return json_end(*out, t, err);
}

static int with_image(const struct kan_args *a, const struct kan_open_side *s, unsigned words)
{
	struct kan_err err = {0};
	struct kan_compared *c = NULL;
	struct kan_texts t = {0};
	bool text = kan_flag(a, "text");
	int status = KAN_EXIT_OK;
	if (kan_flag(a, "json")) {
		if (as_json(&c, s, words, text ? &t : NULL, &err) < 0)
			status = kan_say_err(&err);
		else if (text && t.left_out + c->left_out)
			status = KAN_EXIT_MISSING;
	} else if (kan_compare_image(&c, s->side, words, &err) < 0 ||
		   (text && kan_compare_text(&t, c, s->source, &err) < 0)) {
		status = kan_say_err(&err);
	} else {
		status = as_text(c, &t, kan_flag(a, "quiet"));
	}
	if (c && (status == KAN_EXIT_OK || status == KAN_EXIT_MISSING))
		status = settle(c, words, kan_flag(a, "exit-code"), status);
	kan_buf_free(&t.text);
	kan_compared_free(c);
	return status;
}

static int image(const struct kan_args *a, unsigned words)
{
	struct kan_err err = {0};
	struct kan_open_side s = {0};
	kan_auto_free char *path = NULL;
	if (kan_find_bundle(&path, a, a->n_words ? a->words[0] : NULL, &err) < 0)
		return kan_say_err(&err);
	const char *read_paths[] = {path, NULL}, *write_paths[] = {NULL};
	if (kan_box(read_paths, write_paths, &err) < 0 || kan_open_side(&s, path, &err) < 0)
		return kan_say_err(&err);
	int status = with_image(a, &s, words);
	kan_close_side(&s);
	return status;
}

static int compare(const struct kan_args *a)
{
	const char *only = kan_arg(a, "only"), *all = kan_arg(a, "all"),
		   *reference = kan_arg(a, "reference");
	unsigned words = differences() | bit("identical");
	bool pair = a->n_words == 2;
	if (only && (words = words_of(only)) == 0)
		return KAN_EXIT_USAGE;
	if ((pair || all) && (only || kan_flag(a, "text"))) {
		kan_say("--only and --text are about one bundle and its image");
		return KAN_EXIT_USAGE;
	}
	if (reference && (all || pair || only || kan_flag(a, "text"))) {
		kan_say("--reference is about one bundle's image, and takes no other word");
		return KAN_EXIT_USAGE;
	}
	if (!reference && kan_arg(a, "max-bytes")) {
		kan_say("--max-bytes is about a --reference");
		return KAN_EXIT_USAGE;
	}
	if (all && a->n_words) {
		kan_say("--all takes every bundle of the home: name none");
		return KAN_EXIT_USAGE;
	}
	if (reference)
		return kan_compare_reference_run(a, reference);
	if (all)
		return kan_compare_all_run(a, all);
	return pair ? kan_compare_pair_run(a, a->words[0], a->words[1]) : image(a, words);
}

extern const struct kan_command kan_cmd_compare;
const struct kan_command kan_cmd_compare = {
	.name = "compare",
	.args = "[OPTIONS] [BUNDLE [BUNDLE]]",
	.summary = "what differs from the image, from another bundle, or from all of an image",
	.options = options,
	.max_words = 2,
	.run = compare,
};
