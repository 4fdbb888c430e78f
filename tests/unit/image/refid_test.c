/* Which image of a reference is meant. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "image/reference.h"
#include "integrity_made.h"

static int on_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	(void)err;
	kan_sha256_hex(arg, raw);
	return 0;
}

/* The config of the image that was chosen of two for this id; "" for none. */
static void chosen(char hex[KAN_SHA256_HEX], struct world *w, const char *shape, const char *id)
{
	char path[256];
	struct kan_err err = {0};
	const struct kan_reference_visit v = {on_config,      image_no_layer, image_no_data,
					      image_no_layer, NULL,           hex};
	kan_auto_close int fd = -1;
	world_sh(w, "rm -rf ref; python3 %s/reference_make.py %s ref", KAN_TEST_SOURCE, shape);
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	cr_assert_eq(kan_reference_open(&fd, path, &err), 0, "%s", err.text);
	const struct kan_reference_from from = {.fd = fd, .image_id = id};
	*hex = 0;
	int rc = kan_reference_read(&from, &v, &err);
	cr_expect(rc == 0 || err.code == KAN_ENOTFOUND, "%s", err.text);
}

Test(refid, of_two_images_the_one_with_the_id_is_taken_and_podmans_id_has_no_scheme)
{
	char hex[KAN_SHA256_HEX];
	struct world *w = image_new();
	const char *id = w->target.image_id;
	chosen(hex, w, "one-of-two", id);
	cr_expect_str_eq(hex, id + 7);
	chosen(hex, w, "one-of-two", id + 7);
	cr_expect_str_eq(hex, id + 7);
	chosen(hex, w, "none-of-two", id + 7);
	cr_expect_str_eq(hex, "");
	image_free(w);
}
