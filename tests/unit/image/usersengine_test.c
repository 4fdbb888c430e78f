/* What an engine in a user namespace could not unpack; image and damage made by the test. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integrity_made.h"

/* What is said of the base when its device node is gone, with an engine of this uid_map and the
 * data root of this name. */
static char *without_node(const char *map, const char *root, json_int_t noted)
{
	struct world *w = image_new();
	char proc[128];
	world_sh(w,
		 "mkdir -p proc/7; printf '%s' >proc/7/uid_map; cp proc/7/uid_map proc/7/gid_map; "
		 "touch -r d0/etc t; rm d0/etc/null; touch -r t d0/etc",
		 map);
	(void)snprintf(proc, sizeof(proc), "%s/proc", w->top);
	w->target.proc_fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->target.engine_pid = 7;
	w->target.data_root = kan_xstrdup(root);
	json_t *rows = image_verify(w), *row = NULL;
	size_t i = 0;
	json_int_t told = 0;
	char *got = image_named(w);
	cr_expect_str_eq(image_result(rows, 4, 0), noted ? "verified" : "damaged", "%s", map);
	json_array_foreach (rows, i, row)
		if (json_integer_value(json_object_get(row, "rung")) == 4 && i < 4 &&
		    strcmp(world_str(row, "about"), "layer") == 0)
			told = json_integer_value(json_object_get(row, "noted"));
	cr_expect_eq(told, noted, "%s", map);
	free(w->target.data_root);
	w->target.data_root = NULL;
	(void)close(w->target.proc_fd);
	w->target.proc_fd = -1;
	json_decref(rows);
	image_free(w);
	return got;
}

Test(usersengine, a_device_node_that_an_engine_in_a_user_namespace_could_not_make_is_no_damage)
{
	/* Ids of the image are as in the tar; others of the namespace are not. */
	char *got = without_node("0 0 70000\n70000 200000 9\n", "/home/u/docker", 1);
	cr_expect_str_eq(got, "0/etc/null:unmade-device ");
	free(got);
	got = without_node("0 0 4294967295\n", "/var/lib/docker", 0);
	cr_expect_str_eq(got, "0/etc/null:missing ");
	free(got);
}
