/* Artefacts as they stream by: raw bytes first, and what may have an indicator is parsed. */
#include "analyze/hunt.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/hunt_part.h"
#include "base/digest.h"
#include "base/row.h"

enum { OVERLAP = 2 * KAN_IOC_LONGEST, DOC_DEPTH = 32, FEW = 4 << 10 };

enum form { FORM_NONE, FORM_ROWS, FORM_DOCUMENT, FORM_TEXT };

struct scan {
	struct kan_hunt_at at;
	enum form form;
	struct kan_buf rest; /* of a line whose end has not come */
	uint64_t line;
	uint64_t no_row; /* the first that could not be parsed */
};

void kan_hunt_begin(struct kan_hunt *h, const struct kan_iocs *iocs,
		    const struct kan_ioc_sieve *sieve)
{
	*h = (struct kan_hunt){.iocs = iocs,
			       .sieve = sieve,
			       .found = kan_xalloc((iocs->n + 1) * sizeof *h->found),
			       .hits = json_array(),
			       .faults = json_array()};
}

void kan_hunt_end(struct kan_hunt *h)
{
	free(h->found);
	json_decref(h->hits);
	json_decref(h->faults);
	*h = (struct kan_hunt){0};
}

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), k = strlen(with);
	return n > k && strcmp(path + n - k, with) == 0;
}

/* The journal and the manifests repeat digests that are found where they belong. */
static enum form form_of(const char *path)
{
	if (strcmp(path, "gaps.ndjson") == 0)
		return FORM_ROWS;
	if (strcmp(path, "capture.json") == 0)
		return FORM_DOCUMENT;
	if (strncmp(path, "data/", 5) != 0)
		return FORM_NONE;
	if (ends(path, ".ndjson"))
		return FORM_ROWS;
	if (ends(path, ".json"))
		return FORM_DOCUMENT;
	bool packed = ends(path, ".tar") || ends(path, ".gz") || strstr(path, "/content/");
	return packed || strncmp(path, "data/memory/", 12) == 0 ? FORM_NONE : FORM_TEXT;
}

static bool parsed(json_t **out, const struct scan *s, struct kan_bytes line)
{
	if (!line.n || (*line.p != '{' && *line.p != '['))
		return false;
	if (s->form == FORM_ROWS)
		return kan_row_parse(out, line, NULL) == 0;
	return kan_json_parse(out, line, KAN_HUNT_DOC, DOC_DEPTH, NULL) == 0;
}

/* A row that is none is looked at as text: it is evidence all the same. */
static void on_line(struct scan *s, struct kan_bytes line)
{
	json_t *row = NULL;
	if (!kan_ioc_sieve_may(s->at.h->sieve, line))
		return;
	s->at.row = s->line;
	if (!parsed(&row, s, line)) {
		bool meant = s->form != FORM_TEXT && (*line.p == '{' || *line.p == '[');
		s->no_row = meant && !s->no_row ? s->line : s->no_row;
		kan_hunt_text(&s->at, line);
		return;
	}
	s->at.object = s->form == FORM_ROWS ? row : NULL;
	kan_hunt_value(&s->at, row);
	s->at.object = NULL;
	json_decref(row);
}

/* The header of rows tells nothing of the container. */
static void next_line(struct scan *s, struct kan_bytes line)
{
	s->line++;
	if (s->line > 1 || s->form != FORM_ROWS)
		on_line(s, line);
}

static void count_lines(struct scan *s, struct kan_bytes lines)
{
	for (const uint8_t *lf = NULL; lines.n && (lf = memchr(lines.p, '\n', lines.n));) {
		s->line++;
		lines.n -= (size_t)(lf + 1 - lines.p);
		lines.p = lf + 1;
	}
}

static void each_line(struct scan *s, struct kan_bytes lines)
{
	for (const uint8_t *lf = NULL; lines.n && (lf = memchr(lines.p, '\n', lines.n));) {
		next_line(s, (struct kan_bytes){lines.p, (size_t)(lf - lines.p)});
		lines.n -= (size_t)(lf + 1 - lines.p);
		lines.p = lf + 1;
	}
}

/* Where the sieve lets something pass, the halves are asked again: few lines are looked at one by
 * one. */
