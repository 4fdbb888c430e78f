/* A file that is packed as a whole, read at any place. */
#include "image/packed.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

enum { SIZE = 300000, AT = 123456, PART = 70000, ROOM = 1 << 30 };

/* 300,000 octets that do not repeat, packed by this program into the file "packed". */
static int packed_file(struct world *w, const char *program, uint8_t plain[SIZE])
{
	char path[256];
	world_sh(w, "seq 100000 | head -c %d >plain; %s <plain >packed", SIZE, program);
	(void)snprintf(path, sizeof(path), "%s/plain", w->top);
	kan_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(pread(fd, plain, SIZE, 0), SIZE);
	(void)snprintf(path, sizeof(path), "%s/packed", w->top);
	int packed = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(packed, 0);
	return packed;
}

Test(packed, every_place_is_read_as_if_it_were_plain)
{
	static const char *const programs[] = {"gzip", "zstd -q"};
	static uint8_t plain[SIZE], got[SIZE];
	struct world *w = world_new(1);
	for (size_t i = 0; i < 2; i++) {
		struct kan_err err = {0};
		bool is = false;
		kan_auto_close int fd = packed_file(w, programs[i], plain);
		cr_assert_eq(kan_packed_is(&is, fd, &err), 0);
		cr_assert(is, "%s", programs[i]);
		struct kan_packed *p = kan_packed_new(fd, ROOM, ROOM);
		cr_assert_eq(kan_packed_read(p, got, PART, AT, &err), PART, "%s", err.text);
		cr_assert_eq(memcmp(got, plain + AT, PART), 0, "forward");
		cr_assert_eq(kan_packed_read(p, got, PART, 1, &err), PART, "%s", err.text);
		cr_assert_eq(memcmp(got, plain + 1, PART), 0, "and back");
		cr_assert_eq(kan_packed_read(p, got, SIZE, AT, &err), SIZE - AT);
		cr_assert_eq(memcmp(got, plain + AT, SIZE - AT), 0, "up to the end");
		cr_assert_eq(kan_packed_read(p, got, 1, SIZE, &err), 0);
		cr_assert_eq(kan_packed_read(p, got, 1, SIZE + 1, &err), -1,
			     "there is no such place");
		cr_assert_eq(err.code, KAN_EFORMAT);
		kan_packed_free(p);
	}
	world_free(w);
}

Test(packed, what_is_unpacked_again_and_again_is_bounded)
{
	static uint8_t plain[SIZE];
	uint8_t one = 0;
	struct kan_err err = {0};
	struct world *w = world_new(1);
	kan_auto_close int fd = packed_file(w, "gzip", plain);
	struct kan_packed *p = kan_packed_new(fd, SIZE, 3 * SIZE + SIZE / 2);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(kan_packed_read(p, &one, 1, SIZE - 1, &err), 1, "%s", err.text);
		cr_assert_eq(one, plain[SIZE - 1]);
		if (i < 2)
			cr_assert_eq(kan_packed_read(p, &one, 0, 0, &err), 0);
	}
	cr_assert_eq(kan_packed_read(p, &one, 0, 0, &err), 0);
	cr_assert_eq(kan_packed_read(p, &one, 1, SIZE - 1, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	kan_packed_free(p);
	world_free(w);
}

Test(packed, what_one_pass_unpacks_is_bounded_whatever_all_of_them_may)
{
	static uint8_t plain[SIZE];
	uint8_t one = 0;
	struct kan_err err = {0};
	struct world *w = world_new(1);
	kan_auto_close int fd = packed_file(w, "gzip", plain);
	struct kan_packed *p = kan_packed_new(fd, SIZE - 1, ROOM);
	cr_assert_eq(kan_packed_read(p, &one, 1, 0, &err), 1, "%s", err.text);
	cr_assert_eq(kan_packed_read(p, &one, 1, SIZE - 1, &err), -1);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert(strstr(err.text, "--max-bytes"), "%s", err.text);
	kan_packed_free(p);
	world_free(w);
}

Test(packed, a_plain_file_is_none_and_other_ways_to_pack_are_refused)
{
	static uint8_t plain[SIZE];
	bool is = true;
	struct kan_err err = {0};
	struct world *w = world_new(1);
	kan_auto_close int fd = packed_file(w, "cat", plain);
	cr_assert_eq(kan_packed_is(&is, fd, &err), 0);
	cr_assert_not(is);
	kan_auto_close int xz = packed_file(w, "xz", plain);
	cr_assert_eq(kan_packed_is(&is, xz, &err), -1);
	cr_assert_eq(err.code, KAN_EUNSUPPORTED);
	world_free(w);
}
