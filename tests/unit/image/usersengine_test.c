/* What an engine in a user namespace could not unpack; image and damage made by the test. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "integrity_made.h"

enum { OWN = 1000 };

/* What is said of the base when its device node is gone, with an engine of this user and maps. */
static char *without_node(uint32_t own, const char *map, json_int_t noted)
{
	struct world *w = image_new();
	world_sh(w, "touch -r d0/etc t; rm d0/etc/null; touch -r t d0/etc");
	image_of_user(w, own, map);
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
	json_decref(rows);
	image_free(w);
	return got;
}

Test(usersengine, a_device_node_that_an_engine_in_a_user_namespace_could_not_make_is_no_damage)
{
	/* Ids of the image are as in the tar; others of the namespace are not. */
	char *got = without_node(OWN, "0 0 70000\n70000 200000 9\n", 1);
	cr_expect_str_eq(got, "0/etc/null:unmade-device ");
	free(got);
	got = without_node(0, "0 0 4294967295\n", 0);
	cr_expect_str_eq(got, "0/etc/null:missing ");
	free(got);
}
