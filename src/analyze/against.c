/* The reference's entries as a table by layer and path, then the baseline's rows past it. */
#include "analyze/against.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/against_facts.h"
#include "analyze/integrity.h"
#include "base/row.h"
#include "image/idmap.h"
#include "image/layers.h"
#include "image/reference.h"

#define BASELINE "data/image/baseline.ndjson"
#define LAYERS "data/image/layers.ndjson"
#define CONFIG "data/image/config.json"

struct against {
	const struct kan_source *source;
	struct kan_against_table *table;
	struct kan_diff_ids theirs;
	char image[KAN_DIGEST]; /* of the reference */
	json_t *found;          /* diff ids of the bundle, by layer */
	kan_against_fn *fn;
	void *arg;
	uint64_t count, noted, unread;
	size_t layers; /* of the bundle */
	struct kan_idmaps owners;
};

/* --- the reference --- */

static int on_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	kan_digest_of(a->image, raw);
	return kan_diff_ids_read(&a->theirs, raw, err);
}

static int on_layer(size_t n, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	return kan_against_layer(a->table, n, err);
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	return kan_against_data(a->table, piece, err);
}

static int on_end(size_t n, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	(void)n;
	return kan_against_end(a->table, err);
}

static int read_reference(struct against *a, const struct kan_reference_from *from,
			  struct kan_err *err)
{
	const struct kan_reference_visit v = {on_config, on_layer, on_data, on_end, NULL, a};
	free(a->theirs.v);
	a->theirs = (struct kan_diff_ids){0};
	return kan_reference_read(from, &v, err);
}

/* --- rows --- */

static int tell(const json_t *row, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	a->count++;
	a->noted += kan_integrity_noted(row);
	return a->fn(row, a->arg, err);
}

static int take_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	json_t *differs = NULL;
	(void)line;
	if (!json_is_integer(json_object_get(row, "layer")))
		return 0; /* the engine's own */
	a->unread += kan_against_row(&differs, a->table, row);
	int rc = differs ? tell(differs, a, err) : 0;
	json_decref(differs);
	return rc;
}

static int take_layer(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct against *a = arg;
	(void)line;
	(void)err;
	if (json_is_true(json_object_get(row, "init")))
		return 0;
	if (a->layers++ == 0)
		kan_idmaps_read(&a->owners, row);
	return json_array_append(a->found, json_object_get(row, "diff_id")
						   ? json_object_get(row, "diff_id")
						   : json_null());
}

/* --- the document --- */

static json_t *image_of(const struct against *a)
{
	char hex[KAN_SHA256_HEX], found[KAN_DIGEST];
	kan_source_digest(hex, a->source, CONFIG);
	json_t *o = json_pack("{s:s}", "expected", a->image);
	if (*hex) {
		kan_digest_name(found, hex);
		json_object_set_new(o, "found", json_string(found));
		json_object_set_new(o, "same", json_boolean(strcmp(found, a->image) == 0));
	}
	return o;
}

static json_t *layers_of(const struct against *a)
{
	json_t *list = json_array();
	size_t n = a->theirs.n > a->layers ? a->theirs.n : a->layers;
	for (size_t i = 0; i < n; i++) {
		const char *found = json_string_value(json_array_get(a->found, i));
		const char *expected = i < a->theirs.n ? a->theirs.v[i] : NULL;
		json_t *o = json_pack("{s:I,s:b}", "layer", (json_int_t)i, "same",
				      found && expected && strcmp(found, expected) == 0);
		if (expected)
			json_object_set_new(o, "expected", json_string(expected));
		if (found)
			json_object_set_new(o, "found", json_string(found));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *document(const struct against *a)
{
	return json_pack("{s:o,s:o,s:I,s:I,s:I}", "image", image_of(a), "layers", layers_of(a),
			 "count", (json_int_t)a->count, "noted", (json_int_t)a->noted, "unread",
			 (json_int_t)a->unread);
}

/* A second time by the reference only where something of it was not met: for the names. */
static int compare(struct against *a, const struct kan_reference_from *from, struct kan_err *err)
{
	if (kan_source_intact(a->source, BASELINE, err) < 0 || read_reference(a, from, err) < 0)
		return -1;
	kan_against_sort(a->table);
	if (kan_source_rows(a->source, BASELINE, take_row, a, err) < 0)
		return -1;
	if (!kan_against_unmet(a->table))
		return 0;
	kan_against_name_unmet(a->table, tell, a);
	return read_reference(a, from, err);
}

int kan_against_reference(json_t **out, const struct kan_source *s,
			  const struct kan_reference_from *from, kan_against_fn *fn, void *arg,
			  struct kan_err *err)
{
	struct against a = {.source = s, .fn = fn, .arg = arg, .found = json_array()};
	int rc = 0;
	if (!kan_source_has(s, BASELINE))
		rc = kan_fail(err, KAN_ENOTFOUND,
			      "the bundle has no rows of its image (--image none?)");
	if (rc == 0 && kan_source_has(s, LAYERS))
		rc = kan_source_rows(s, LAYERS, take_layer, &a, err);
	if (rc == 0) {
		a.table = kan_against_table_new(&a.owners);
		rc = compare(&a, from, err);
	}
	if (rc == 0)
		*out = document(&a);
	kan_against_table_free(a.table);
	free(a.theirs.v);
	json_decref(a.found);
	return rc;
}