static void on_lines(struct scan *s, struct kan_bytes lines)
{
	const uint8_t *lf = lines.n > FEW ? memrchr(lines.p, '\n', lines.n / 2) : NULL;
	if (!kan_ioc_sieve_may(s->at.h->sieve, lines)) {
		count_lines(s, lines);
		return;
	}
	if (!lf) {
		each_line(s, lines);
		return;
	}
	size_t half = (size_t)(lf + 1 - lines.p);
	on_lines(s, (struct kan_bytes){lines.p, half});
	on_lines(s, (struct kan_bytes){lines.p + half, lines.n - half});
}

/* A line without an end is looked at piece by piece, and what may go over a border twice. */
static void cut_line(struct scan *s)
{
	s->line++;
	on_line(s, kan_buf_bytes(&s->rest));
	s->line--;
	memmove(s->rest.data, s->rest.data + s->rest.len - OVERLAP, OVERLAP);
	s->rest.len = OVERLAP;
}

static void keep_rest(struct scan *s, struct kan_bytes piece)
{
	while (piece.n) {
		size_t room = KAN_HUNT_LINE - s->rest.len, n = piece.n < room ? piece.n : room;
		kan_buf_add(&s->rest, piece.p, n);
		piece.p += n;
		piece.n -= n;
		if (s->rest.len == KAN_HUNT_LINE)
			cut_line(s);
	}
}

static int on_piece(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct scan *s = arg;
	const uint8_t *first = memchr(piece.p, '\n', piece.n);
	(void)err;
	if (!first) {
		keep_rest(s, piece);
		return 0;
	}
	if (s->rest.len) {
		keep_rest(s, (struct kan_bytes){piece.p, (size_t)(first - piece.p)});
		next_line(s, kan_buf_bytes(&s->rest));
		kan_buf_reset(&s->rest);
		piece.n -= (size_t)(first + 1 - piece.p);
		piece.p = first + 1;
	}
	const uint8_t *last = piece.n ? memrchr(piece.p, '\n', piece.n) : NULL;
	size_t n = last ? (size_t)(last + 1 - piece.p) : 0;
	on_lines(s, (struct kan_bytes){piece.p, n});
	keep_rest(s, (struct kan_bytes){piece.p + n, piece.n - n});
	return 0;
}

static int lines_of(struct scan *s, const struct kan_bundle *b, struct kan_err *err)
{
	if (kan_bundle_stream(b, s->at.file->path, on_piece, s, err) < 0)
		return -1;
	if (s->rest.len)
		next_line(s, kan_buf_bytes(&s->rest));
	return 0;
}

/* One document; or a line each, as an engine sends its events. */
static int document(struct scan *s, const struct kan_bundle *b, struct kan_err *err)
{
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_HUNT_DOC);
	if (s->at.file->size > KAN_HUNT_DOC)
		return lines_of(s, b, err);
	if (kan_bundle_read(&text, b, s->at.file->path, err) < 0)
		return -1;
	if (!kan_ioc_sieve_may(s->at.h->sieve, kan_buf_bytes(&text)))
		return 0;
	if (!parsed(&doc, s, kan_buf_bytes(&text))) {
		if (on_piece(kan_buf_bytes(&text), s, err) < 0)
			return -1;
		if (s->rest.len)
			next_line(s, kan_buf_bytes(&s->rest));
		return 0;
	}
	kan_hunt_value(&s->at, doc);
	json_decref(doc);
	return 0;
}

static void add_fault(struct kan_hunt *h, const char *path, const struct kan_err *why)
{
	json_t *o = json_pack("{s:s,s:b}", "artefact", path, "altered", why->code == KAN_ETAMPER);
	kan_json_set_bytes(o, "why", kan_bytes_of(why->text));
	if (json_array_size(h->faults) < KAN_HUNT_FAULTS)
		json_array_append(h->faults, o);
	json_decref(o);
}

