/* doc.image: what the image is, how it was built, and what lies in its layers. */
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/mask.h"
#include "analyze/object.h"
#include "base/clock.h"

#define LAYERS "data/image/layers.ndjson"
#define CONFIG "data/image/config.json"
#define HISTORY "data/engine/image-history.json"

enum { NS_PER_S = 1000000000, TEXT_MAX = 2 << 20 };

/* Text of a configuration, its secrets masked. */
static void masked(json_t *o, const char *key, struct kan_bytes before, struct kan_bytes text)
{
	kan_auto_buf struct kan_buf safe = KAN_BUF(TEXT_MAX);
	(void)kan_mask_argument(&safe, (struct kan_bytes){0}, before, text);
	kan_object_bytes(o, key, kan_buf_bytes(&safe));
}

static void text(json_t *o, const char *key, const json_t *from, const char *name)
{
	const json_t *v = json_object_get(from, name);
	if (json_is_string(v) && json_string_length(v))
		masked(o, key, (struct kan_bytes){0}, kan_bytes_of(json_string_value(v)));
}

/* Words one by one: {"value"}, so that each has its twin. */
static void words(json_t *o, const char *key, const json_t *from)
{
	json_t *list = json_array(), *v = NULL;
	struct kan_bytes before = {0};
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)from, i, v) {
		if (!json_is_string(v) || i == KAN_LIST_IMAGE)
			break;
		json_t *one = json_object();
		masked(one, "value", before, kan_bytes_of(json_string_value(v)));
		json_array_append_new(list, one);
		before = kan_bytes_of(json_string_value(v));
	}
	json_object_set_new(o, key, list);
}

/* What the image says of itself, by the engine; where there is none, by its own configuration. */
static void identity(json_t *o, const struct kan_facts *f, const json_t *config)
{
	const json_t *engine = f->image_inspect;
	const json_t *own = json_object_get(engine, "Config");
	text(o, "name", json_object_get(f->inspect, "Config"), "Image");
	text(o, "id", engine ? engine : f->inspect, engine ? "Id" : "Image");
	text(o, "created", engine ? engine : config, engine ? "Created" : "created");
	text(o, "architecture", engine ? engine : config, engine ? "Architecture" : "architecture");
	if (!own)
		own = json_object_get(config, "config");
	text(o, "user", own, "User");
	words(o, "digests", json_object_get(engine, "RepoDigests"));
	words(o, "tags", json_object_get(engine, "RepoTags"));
	words(o, "entrypoint", json_object_get(own, "Entrypoint"));
	words(o, "cmd", json_object_get(own, "Cmd"));
	words(o, "env", json_object_get(own, "Env"));
	json_object_set_new(o, "seen", json_boolean(engine || config));
}

struct steps {
	json_t *rows, *layers;
	uint64_t n;
};

static int take_layer(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct steps *s = arg;
	(void)err;
	if (json_is_true(json_object_get(row, "init")) ||
	    !json_is_string(json_object_get(row, "diff_id")) ||
	    json_array_size(s->layers) == KAN_LIST_IMAGE)
		return 0;
	json_t *o =
		json_pack("{s:O,s:I}", "layer", json_object_get(row, "n"), "row", (json_int_t)line);
	kan_object_bytes(o, "diff_id", kan_bytes_of(kan_json_str(row, "diff_id")));
	if (json_is_string(json_object_get(row, "proof")))
		kan_object_bytes(o, "proof", kan_bytes_of(kan_json_str(row, "proof")));
	json_array_append_new(s->layers, o);
	return 0;
}

static void add_step(struct steps *s, json_t *o)
{
	if (s->n++ < KAN_LIST_IMAGE)
		json_array_append_new(s->rows, o);
	else
		json_decref(o);
}

/* Step i of the engine's list, which has the last one first. */
static const json_t *engine_step(const json_t *list, size_t i, size_t n)
{
	return json_array_size(list) == n ? json_array_get(list, n - 1 - i) : NULL;
}

static json_t *step_of(const json_t *own, const json_t *engine)
{
	json_t *o = json_object();
	int64_t ns = 0;
	struct kan_err ignored = {0};
	if (own && kan_rfc3339_parse(&ns, kan_json_str(own, "created"), &ignored) == 0)
		json_object_set_new(o, "created_ns", json_integer(ns));
	else if (!own && kan_get_int(engine, "Created", 0) > 0 &&
		 kan_get_int(engine, "Created", 0) < INT64_MAX / NS_PER_S)
		json_object_set_new(o, "created_ns",
				    json_integer(kan_get_int(engine, "Created", 0) * NS_PER_S));
	text(o, "created_by", own ? own : engine, own ? "created_by" : "CreatedBy");
	text(o, "comment", own ? own : engine, own ? "comment" : "Comment");
	if (json_is_integer(json_object_get(engine, "Size")))
		json_object_set(o, "size", json_object_get(engine, "Size"));
	return o;
}

static size_t made_layers(const json_t *history)
{
	size_t n = 0, i = 0;
	json_t *step = NULL;
	json_array_foreach ((json_t *)(uintptr_t)history, i, step)
		n += !json_is_true(json_object_get(step, "empty_layer"));
	return n;
}

