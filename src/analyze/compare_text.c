/* Text differences of changed files. Both tars are read once: the image's side is kept, each file
 * of the container's is compared when it goes by. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/compare.h"
#include "analyze/diff.h"
#include "analyze/mask.h"
#include "base/escape.h"
#include "base/tar.h"

#define BEFORE "data/filesystem/before.tar"
#define UPPER "data/filesystem/upper.tar"

enum { WORK = 1 << 30, LINE = 8 << 20 };

/* A file that is to be shown. */
struct wanted {
	const struct kan_change_line *line;
	struct kan_bytes before; /* owned by the arena */
	bool have_before, told;
};

struct job {
	struct wanted *v; /* by path */
	size_t n;
	struct kan_texts *out;
	struct kan_arena arena;
	struct kan_buf member; /* the one that goes by */
	struct wanted *now;
	uint64_t work;
	bool upper;
	enum { NO_KEY, SEEMS, BEGUN } in_key[2]; /* of what goes, of what comes */
};

static bool is(const struct kan_change_line *l, const char *word)
{
	return strcmp(kan_change_words[l->word], word) == 0;
}

/* Is there a size on that side: a regular file? Links have one too, and a target. */
static bool wants(const struct kan_change_line *l)
{
	bool type = false;
	for (size_t i = 0; i < l->n_deltas; i++)
		type |= strcmp(l->deltas[i].what, "type") == 0 ||
			strcmp(l->deltas[i].what, "link") == 0;
	return !type && (l->deltas[0].before || l->deltas[0].after) &&
	       (is(l, "added") || is(l, "changed") || is(l, "deleted"));
}

static int by_path(const void *a, const void *b)
{
	return kan_bytes_cmp(((const struct wanted *)a)->line->path,
			     ((const struct wanted *)b)->line->path);
}

