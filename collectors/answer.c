/* Stores an answer of the engine: raw bytes first. */
#include "collectors/answer.h"

#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 4096 };

/* Brackets and quotes as they come: enough to see an answer that was cut, without holding it. */
struct shape {
	unsigned depth;
	bool string, escape, broken;
};

struct store {
	struct kan_artefact *artefact;
	struct shape shape;
	struct kan_buf head; /* for the engine's words of an error */
	struct kan_err err;
	uint64_t octets;
};

static void look(struct shape *s, uint8_t c)
{
	if (s->escape)
		s->escape = false;
	else if (c == '"')
		s->string = !s->string;
	else if (s->string)
		s->escape = c == '\\';
	else if (c == '{' || c == '[')
		s->depth++;
	else if ((c == '}' || c == ']') && s->depth-- == 0)
		s->broken = true;
}

static int on_piece(struct kan_bytes piece, void *arg)
{
	struct store *s = arg;
	size_t room = s->head.max - s->head.len;
	kan_buf_add(&s->head, piece.p, piece.n < room ? piece.n : room);
	for (size_t i = 0; i < piece.n; i++)
		look(&s->shape, piece.p[i]);
	s->octets += piece.n;
	return kan_artefact_write(s->artefact, piece.p, piece.n, &s->err);
}

static void words(char *out, size_t n, const struct kan_buf *body)
{
	json_t *doc = NULL;
	const char *message = NULL;
	if (kan_engine_parse(&doc, kan_buf_bytes(body), NULL) == 0)
		message = json_string_value(json_object_get(doc, "message"));
	(void)snprintf(out, n, "%s", message ? message : "no words");
	json_decref(doc);
}

static void refused(struct kan_sink *sink, const char *name, int status, const struct kan_buf *body)
{
	char said[256];
	enum kan_gap gap = status == 404                    ? KAN_GAP_VANISHED
			   : status == 401 || status == 403 ? KAN_GAP_DENIED
							    : KAN_GAP_UNSUPPORTED;
	words(said, sizeof(said), body);
	kan_sink_gap(sink, kan_bytes_of(name), gap, "the engine says %d: %s", status, said);
}

static bool is_json(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && strcmp(name + n - 5, ".json") == 0;
}

/* Of no event there is no octet. */
static bool is_stream(const char *name)
{
	return strcmp(name, "events.json") == 0;
}

/* Anything that does not begin like JSON, or ends within it, is malformed; the bytes stay. */
static bool looks_like_json(const struct kan_buf *head, const struct shape *s)
{
	size_t i = 0;
	if (s->broken || s->string || s->depth)
		return false;
	while (i < head->len &&
	       (head->data[i] == ' ' || head->data[i] == '\n' || head->data[i] == '\r'))
		i++;
	return i < head->len &&
	       (head->data[i] == '{' || head->data[i] == '[' || head->data[i] == 'n');
}

int kan_answer_store(struct kan_engine *e, struct kan_sink *sink, const char *path,
		     const char *name, struct kan_err *err)
{
	return kan_answer_store_max(e, sink, path, name, KAN_ENGINE_ANSWER_MAX, err);
}

int kan_answer_store_max(struct kan_engine *e, struct kan_sink *sink, const char *path,
			 const char *name, uint64_t max, struct kan_err *err)
{
	struct kan_err why = {0};
	int status = 0;
	kan_auto_buf struct kan_buf head = KAN_BUF(WORDS_MAX);
	struct store s = {.head = head};
	if (kan_sink_open(&s.artefact, sink, name, err) < 0)
		return -1;
	int rc = kan_engine_get(&status, e, path, max, on_piece, &s, &why);
	head = s.head;
	if (s.err.code != KAN_OK) {
		if (err)
			*err = s.err;
		kan_artefact_abandon(s.artefact);
		return -1;
	}
	if (rc < 0) {
		kan_sink_gap_err(sink, kan_bytes_of(name), &why);
		kan_artefact_abandon(s.artefact);
		return 0;
	}
	if (status != 200)
		refused(sink, name, status, &head);
	else if (is_json(name) && !looks_like_json(&head, &s.shape) &&
		 (s.octets || !is_stream(name)))
		kan_sink_gap(sink, kan_bytes_of(name), KAN_GAP_MALFORMED,
			     "the answer is no JSON; its bytes are kept");
	return kan_artefact_close(s.artefact, err);
}
