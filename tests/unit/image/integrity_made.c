/* The image that integrity_world.py makes, as a target, and what was said of it. */
#include "integrity_made.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/below.h"

extern const struct kan_collector kan_collector_image;

struct world *image_new(void)
{
	struct world *w = world_new(1);
	struct kan_target *t = &w->target;
	char data[128];
	t->image_id = world_line(w, "python3 %s/integrity_world.py .", KAN_TEST_SOURCE);
	t->storage = kan_xstrdup("overlay2");
	(void)snprintf(t->id, sizeof(t->id), "ID");
	t->lowers = kan_xalloc(LAYERS * sizeof(*t->lowers));
	t->n_lowers = LAYERS;
	for (size_t i = 0; i < LAYERS; i++) {
		char path[256], below[64];
		(void)snprintf(below, sizeof(below), "overlay2/cache%zu/diff", LAYERS - 1 - i);
		(void)snprintf(path, sizeof(path), "%s/data/%s", w->top, below);
		t->lowers[i] =
			(struct kan_layer){.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
					   .path = kan_xstrdup(below)};
		cr_assert_geq(t->lowers[i].fd, 0);
	}
	(void)snprintf(data, sizeof(data), "%s/data", w->top);
	t->data_root_fd = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->policy.verify_image = true;
	w->policy.image_full = false;
	return w;
}

void image_of_user(struct world *w, uint32_t own, const char *map)
{
	world_sh(w, "chown -R %u data/image; chown %u data/overlay2 data/overlay2/*", own, own);
	w->target.uids = kan_uids_new(own, kan_bytes_of(map), kan_bytes_of(map));
}

void image_free(struct world *w)
{
	free(w->target.uids);
	(void)close(w->target.data_root_fd);
	free(w->target.image_id);
	free(w->target.storage);
	world_free(w);
}

json_t *image_verify(struct world *w)
{
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	return world_rows(w, "integrity.ndjson");
}

static int number(const json_t *row, const char *key)
{
	return (int)json_integer_value(json_object_get(row, key));
}

/* The verdict of a layer (-1: the image) on a rung. */
const char *image_result(const json_t *rows, int rung, int layer)
{
	size_t i = 0;
	const json_t *r = NULL;
	json_array_foreach (rows, i, r) {
		bool image = strcmp(world_str(r, "about"), "image") == 0;
		if (strcmp(world_str(r, "about"), "path") == 0 || number(r, "rung") != rung)
			continue;
		if (layer < 0 ? image : !image && number(r, "layer") == layer)
			return world_str(r, "result");
	}
	return "";
}

/* "LAYER PATH: word word", a line a damaged path, sorted by the shell. */
char *image_named(struct world *w)
{
	return world_line(
		w, "jq -r 'select(.about==\"path\")|\"\\(.layer)\\(.path):\\(.differs|join("
		   "\",\"))\"' bundle/data/image/integrity.ndjson | LC_ALL=C sort | tr '\\n' ' '");
}

int image_no_layer(size_t n, void *arg, struct kan_err *err)
{
	(void)n;
	(void)arg;
	(void)err;
	return 0;
}

int image_no_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)piece;
	(void)arg;
	(void)err;
	return 0;
}
