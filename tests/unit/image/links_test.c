/* Hard links: found by inode, forgotten after the last name, never lost when there are many. */
#include "image/links.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct kan_file file(uint64_t ino, unsigned nlink, const char *path)
{
	struct kan_file f = {.path = kan_bytes_of(path), .path_len = strlen(path), .octets = ino};
	f.st.stx_ino = ino;
	f.st.stx_nlink = nlink;
	(void)snprintf(f.sha256, sizeof(f.sha256), "%064llx", (unsigned long long)ino);
	return f;
}

static bool find(struct kan_links *l, uint64_t ino)
{
	struct kan_file f = file(ino, 2, "/other");
	char sha256[KAN_SHA256_HEX];
	memcpy(sha256, f.sha256, sizeof(sha256));
	f.sha256[0] = 0;
	if (!kan_links_find(&f, l))
		return false;
	cr_assert_str_eq(f.sha256, sha256);
	cr_assert_eq(f.content, KAN_CONTENT_LINKED);
	return true;
}

static void add(struct kan_links *l, uint64_t ino)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/%llu", (unsigned long long)ino);
	struct kan_file f = file(ino, 2, path);
	kan_links_add(l, &f);
}

Test(links, all_are_found_while_the_table_grows_and_each_is_forgotten_after_its_last_name)
{
	struct kan_links *l = kan_links_new();
	for (uint64_t i = 1; i <= 20000; i++)
		add(l, i);
	for (uint64_t i = 20000; i > 0; i--)
		cr_assert(find(l, i), "%llu", (unsigned long long)i);
	for (uint64_t i = 1; i <= 20000; i++)
		cr_assert_not(find(l, i));
	cr_assert_not(kan_links_full(l));
	kan_links_free(l);
}

Test(links, many_that_come_and_go_leave_room_for_others)
{
	struct kan_links *l = kan_links_new();
	for (uint64_t i = 1; i <= 500000; i++) {
		add(l, i);
		cr_assert_not(find(l, i + 1000000));
		cr_assert(find(l, i));
	}
	cr_assert_not(kan_links_full(l));
	kan_links_free(l);
}

Test(links, beyond_the_maximum_a_file_is_read_again_and_that_is_said)
{
	struct kan_links *l = kan_links_new();
	for (uint64_t i = 1; i <= KAN_LINKS_MAX + 1; i++)
		add(l, i);
	cr_assert(kan_links_full(l));
	cr_assert(find(l, KAN_LINKS_MAX));
	cr_assert_not(find(l, KAN_LINKS_MAX + 1));
	kan_links_free(l);
}