static void search(struct kan_hunt *h, const struct kan_bundle *b, const struct kan_bundle_file *f)
{
	struct kan_err why = {0};
	size_t size = (h->iocs->n + 1) * sizeof *h->found;
	struct scan s = {.form = form_of(f->path), .rest = KAN_BUF(KAN_HUNT_LINE)};
	kan_auto_free uint64_t *found = kan_xalloc(size), *last = kan_xalloc(size);
	memcpy(found, h->found, size);
	s.at = (struct kan_hunt_at){.h = h, .hits = json_array(), .file = f};
	s.at.found = found;
	s.at.last = last;
	s.at.hidden = strcmp(f->path, "data/processes/environ.ndjson") == 0;
	int rc = s.form == FORM_DOCUMENT ? document(&s, b, &why) : lines_of(&s, b, &why);
	if (rc == 0) {
		memcpy(h->found, found, size);
		json_array_extend(h->hits, s.at.hits);
		h->searched++;
		h->octets += f->size;
	} else {
		add_fault(h, f->path, &why);
	}
	if (rc == 0 && s.no_row) {
		(void)kan_fail(&why, KAN_EFORMAT,
			       "line %llu cannot be parsed, and was searched as text",
			       (unsigned long long)s.no_row);
		add_fault(h, f->path, &why);
	}
	json_decref(s.at.hits);
	kan_buf_free(&s.rest);
}

/* What a manifest says an artefact is needs no look at the artefact. */
static void by_digest(struct kan_hunt *h, const struct kan_bundle_file *f)
{
	for (size_t i = 0; i < h->iocs->n; i++) {
		const struct kan_ioc *ioc = &h->iocs->v[i];
		if (ioc->kind != KAN_IOC_DIGEST || strcmp(ioc->digest, f->sha256) != 0 ||
		    h->found[i]++ >= KAN_HUNT_HITS)
			continue;
		json_array_append_new(h->hits, json_pack("{s:I,s:s,s:s,s:s}", "ioc", (json_int_t)i,
							 "artefact", f->path, "sha256", f->sha256,
							 "where", "the artefact itself"));
	}
}

void kan_hunt_bundle(struct kan_hunt *h, const struct kan_bundle *b)
{
	for (size_t i = 0; i < kan_bundle_count(b) && h->iocs->rows; i++) {
		const struct kan_bundle_file *f = kan_bundle_file(b, i);
		by_digest(h, f);
		if (form_of(f->path) != FORM_NONE) {
			search(h, b, f);
		} else if (strncmp(f->path, "data/", 5) == 0) {
			h->not_text++;
			h->not_text_octets += f->size;
		}
	}
}

/* Which version of the rule it was that found it. */
static void set_version(json_t *hit, const json_t *document, const char *id)
{
	size_t i = 0;
	json_t *r = NULL;
	json_array_foreach (json_object_get(document, "rules"), i, r) {
		if (strcmp(kan_json_str(r, "id"), id) != 0)
			continue;
		if (json_is_integer(json_object_get(r, "version")))
			json_object_set(hit, "rule_version", json_object_get(r, "version"));
		if (kan_is_sha256_hex(kan_json_str(r, "sha256")))
			json_object_set(hit, "rule_sha256", json_object_get(r, "sha256"));
	}
}

static void one_finding(struct kan_hunt *h, const json_t *document, const json_t *f,
			const char *source)
{
	for (size_t i = 0; i < h->iocs->n; i++) {
		const struct kan_ioc *ioc = &h->iocs->v[i];
		if (ioc->kind != KAN_IOC_RULE || strcmp(ioc->word, kan_json_str(f, "rule")) != 0 ||
		    h->found[i]++ >= KAN_HUNT_HITS)
			continue;
		const json_t *first = json_array_get(json_object_get(f, "evidence"), 0);
		json_t *hit = json_pack("{s:I,s:s}", "ioc", (json_int_t)i, "source", source);
		kan_hunt_set(hit, "finding", kan_bytes_of(kan_json_str(f, "id")));
		kan_hunt_set(hit, "severity", kan_bytes_of(kan_json_str(f, "severity")));
		kan_hunt_set(hit, "says", kan_bytes_of(kan_json_str(f, "says")));
		if (*kan_json_str(first, "artefact"))
			kan_hunt_set(hit, "artefact",
				     kan_bytes_of(kan_json_str(first, "artefact")));
		if (json_is_integer(json_object_get(first, "row")))
			json_object_set(hit, "row", json_object_get(first, "row"));
		set_version(hit, document, ioc->word);
		json_array_append_new(h->hits, hit);
	}
}

void kan_hunt_findings(struct kan_hunt *h, const json_t *document, const char *source)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(document, "findings"), i, f)
		one_finding(h, document, f, source);
	json_array_foreach (json_object_get(document, "suppressed"), i, f)
		one_finding(h, document, json_object_get(f, "finding"), source);
}
