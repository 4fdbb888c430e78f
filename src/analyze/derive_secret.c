/* Secrets as rows: where each lies, never what it is. The same tag is the same secret. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/kinds.h"
#include "analyze/mask.h"
#include "base/digest.h"

enum { SECRETS_MAX = 1000, TEXT_MAX = 1 << 20, TAG_TEXT = 16, FIRST_LINE = 2, TOOL_WORDS = 8 };

const struct kan_column kan_secret_columns[] = {
	WORD("what", "password, token, secret, key, private key, password hash, credentials file"),
	BYTES("name", "of the variable; of a file its path"),
	WORD("where", "environment, argument, configuration, history, layer, ghost"),
	INT("pid", "of an environment or an argument"),
	WORD("layer", "of a file"),
	BYTES("shown", "kind, length and at most its first four octets"),
	WORD("tag", "s1, s2, ...: the same tag is the same secret"),
	END,
};
const char *const kan_secret_identity[] = {"what",  "name",  "where", "pid",
					   "layer", "shown", "tag",   NULL};

/* One of each value, and of each place. */
struct met {
	uint8_t value[KAN_SHA256_SIZE], place[KAN_SHA256_SIZE];
	unsigned tag;
};
struct hunt {
	const struct kan_facts *f;
	kan_derive_row_fn *fn;
	void *arg;
	struct met *met;
	size_t n;
	unsigned tags;
};

/* What is to be told of one. */
struct find {
	const char *what, *where;
	struct kan_bytes name, value;
	struct kan_bytes tool; /* of an argument */
	int64_t pid;
	const char *layer;
	int64_t size; /* of a file, whose value is its digest: that is not shown */
};

static void place_of(uint8_t digest[KAN_SHA256_SIZE], const struct find *d)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_MAX);
	kan_buf_addf(&text, "%s %s ", d->where, d->layer ? d->layer : "");
	kan_buf_addb(&text, d->name);
	kan_sha256(digest, kan_buf_bytes(&text));
}

/* The tag of a value; 0: it was told of this place before, or there are too many. */
static unsigned tag_of(struct hunt *h, const struct find *d)
{
	struct met now = {.tag = 0};
	kan_sha256(now.value, d->value);
	place_of(now.place, d);
	for (size_t i = 0; i < h->n; i++) {
		if (memcmp(h->met[i].value, now.value, KAN_SHA256_SIZE) != 0)
			continue;
		if (memcmp(h->met[i].place, now.place, KAN_SHA256_SIZE) == 0)
			return 0;
		now.tag = h->met[i].tag;
	}
	if (h->n == SECRETS_MAX)
		return 0;
	now.tag = now.tag ? now.tag : ++h->tags;
	if ((h->n & (h->n - 1)) == 0)
		h->met = kan_xrealloc(h->met, h->n ? h->n * 2 : 1, sizeof *h->met);
	h->met[h->n++] = now;
	return now.tag;
}

static int tell(struct hunt *h, const struct find *d, struct kan_err *err)
{
	char tag[TAG_TEXT];
	kan_auto_buf struct kan_buf shown = KAN_BUF(TEXT_MAX), name = KAN_BUF(2 * TEXT_MAX);
	unsigned number = d->value.n ? tag_of(h, d) : 0;
	if (!number)
		return 0;
	(void)snprintf(tag, sizeof tag, "s%u", number);
	json_t *row = json_pack("{s:s,s:s,s:s}", "what", d->what, "where", d->where, "tag", tag);
	(void)kan_mask_argument(&name, d->tool, (struct kan_bytes){0}, d->name);
	kan_json_set_bytes(row, "name", kan_buf_bytes(&name));
	if (d->layer)
		kan_buf_addf(&shown, "[%s, %" PRId64 " bytes]", d->what, d->size);
	else
		kan_mask_value(&shown, d->what, d->value);
	kan_json_set_bytes(row, "shown", kan_buf_bytes(&shown));
	if (d->pid)
		json_object_set_new(row, "pid", json_integer(d->pid));
	if (d->layer)
		json_object_set_new(row, "layer", json_string(d->layer));
	int rc = h->fn(row, h->n - 1 + FIRST_LINE, h->arg, err);
	json_decref(row);
	return rc;
}