/* A member's path is the row's without its first slash. */
static struct wanted *find(const struct job *j, struct kan_bytes member)
{
	size_t low = 0, high = j->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct kan_bytes path = j->v[mid].line->path;
		if (path.n) {
			path.p++;
			path.n--;
		}
		int c = kan_bytes_cmp(path, member);
		if (c == 0)
			return &j->v[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool has(struct kan_bytes line, const char *word)
{
	return memmem(line.p, line.n, word, strlen(word)) != NULL;
}

static bool is_base64(struct kan_bytes line)
{
	size_t n = 0;
	while (n < line.n && (isalnum(line.p[n]) || strchr("+/=\r", line.p[n])) && line.p[n])
		n++;
	return n > 0 && n == line.n;
}

/* A key's lines are told as such, also its last and short one. A line without a mark is of both
 * sides. */
static bool of_key(struct job *j, char mark, struct kan_bytes line)
{
	bool within = false, body = is_base64(line);
	size_t n = 0;
	const char *kind = NULL;
	bool alone = body && kan_mask_find(&n, &kind, line, 0) == 1 && n + 1 >= line.n;
	for (size_t side = 0; side < 2; side++) {
		if (mark == (side ? '-' : '+'))
			continue;
		within |= body && j->in_key[side] != NO_KEY;
		if (has(line, "-----BEGIN ") && has(line, "PRIVATE KEY"))
			j->in_key[side] = BEGUN;
		else if (has(line, "-----END ") || (j->in_key[side] == SEEMS && !body))
			j->in_key[side] = NO_KEY;
		else if (alone && j->in_key[side] == NO_KEY)
			j->in_key[side] = SEEMS;
	}
	return within;
}

/* A line of a file with what is secret in it replaced. */
static void mask(struct kan_buf *out, struct job *j, char mark, struct kan_bytes line)
{
	if (mark == '@')
		j->in_key[0] = j->in_key[1] = NO_KEY;
	if (mark == '@' || mark == '\\')
		kan_buf_addb(out, line);
	else if (of_key(j, mark, line))
		kan_mask_value(out, "private key", line);
	else
		(void)kan_mask_text(out, line);
}

/* A tab is no harm, and text is full of them; all else that a terminal acts on is made visible. */
static void put_line(char mark, struct kan_bytes line, void *arg)
{
	struct kan_buf *out = &((struct job *)arg)->out->text;
	kan_auto_buf struct kan_buf masked = KAN_BUF(LINE);
	mask(&masked, arg, mark, line);
	line = kan_buf_bytes(&masked);
	if (mark != '@')
		kan_buf_addc(out, mark);
	if (mark == '\\')
		kan_buf_addc(out, ' ');
	while (line.n) {
		const uint8_t *tab = memchr(line.p, '\t', line.n);
		size_t n = tab ? (size_t)(tab - line.p) : line.n;
		kan_escape_terminal(out, (struct kan_bytes){line.p, n});
		if (tab)
			kan_buf_addc(out, '\t');
		line.p += n + (tab != NULL);
		line.n -= n + (tab != NULL);
	}
	kan_buf_addc(out, '\n');
}

static void put_names(struct job *j, const struct wanted *w)
{
	struct kan_buf *out = &j->out->text;
	kan_buf_adds(out, is(w->line, "added") ? "--- /dev/null" : "--- image:");
	if (!is(w->line, "added"))
		kan_escape_terminal(out, w->line->path);
	kan_buf_adds(out, is(w->line, "deleted") ? "\n+++ /dev/null" : "\n+++ container:");
	if (!is(w->line, "deleted"))
		kan_escape_terminal(out, w->line->path);
	kan_buf_addc(out, '\n');
}

/* What no longer fits is taken back whole. */
static void end_of(struct job *j, size_t at)
{
	j->out->shown += !j->out->text.failed;
	j->out->left_out += j->out->text.failed;
	if (j->out->text.failed)
		j->out->text.len = at;
	j->out->text.failed = false;
}

static void say(struct job *j, struct wanted *w, const char *what)
{
	size_t at = j->out->text.len;
	w->told = true;
	kan_escape_terminal(&j->out->text, w->line->path);
	kan_buf_addf(&j->out->text, ": %s\n", what);
	end_of(j, at);
}

static void show(struct job *j, struct wanted *w, struct kan_bytes after)
{
	size_t at = j->out->text.len;
	if (!w->have_before && !is(w->line, "added")) {
		say(j, w, "the image's version is not in the bundle");
		return;
	}
	if (!kan_diff_is_text(w->before) || !kan_diff_is_text(after)) {
		say(j, w, "binary");
		return;
	}
	w->told = true;
	put_names(j, w);
	(void)kan_diff(w->before, after, &j->work, put_line, j);
	if (!j->work)
		put_line('\\',
			 KAN_LIT("The limit of comparisons is reached: lines are told as replaced"),
			 j);
	end_of(j, at);
}

/* All of the one that went by. */
static void ended(struct job *j)
{
	struct wanted *w = j->now;
	j->now = NULL;
	if (!w || j->member.failed)
		return;
	struct kan_bytes content = kan_buf_bytes(&j->member);
	if (j->upper) {
		show(j, w, content);
		return;
	}
	w->have_before = kan_arena_keep(&j->arena, &content);
	w->before = content;
}

static int on_member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	(void)err;
	ended(j);
	kan_buf_reset(&j->member);
	struct wanted *w = S_ISREG(m->mode) && !m->hardlink.n ? find(j, m->path) : NULL;
	if (!w)
		return 1;
	if (m->size > KAN_TEXT_FILE) {
		say(j, w, "too large to be shown as text");
		return 1;
	}
	j->now = w;
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	(void)err;
	kan_buf_addb(&j->member, piece);
	return 0;
}

static int pass(struct job *j, const struct kan_source *s, const char *path, struct kan_err *err)
{
	const struct kan_tar_visit v = {
		.max_members = UINT32_MAX, .member = on_member, .data = on_data, .arg = j};
	if (!kan_source_has(s, path))
		return 0;
	int rc = kan_source_tar(s, path, &v, err);
	ended(j);
	return rc;
}

static void deleted_and_lost(struct job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct wanted *w = &j->v[i];
		if (w->told)
			continue;
		if (is(w->line, "deleted") && w->have_before)
			show(j, w, (struct kan_bytes){NULL, 0});
		else if (is(w->line, "deleted"))
			say(j, w, "the image's version is not in the bundle");
		else
			say(j, w, "its bytes are not in upper.tar by this name");
	}
}

int kan_compare_text(struct kan_texts *out, const struct kan_compared *c,
		     const struct kan_source *s, struct kan_err *err)
{
	struct kan_texts t = {.text = KAN_BUF(KAN_TEXT_OUT)};
	struct job j = {.out = &t,
			.arena = {.max = KAN_TEXT_BEFORE + (1 << 20)},
			.member = KAN_BUF(KAN_TEXT_FILE),
			.work = WORK};
	j.v = kan_xrealloc(NULL, c->n + 1, sizeof *j.v);
	for (size_t i = 0; i < c->n; i++)
		if (wants(&c->lines[i]))
			j.v[j.n++] = (struct wanted){.line = &c->lines[i]};
	if (j.n)
		qsort(j.v, j.n, sizeof *j.v, by_path);
	int rc = pass(&j, s, BEFORE, err);
	j.upper = true;
	if (rc == 0)
		rc = pass(&j, s, UPPER, err);
	if (rc == 0)
		deleted_and_lost(&j);
	kan_buf_free(&j.member);
	kan_arena_free(&j.arena);
	free(j.v);
	if (rc < 0)
		kan_buf_free(&t.text);
	else
		*out = t;
	return rc;
}
