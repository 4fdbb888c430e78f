/* Volumes of a container without a process, below the data root of an engine that is not root's. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/below.h"
#include "world.h"

extern const struct kan_collector kan_collector_mounts;

enum { OWN = 1000 };

static struct world *made(void)
{
	char path[96];
	struct world *w = world_new(0);
	struct kan_target *t = &w->target;
	world_sh(w, "mkdir -p data/volumes/{own,roots,inner}/_data; "
		    "for v in own roots inner; do echo $v >data/volumes/$v/_data/f; done; "
		    "chown -R 1000 data; chown 0 data/volumes/roots data/volumes/inner/_data");
	(void)snprintf(path, sizeof(path), "%s/data", w->top);
	t->data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->data_root = kan_xstrdup("/home/u/docker");
	t->storage = kan_xstrdup("overlay2");
	t->state = KAN_STATE_EXITED;
	t->depth = KAN_DEPTH_HOST;
	t->inspect = json_pack("{s:[{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s}]}",
			       "Mounts", "Type", "volume", "Name", "own", "Driver", "local",
			       "Destination", "/own", "Type", "volume", "Name", "roots", "Driver",
			       "local", "Destination", "/roots", "Type", "volume", "Name", "inner",
			       "Driver", "local", "Destination", "/inner");
	return w;
}

static void leave(struct world *w)
{
	struct kan_target *t = &w->target;
	json_decref(w->rows);
	json_decref(t->inspect);
	free(t->data_root);
	free(t->storage);
	free(t->uids);
	(void)close(t->data_root_fd);
	world_free(w);
}

static size_t copied(struct world *w)
{
	size_t n = 0, i = 0;
	const json_t *row = NULL;
	cr_assert_eq(world_collect(w, &kan_collector_mounts), 0);
	w->rows = world_rows(w, "named.ndjson");
	json_array_foreach (w->rows, i, row)
		n += json_is_true(json_object_get(row, "copied"));
	return n;
}

Test(mountnamed, a_users_engine_gets_no_volume_read_that_is_roots)
{
	struct world *w = made();
	w->target.uids = kan_uids_new(OWN, (struct kan_bytes){0}, (struct kan_bytes){0});
	cr_expect_eq(copied(w), 1, "the user's own");
	cr_expect_not_null(world_gap(w, "/roots", KAN_GAP_CONTRADICTED));
	cr_expect_not_null(world_gap(w, "/inner", KAN_GAP_CONTRADICTED));
	world_sh(w, "! tar -xOf bundle/data/mounts/content.tar | grep -e roots -e inner");
	leave(w);
}

Test(mountnamed, of_roots_engine_they_are_all_read)
{
	struct world *w = made();
	cr_expect_eq(copied(w), 3);
	leave(w);
}

Test(mountnamed, options_that_are_roots_are_not_read_for_a_users_engine)
{
	struct world *w = made();
	w->target.uids = kan_uids_new(OWN, (struct kan_bytes){0}, (struct kan_bytes){0});
	world_sh(w, "echo '{}' >data/volumes/own/opts.json");
	size_t told = 0;
	cr_expect_eq(copied(w), 0);
	for (size_t i = 0; i < w->n_gaps; i++)
		told += strcmp(w->gaps[i].what, "/own") == 0;
	cr_expect_not_null(world_gap(w, "/own", KAN_GAP_CONTRADICTED));
	cr_expect_eq(told, 1, "one reason, not that it is mounted from elsewhere: %zu", told);
	leave(w);
}