static int on_variable(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf name = KAN_BUF(TEXT_MAX), value = KAN_BUF(TEXT_MAX);
	struct kan_err ignored = {0};
	(void)line;
	if (kan_json_bytes(&name, row, "name", &ignored) < 0 ||
	    kan_json_bytes(&value, row, "value", &ignored) < 0)
		return 0;
	const char *what = kan_mask_name(kan_buf_bytes(&name));
	const struct find d = {.what = what,
			       .where = "environment",
			       .name = kan_buf_bytes(&name),
			       .value = kan_buf_bytes(&value),
			       .pid = kan_get_int(row, "pid", 0)};
	return what ? tell(arg, &d, err) : 0;
}

/* NAME=value, as a configuration has it. */
static int variable(struct hunt *h, const char *text, struct kan_err *err)
{
	const char *eq = strchr(text, '=');
	if (!eq)
		return 0;
	struct kan_bytes name = {(const uint8_t *)text, (size_t)(eq - text)};
	const char *what = kan_mask_name(name);
	const struct find d = {.what = what,
			       .where = "configuration",
			       .name = name,
			       .value = kan_bytes_of(eq + 1)};
	return what ? tell(h, &d, err) : 0;
}

static int configurations(struct hunt *h, struct kan_err *err)
{
	const json_t *const all[] = {h->f->inspect, h->f->image_inspect};
	for (size_t i = 0; i < 2; i++) {
		size_t k = 0;
		json_t *v = NULL;
		const json_t *env = json_object_get(json_object_get(all[i], "Config"), "Env");
		json_array_foreach ((json_t *)(uintptr_t)env, k, v)
			if (json_is_string(v) && variable(h, json_string_value(v), err) < 0)
				return -1;
	}
	return 0;
}

/* The first secret of a text: where it is, and of which kind. */
static int text(struct hunt *h, struct find *d, struct kan_bytes line, struct kan_err *err)
{
	for (size_t at = 0; at < line.n;) {
		size_t n = 0;
		const char *kind = NULL;
		size_t from = kan_mask_find(&n, &kind, line, at);
		if (!from)
			break;
		d->what = kind;
		d->value = (struct kan_bytes){line.p + from - 1, n};
		if (tell(h, d, err) < 0)
			return -1;
		at = from - 1 + n;
	}
	return 0;
}

static int history(struct hunt *h, struct kan_err *err)
{
	json_t *steps = kan_image_history(h->f), *step = NULL;
	size_t i = 0;
	int rc = 0;
	json_array_foreach (steps, i, step) {
		struct find d = {.where = "history", .name = KAN_LIT("a step of the build")};
		if (rc == 0)
			rc = text(h, &d, kan_bytes_of(json_string_value(step)), err);
	}
	json_decref(steps);
	return rc;
}

static int on_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	size_t i = 0;
	json_t *word = NULL;
	const json_t *argv = json_object_get(row, "argv");
	struct kan_bytes before = {0}, tool = {0};
	(void)line;
	json_array_foreach ((json_t *)(uintptr_t)argv, i, word) {
		size_t n = 0;
		struct kan_bytes v = kan_bytes_of(json_string_value(word));
		struct find d = {.where = "argument",
				 .name = before.n && before.p[0] == '-' ? before
									: KAN_LIT("an argument"),
				 .tool = tool,
				 .pid = kan_get_int(row, "pid", 0)};
		size_t from = kan_mask_argument_at(&n, &d.what, tool, before, v);
		if (from)
			d.value = (struct kan_bytes){v.p + from - 1, n};
		if (from ? tell(arg, &d, err) < 0 : text(arg, &d, v, err) < 0)
			return -1;
		before = v;
		tool = i < TOOL_WORDS && kan_mask_is_tool(v) ? v : tool;
	}
	return 0;
}

static bool ends(struct kan_bytes path, const char *end)
{
	size_t n = strlen(end);
	return path.n >= n && memcmp(path.p + path.n - n, end, n) == 0;
}