/* A line a step, with the layer that it made. A history that tells of more or fewer layers than
 * there are is not matched with them: it is the builder's word. */
static void with_history(struct steps *s, const json_t *history, const json_t *engine)
{
	size_t n = json_array_size(history), layer = 0;
	bool fits = made_layers(history) == json_array_size(s->layers);
	for (size_t i = 0; !fits && i < json_array_size(s->layers); i++)
		add_step(s, json_copy(json_array_get(s->layers, i)));
	for (size_t i = 0; i < n; i++) {
		const json_t *own = json_array_get(history, i);
		json_t *o = step_of(own, engine_step(engine, i, n));
		if (fits && !json_is_true(json_object_get(own, "empty_layer")))
			json_object_update(o, json_array_get(s->layers, layer++));
		add_step(s, o);
	}
}

static void with_engine(struct steps *s, const json_t *engine)
{
	size_t n = json_array_size(engine);
	for (size_t i = 0; i < json_array_size(s->layers); i++)
		add_step(s, json_copy(json_array_get(s->layers, i)));
	for (size_t i = 0; i < n; i++)
		add_step(s, step_of(NULL, engine_step(engine, i, n)));
}

static json_t *steps(const struct kan_facts *f, const json_t *config)
{
	struct steps s = {json_array(), json_array(), 0};
	struct kan_err ignored = {0}; /* what cannot be read is a gap of its collector */
	json_t *engine = NULL;
	if (kan_source_json(&engine, f->source, HISTORY, KAN_FACTS_DOCUMENT, &ignored) < 0)
		engine = NULL;
	(void)kan_source_rows(f->source, LAYERS, take_layer, &s, &ignored);
	const json_t *history = json_object_get(config, "history");
	if (json_is_array(history))
		with_history(&s, history, engine);
	else
		with_engine(&s, engine);
	json_t *o = kan_listed(s.rows, s.n, LAYERS, f);
	json_object_set_new(o, "layers", json_integer((json_int_t)json_array_size(s.layers)));
	json_object_set_new(o, "history", json_boolean(json_is_array(history) || engine));
	json_decref(engine);
	json_decref(s.rows);
	json_decref(s.layers);
	return o;
}

/* Of all secrets those that come with the image. */
static json_t *secrets(const struct kan_lists *l)
{
	static const char *const places[] = {"configuration", "history", "layer", "ghost"};
	json_t *list = json_array(), *row = NULL;
	size_t i = 0;
	json_array_foreach (l->secrets, i, row)
		for (size_t k = 0; k < sizeof places / sizeof *places; k++)
			if (strcmp(kan_json_str(row, "where"), places[k]) == 0)
				json_array_append(list, row);
	return list;
}

/* Why something of the image is not there. */
static void why(json_t *list, const struct kan_facts *f, const char *collector,
		const char *artefact)
{
	enum kan_coverage c = kan_cover_of(f->cover, f->source, collector, artefact);
	if (c == KAN_COVER_NONE || c == KAN_COVER_CUT)
		json_array_append_new(list, kan_cover_why(f->cover, collector, artefact));
}

/* Were all layers' files compared, with the image's own or a reference's? Nothing named is no
 * answer before. */
static bool compared(const json_t *integrity)
{
	enum { REFERENCE = 1, FILES = 4 };
	size_t i = 0;
	json_t *rung = NULL;
	json_array_foreach (json_object_get(integrity, "rungs"), i, rung) {
		int64_t n = kan_get_int(rung, "rung", 0);
		if ((n == REFERENCE || n == FILES) && kan_get_int(rung, "not_done", 0) == 0 &&
		    kan_get_int(rung, "verified", 0) + kan_get_int(rung, "damaged", 0) > 0)
			return true;
	}
	return false;
}

json_t *kan_image_document(const struct kan_lists *l, const json_t *integrity,
			   const struct kan_facts *f)
{
	static const char *const parts[][2] = {{"image", LAYERS},
					       {"image", "data/image/baseline.ndjson"},
					       {"image", "data/image/ghosts.ndjson"},
					       {"image", "data/image/integrity.ndjson"},
					       {"engine", "data/engine/image-inspect.json"},
					       {"engine", HISTORY}};
	json_t *o = json_object(), *config = NULL, *missing = json_array();
	struct kan_err ignored = {0};
	if (kan_source_json(&config, f->source, CONFIG, KAN_FACTS_DOCUMENT, &ignored) < 0)
		config = NULL;
	identity(o, f, config);
	json_object_set_new(o, "steps", steps(f, config));
	json_t *damaged = kan_listed(l->damaged, l->n_damaged, parts[3][1], f);
	json_object_set_new(damaged, "seen", json_boolean(compared(integrity)));
	json_object_set_new(o, "damaged", damaged);
	json_object_set_new(o, "ghosts", kan_listed(l->ghosts, l->n_ghosts, parts[2][1], f));
	json_object_set_new(o, "set_id", kan_listed(l->setid, l->n_setid, parts[1][1], f));
	json_object_set_new(o, "secrets", secrets(l));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		why(missing, f, parts[i][0], parts[i][1]);
	json_object_set_new(o, "missing", missing);
	json_decref(config);
	return o;
}
