/* Which image of a reference is meant, and how much of it is read. */
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

/* A reference of this shape is made, sparse or not, and read with this room. */
static int read_with(struct kan_err *err, const char *shape, const char *then, uint64_t room)
{
	char path[256], hex[KAN_SHA256_HEX];
	struct world *w = image_new();
	const struct kan_reference_visit v = {on_config,      image_no_layer, image_no_data,
					      image_no_layer, NULL,           hex};
	kan_auto_close int fd = -1;
	*err = (struct kan_err){0};
	world_sh(w, "python3 %s/reference_make.py %s ref; %s", KAN_TEST_SOURCE, shape, then);
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	cr_assert_eq(kan_reference_open(&fd, path, err), 0, "%s", err->text);
	const struct kan_reference_from from = {
		.fd = fd, .image_id = w->target.image_id, .room = room};
	int rc = kan_reference_read(&from, &v, err);
	image_free(w);
	return rc;
}

static void accepted(const char *shape, const char *then, uint64_t room)
{
	struct kan_err err = {0};
	cr_expect_eq(read_with(&err, shape, then, room), 0, "%s: %s", shape, err.text);
}

static void refused(const char *shape, const char *then, uint64_t room)
{
	struct kan_err err = {0};
	cr_expect_eq(read_with(&err, shape, then, room), -1, "%s", shape);
	cr_expect_eq(err.code, KAN_ELIMIT, "%s: %s", shape, err.text);
	cr_expect(strstr(err.text, "raise it with --max-bytes"), "%s: %s", shape, err.text);
}

/* 200 MiB of zeros; what they pack to is much less than a sixteenth of a MiB. */
enum { MIB = 1 << 20, LITTLE = 190 * MIB, ENOUGH = 201 * MIB };

Test(refroom, zeros_that_pack_to_nothing_are_read_as_far_as_the_room_goes)
{
	accepted("zeros", "", 0);
	accepted("zeros-gzip", "", 0);
	accepted("zeros", "", ENOUGH);
	refused("zeros", "", LITTLE);
	refused("zeros-gzip", "", LITTLE);
	refused("dir-zeros", "", LITTLE);
}

Test(refroom, what_lies_on_disk_makes_room_and_holes_make_none)
{
	accepted("zeros-plain", "", 1);
	accepted("dir-zeros-plain", "", 1);
	refused("zeros-plain", "fallocate -d ref", LITTLE);
	refused("dir-zeros-plain", "for f in ref/blobs/sha256/*; do fallocate -d $f; done", LITTLE);
	accepted("zeros-plain", "fallocate -d ref", ENOUGH);
}

Test(refroom, a_layer_that_is_named_often_lies_on_disk_once)
{
	accepted("zeros-often", "", 1);
	refused("zeros-often", "fallocate -d ref", 200 * MIB);
	refused("dir-zeros-often",
		"cd ref/blobs/sha256; fallocate -d $(ls -S | head -1); cd ../../..", 200 * MIB);
}

Test(refroom, an_archive_that_is_packed_as_a_whole_has_the_same_room)
{
	accepted("whole-zeros", "", 0);
	refused("whole-zeros", "", 90 * MIB);
	accepted("whole-gzip", "", MIB);
}

Test(refroom, octets_that_unpack_to_nothing_are_counted_too)
{
	accepted("dir-trailing", "", 1);
	refused("dir-trailing-often", "sync -f ref", 1); /* what it takes is known then */
}
