/* Owners of a tar and of a store: maps as /proc has them, and what says which one counts. */
#include "image/idmap.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/target.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/below.h"

static uint64_t out_of(const char *map, uint64_t id, bool *has)
{
	struct kan_idmap m;
	uint64_t found = 0;
	kan_idmap_parse(&m, kan_bytes_of(map));
	*has = kan_idmap_out(&found, &m, id);
	return found;
}

Test(idmap, several_ranges_are_followed_and_an_id_outside_of_them_has_no_place)
{
	static const char map[] = "         0       1000          1\n"
				  "         1     100000      65535\n"
				  "     65536     300000         10\n";
	bool has = false;
	cr_expect_eq(out_of(map, 0, &has), 1000);
	cr_expect(has);
	cr_expect_eq(out_of(map, 33, &has), 100032);
	cr_expect_eq(out_of(map, 65535, &has), 165534);
	cr_expect_eq(out_of(map, 65540, &has), 300004);
	cr_expect(has);
	(void)out_of(map, 65546, &has);
	cr_expect_not(has);
}

Test(idmap, what_maps_all_to_itself_and_what_is_no_map_leave_ids_as_they_are)
{
	static const char *const maps[] = {"0 0 4294967295\n", "", "x y z\n", "0\n"};
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		bool has = false;
		cr_expect_eq(out_of(maps[i], 4000000000, &has), 4000000000);
		cr_expect(has);
	}
}

/* The target of a data root of this name and owner. */
static void of_root(struct kan_idmaps *out, const char *name, uid_t uid, gid_t gid)
{
	char place[] = "/tmp/idmap-XXXXXX", path[] = "/var/lib/docker/................";
	struct kan_target t = {.pid_dir = -1, .proc_fd = -1};
	cr_assert_not_null(mkdtemp(place));
	(void)snprintf(path, sizeof(path), "/var/lib/docker/%s", name);
	t.data_root = path;
	t.data_root_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fchown(t.data_root_fd, uid, gid) < 0)
		cr_skip_test("only root can give a directory away");
	kan_idmaps_of(out, &t);
	(void)close(t.data_root_fd);
	(void)rmdir(place);
}

Test(idmap, the_name_of_a_data_root_counts_when_it_belongs_to_these_ids)
{
	struct kan_idmaps o;
	uint64_t id = 0;
	of_root(&o, "231072.240000", 0, 240000);
	cr_assert(kan_idmap_out(&id, &o.uid, 5) && id == 231077);
	cr_assert(kan_idmap_out(&id, &o.gid, 5) && id == 240005);
	of_root(&o, "231072.240000", 231072, 240000);
	cr_assert_eq(o.uid.n, 1);
	of_root(&o, "20.10", 0, 0);
	cr_assert_eq(o.uid.n, 0, "a release's number is no map");
	of_root(&o, "231072.240000.old", 0, 240000);
	cr_assert_eq(o.uid.n, 0);
	of_root(&o, "docker", 0, 0);
	cr_assert_eq(o.gid.n, 0);
}

Test(idmap, an_engine_in_a_users_namespace_keeps_owners_by_its_own_maps)
{
	struct kan_idmaps o;
	struct kan_target t = {.pid_dir = -1, .data_root_fd = -1, .proc_fd = -1};
	uint64_t id = 0;
	t.uids = kan_uids_new(1000, KAN_LIT("0 1000 1\n1 100000 65536\n"),
			      KAN_LIT("0 1000 1\n1 300000 65536\n"));
	kan_idmaps_of(&o, &t);
	cr_assert(o.users);
	cr_assert(kan_idmap_out(&id, &o.uid, 0) && id == 1000);
	cr_assert(kan_idmap_out(&id, &o.uid, 2) && id == 100001);
	cr_assert(kan_idmap_out(&id, &o.gid, 2) && id == 300001);
	free(t.uids);
}

Test(idmap, a_row_that_has_maps_gives_them_back)
{
	struct kan_idmaps o;
	uint64_t id = 0;
	json_t *row = json_pack("{s:[s,s]}", "uid_map", "0 1000 1", "1 100000 65535");
	kan_idmaps_read(&o, row);
	cr_assert(kan_idmap_out(&id, &o.uid, 1) && id == 100000);
	cr_assert_eq(o.gid.n, 0);
	json_decref(row);
}
