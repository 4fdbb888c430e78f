/* The table of held files. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/held.h"

static void add(struct kan_helds *h, dev_t dev, uint64_t ino)
{
	struct kan_held f = {.dev = dev, .ino = ino, .fd = -1};
	kan_held_add(h, &f);
}

Test(held, a_file_is_held_once)
{
	struct kan_helds h;
	kan_held_init(&h);
	int fd[2];
	cr_assert_eq(pipe(fd), 0);
	struct kan_held f = {.dev = 1, .ino = 2, .fd = fd[0]},
			g = {.dev = 1, .ino = 2, .fd = fd[1]};
	kan_held_add(&h, &f);
	kan_held_add(&h, &g);
	cr_assert_eq(h.n, 1);
	cr_assert_eq(fcntl(fd[0], F_GETFD) < 0, 0);
	cr_assert_lt(fcntl(fd[1], F_GETFD), 0, "the second descriptor is closed");
	cr_assert_eq(kan_held_find(&h, 1, 2), 0);
	cr_assert_eq(kan_held_find(&h, 2, 1), KAN_HELD_NONE);
	kan_held_free(&h);
	cr_assert_lt(fcntl(fd[0], F_GETFD), 0);
}

Test(held, more_than_there_is_room_for_is_counted)
{
	struct kan_helds h;
	kan_held_init(&h);
	for (uint64_t i = 0; i < KAN_HELD_MAX + 10; i++)
		add(&h, 7, i * 4096);
	cr_assert_eq(h.n, KAN_HELD_MAX);
	cr_assert_eq(h.left_out, 10);
	for (uint64_t i = 0; i < KAN_HELD_MAX; i++)
		cr_assert_eq(kan_held_find(&h, 7, i * 4096), (int)i);
	cr_assert_eq(kan_held_find(&h, 7, KAN_HELD_MAX * UINT64_C(4096)), KAN_HELD_NONE);
	kan_held_free(&h);
}

Test(held, an_empty_table_finds_nothing)
{
	struct kan_helds h = {0};
	cr_assert_eq(kan_held_find(&h, 0, 0), KAN_HELD_NONE);
	kan_held_free(&h);
}

Test(held, a_memfd_is_told_from_a_file_of_its_name)
{
	struct kan_helds h;
	struct stat memory, file;
	kan_held_init(&h);
	int fd = memfd_create("x", MFD_CLOEXEC);
	cr_assert_eq(fstat(fd, &memory), 0);
	cr_assert_eq(stat("/", &file), 0);
	cr_assert(kan_held_memfd(&h, memory.st_dev, KAN_LIT("/memfd:x (deleted)")));
	cr_assert_not(kan_held_memfd(&h, file.st_dev, KAN_LIT("/memfd:x (deleted)")));
	cr_assert_not(kan_held_memfd(&h, memory.st_dev, KAN_LIT("/SYSV00000000 (deleted)")));
	cr_assert(kan_held_memory(&h, memory.st_dev, KAN_LIT("/SYSV00000000 (deleted)")));
	cr_assert_not(kan_held_memory(&h, file.st_dev, KAN_LIT("/SYSV00000000 (deleted)")));
	cr_assert_not(kan_held_memory(&h, memory.st_dev, KAN_LIT("/memfd:x (deleted)")));
	(void)close(fd);
	kan_held_free(&h);
}