/* By name and place; what is in it is not looked at. */
static const char *file_kind(struct kan_bytes path)
{
	static const char *const known[][2] = {{"/id_rsa", "private key"},
					       {"/id_ed25519", "private key"},
					       {"/id_ecdsa", "private key"},
					       {"/id_dsa", "private key"},
					       {"/.aws/credentials", "credentials file"},
					       {"/.docker/config.json", "credentials file"},
					       {"/.kube/config", "credentials file"},
					       {"/.netrc", "credentials file"},
					       {"/.git-credentials", "credentials file"},
					       {"/.pgpass", "credentials file"},
					       {"/.npmrc", "credentials file"},
					       {"/.pypirc", "credentials file"},
					       {"/.vault-token", "credentials file"},
					       {".keytab", "private key"},
					       {".p12", "private key"},
					       {".pfx", "private key"}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (ends(path, known[i][0]))
			return known[i][1];
	return NULL;
}

struct layered {
	struct hunt *h;
	const char *where;
};

static int on_file(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const struct layered *l = arg;
	kan_auto_buf struct kan_buf path = KAN_BUF(TEXT_MAX);
	struct kan_err ignored = {0};
	(void)line;
	if (strcmp(kan_json_str(row, "type"), "file") != 0 || kan_get_int(row, "size", 0) == 0 ||
	    kan_json_bytes(&path, row, "path", &ignored) < 0)
		return 0;
	struct find d = {.what = file_kind(kan_buf_bytes(&path)),
			 .where = l->where,
			 .name = kan_buf_bytes(&path),
			 .value = kan_bytes_of(kan_json_str(row, "sha256")),
			 .size = kan_get_int(row, "size", 0)};
	const json_t *layer = json_object_get(row, "layer");
	char number[TAG_TEXT];
	(void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(layer));
	d.layer = json_is_integer(layer) ? number : json_string_value(layer);
	return d.what ? tell(l->h, &d, err) : 0;
}

/* Of an image's files nearly none is asked for: a line whose path does not end so is not parsed. */
struct sieving {
	struct kan_buf line;
	json_t *found; /* {"row", "line"} */
	uint64_t number;
};

static bool wanted(struct kan_bytes line)
{
	static const char key[] = "\"path\":\"";
	const uint8_t *at = memmem(line.p, line.n, key, sizeof key - 1);
	const uint8_t *end = line.p + line.n;
	if (!at)
		return false;
	const uint8_t *from = at += sizeof key - 1;
	while (at < end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < end && file_kind((struct kan_bytes){from, (size_t)(at - from)});
}

static void take_line(struct sieving *s)
{
	json_t *row = NULL;
	struct kan_err ignored = {0}; /* a row that is none is told by who reads them all */
	s->number++;
	if (wanted(kan_buf_bytes(&s->line)) &&
	    kan_row_parse(&row, kan_buf_bytes(&s->line), &ignored) == 0)
		json_array_append_new(s->found, json_pack("{s:o,s:I}", "row", row, "line",
							  (json_int_t)s->number));
	kan_buf_reset(&s->line);
}

static int on_piece(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct sieving *s = arg;
	(void)err;
	while (piece.n) {
		const uint8_t *lf = memchr(piece.p, '\n', piece.n);
		size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
		kan_buf_add(&s->line, piece.p, n);
		if (lf)
			take_line(s);
		piece.p += n + (lf != NULL);
		piece.n -= n + (lf != NULL);
	}
	return 0;
}

/* Rows are told when all bytes are known to be those that were sealed. */
static int files(struct hunt *h, const char *artefact, struct layered *layer, struct kan_err *err)
{
	struct sieving s = {.line = KAN_BUF(KAN_ROW_MAX), .found = json_array()};
	size_t i = 0;
	json_t *one = NULL;
	int rc = kan_source_has(h->f->source, artefact)
			 ? kan_source_stream(h->f->source, artefact, on_piece, &s, err)
			 : 0;
	for (; rc == 0 && (one = json_array_get(s.found, i)); i++)
		rc = on_file(json_object_get(one, "row"), (uint64_t)kan_json_int(one, "line"),
			     layer, err);
	kan_buf_free(&s.line);
	json_decref(s.found);
	return rc;
}

static int rows(struct hunt *h, const char *artefact, kan_derive_row_fn *fn, void *arg,
		struct kan_err *err)
{
	return kan_source_has(h->f->source, artefact)
		       ? kan_source_rows(h->f->source, artefact, fn, arg, err)
		       : 0;
}

int kan_derive_secret(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		      struct kan_err *err)
{
	struct hunt h = {.f = f, .fn = fn, .arg = arg};
	struct layered layer = {&h, "layer"}, ghost = {&h, "ghost"};
	int rc = rows(&h, "data/processes/environ.ndjson", on_variable, &h, err);
	if (rc == 0)
		rc = rows(&h, "data/processes/processes.ndjson", on_process, &h, err);
	if (rc == 0)
		rc = configurations(&h, err);
	if (rc == 0)
		rc = history(&h, err);
	if (rc == 0)
		rc = files(&h, "data/image/baseline.ndjson", &layer, err);
	if (rc == 0)
		rc = files(&h, "data/image/ghosts.ndjson", &ghost, err);
	free(h.met);
	return rc;
}
