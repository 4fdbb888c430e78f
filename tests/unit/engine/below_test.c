/* Below the data root: what a container or a user's engine puts there leads to nothing else. */
#include "engine/below.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../base/place.h"
#include "base/file.h"
#include "base/row.h"
#include "engine/claims.h"
#include "engine/dataroot.h"

enum { OWN = 1000, FIRST = 100000, COUNT = 65536, INIT = 77, ENGINE = 78 };

#define ID_HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAP "         0       1000          1\n         1     100000      65536\n"

Test(below, a_users_engine_has_its_user_and_the_ids_of_its_namespace)
{
	struct kan_uids *u = kan_uids_new(OWN, kan_bytes_of(MAP), (struct kan_bytes){0});
	cr_assert_not_null(u);
	cr_expect(kan_uids_has(u, OWN));
	cr_expect(kan_uids_has(u, FIRST));
	cr_expect(kan_uids_has(u, FIRST + COUNT - 1));
	cr_expect_not(kan_uids_has(u, FIRST + COUNT));
	cr_expect_not(kan_uids_has(u, OWN + 1));
	cr_expect_not(kan_uids_has(u, 0));
	free(u);
}

Test(below, without_a_namespace_of_its_own_it_has_its_user_alone)
{
	static const char *const maps[] = {"         0          0 4294967295\n", "", "x", "0 1000",
					   "0 1000 1\n5 0 4294967295\n"};
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct kan_uids *u =
			kan_uids_new(OWN, kan_bytes_of(maps[i]), (struct kan_bytes){0});
		cr_assert_not_null(u);
		cr_expect(kan_uids_has(u, OWN), "%s", maps[i]);
		cr_expect_not(kan_uids_has(u, 0), "%s", maps[i]);
		cr_expect_not(kan_uids_has(u, OWN + 1), "%s", maps[i]);
		free(u);
	}
	cr_expect_null(kan_uids_new(0, kan_bytes_of(MAP), (struct kan_bytes){0}),
		       "root's engine has no such bounds");
}

static void sh(const struct test_place *p, const char *script)
{
	char command[2048];
	int n = snprintf(command, sizeof(command), "cd %s && { %s; }", p->path, script);
	cr_assert(n > 0 && (size_t)n < sizeof(command));
	cr_assert_eq(system(command), 0, "%s", script);
}

static int opens(const struct kan_target *t, const char *path, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	*err = (struct kan_err){0};
	return kan_target_data_open(&fd, t, path, O_RDONLY, err);
}

/* The layer's directory of a user's engine is the user's; the link beside it leads to root's file.
 */
Test(below, a_users_engine_leads_root_to_nothing_but_the_users_files)
{
	struct test_place p = test_place();
	struct kan_err err;
	char root[] = "/home/u/docker", storage[] = "overlay2";
	struct kan_uids *u = kan_uids_new(OWN, kan_bytes_of(MAP), (struct kan_bytes){0});
	struct kan_target t = {.data_root = root,
			       .data_root_fd = p.fd,
			       .engine_root_fd = -1,
			       .storage = storage,
			       .uids = u};
	sh(&p,
	   "mkdir -p d/m dir secret && echo s >secret/shadow && echo o >d/own && "
	   "echo o >d/sub && echo r >d/roots && chown -R 1000 d dir && chown 0 d/roots && "
	   "chown 100007 d/sub && chown 1000 secret/shadow && touch d/bind && chown 1000 d/bind");
	cr_expect_eq(opens(&t, "/home/u/docker/d/own", &err), 0, "%s", err.text);
	cr_expect_eq(opens(&t, "/home/u/docker/d/sub", &err), 0, "%s", err.text);
	cr_expect_eq(opens(&t, "/home/u/docker/d/roots", &err), -1, "root's file");
	cr_expect_eq(err.code, KAN_EREFUSED);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "root is needed");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	t.data_root_fd = open(p.path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* of this namespace */
	sh(&p, "mount --bind secret d/m && mount --bind secret/shadow d/bind && "
	       "mount --bind d d && mount --bind secret dir");
	cr_expect_eq(opens(&t, "/home/u/docker/d/own", &err), 0, "a mount of itself: %s", err.text);
	sh(&p, "mount --bind secret d/m && mount --bind secret/shadow d/bind");
	cr_expect_eq(opens(&t, "/home/u/docker/d/m/shadow", &err), -1, "a mount on the way");
	cr_expect_eq(opens(&t, "/home/u/docker/d/bind", &err), -1, "a mount as the file");
	cr_expect_eq(opens(&t, "/home/u/docker/dir/shadow", &err), -1, "root's directory");
	t.uids = NULL;
	cr_expect_eq(opens(&t, "/home/u/docker/d/roots", &err), 0, "root's engine: %s", err.text);
	sh(&p, "umount -l d/m d/bind dir d");
	(void)close(t.data_root_fd);
	free(u);
	test_leave(&p);
}

Test(below, an_open_that_nobody_permits_ends)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	kan_auto_close int fd = -1;
	test_put(p.fd, "f", "x");
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM, p.fd, "f"), 0);
	cr_expect_eq(kan_dataroot_open_file(&fd, p.fd, "f", &err), -1);
	cr_expect_eq(err.sys, ETIMEDOUT, "%s", err.text);
	(void)close(notes);
	test_leave(&p);
}

Test(below, a_read_that_nobody_permits_ends)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(64);
	kan_auto_close int fd = -1;
	test_put(p.fd, "f", "x");
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_ACCESS_PERM, p.fd, "f"), 0);
	cr_expect_eq(kan_dataroot_open_file(&fd, p.fd, "f", &err), 0, "%s", err.text);
	cr_expect_eq(kan_dataroot_read_fd(&text, fd, "f", &err), -1);
	cr_expect_eq(err.sys, ETIMEDOUT, "%s", err.text);
	(void)close(notes);
	test_leave(&p);
}

/* A listing's containers: those that were not tried any more, and all; as it is told, others go. */
struct told {
	int not_tried, all;
	int dir; /* whose entries go away when the first is told; 0: none */
};

static int tell(const struct kan_dataroot_entry *e, void *arg)
{
	struct told *t = arg;
	t->not_tried += e->why && strstr(e->why, "was not tried");
	t->all += e->is_id;
	if (t->dir)
		test_empty(t->dir);
	return 0;
}

static int marks(void)
{
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	return notes;
}

enum { CONTAINERS = 10, STUCK = 8 };

/* Files of containers that never open: where's "%064d" is a container's id. */
static void put_stuck(int notes, int root, const char *where, const char *file)
{
	for (int i = 0; i < CONTAINERS; i++) {
		char dir[128], path[160];
		(void)snprintf(dir, sizeof(dir), "%s/%064d/%.*s", where, i,
			       (int)(strrchr(file, '/') - file), file);
		(void)snprintf(path, sizeof(path), "%s/%064d%s", where, i, file);
		cr_assert_eq(kan_mkdirs(root, dir, NULL), 0);
		test_put(root, path, "{}");
		cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM, root, path), 0);
	}
}

Test(below, after_eight_containers_whose_files_never_open_a_listing_waits_for_no_more,
     .timeout = 60)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	struct told told = {0};
	int notes = marks();
	put_stuck(notes, p.fd, "containers", "/config.v2.json");
	cr_expect_eq(kan_dataroot_each(p.fd, tell, &told, &err), 0, "%s", err.text);
	cr_expect_eq(told.not_tried, CONTAINERS - STUCK, "%d", told.not_tried);
	(void)close(notes);
	test_leave(&p);
}

/* [{"id":"00..0"}, ...] */
static void put_list(int root, const char *path, int n)
{
	kan_auto_buf struct kan_buf list = KAN_BUF(4096);
	for (int i = 0; i < n; i++)
		kan_buf_addf(&list, "%c{\"id\":\"%064d\"}", i ? ',' : '[', i);
	kan_buf_addc(&list, ']');
	test_put(root, path, kan_buf_str(&list));
}

Test(below, the_same_of_a_store_of_podman, .timeout = 60)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	struct told told = {0};
	int notes = marks();
	put_stuck(notes, p.fd, "overlay-containers", "/userdata/config.json");
	put_list(p.fd, "overlay-containers/containers.json", CONTAINERS);
	cr_expect_eq(kan_dataroot_each(p.fd, tell, &told, &err), 0, "%s", err.text);
	cr_expect_eq(told.all, CONTAINERS, "%d", told.all);
	cr_expect_eq(told.not_tried, CONTAINERS - STUCK, "%d", told.not_tried);
	(void)close(notes);
	test_leave(&p);
}

Test(below, a_directory_that_never_opens_hides_no_store_beside_it, .timeout = 60)
{
	static const char *const stuck[] = {"containers", "overlay-containers"};
	struct test_place p = test_place();
	struct kan_err err = {0};
	struct told told = {0};
	int notes = marks();
	cr_assert_eq(kan_mkdirs(p.fd, "vfs-containers", NULL), 0);
	put_list(p.fd, "vfs-containers/containers.json", CONTAINERS);
	for (size_t i = 0; i < sizeof(stuck) / sizeof(stuck[0]); i++) {
		cr_assert_eq(kan_mkdirs(p.fd, stuck[i], NULL), 0);
		cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ONDIR, p.fd,
					   stuck[i]),
			     0);
	}
	cr_expect_eq(kan_dataroot_each(p.fd, tell, &told, &err), -1);
	cr_expect_eq(err.sys, ETIMEDOUT, "%s", err.text);
	cr_expect(strncmp(err.text, "containers: ", 12) == 0, "the first: %s", err.text);
	cr_expect_eq(told.all, CONTAINERS, "%d", told.all);
	(void)close(notes);
	test_leave(&p);
}

Test(below, a_container_that_goes_while_a_store_is_listed_is_a_line)
{
	static const char *const stores[] = {"containers", "overlay-containers"};
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		struct test_place p = test_place();
		struct kan_err err = {0};
		struct told told = {0};
		for (int n = 0; n < 3; n++) {
			char dir[128];
			(void)snprintf(dir, sizeof(dir), "%s/%064d", stores[i], n);
			cr_assert_eq(kan_mkdirs(p.fd, dir, NULL), 0);
		}
		if (i > 0)
			test_put(p.fd, "overlay-containers/containers.json", "[]");
		told.dir = openat(p.fd, stores[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		cr_expect_eq(kan_dataroot_each(p.fd, tell, &told, &err), 0, "%s: %s", stores[i],
			     err.text);
		cr_expect_eq(told.all, 3, "%s: %d", stores[i], told.all);
		(void)close(told.dir);
		test_leave(&p);
	}
}

Test(below, whether_a_container_is_there_is_told_without_a_look_into_its_files)
{
	static const char id[] = "0000000000000000000000000000000000000000000000000000000000000001";
	char dir[128], path[160];
	struct fanotify_event_metadata event;
	struct test_place p = test_place();
	int notes = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	(void)snprintf(dir, sizeof(dir), "vfs-containers/%s/userdata", id);
	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	cr_assert_eq(kan_mkdirs(p.fd, dir, NULL), 0);
	test_put(p.fd, path, "{}");
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN, p.fd, path), 0);
	cr_expect_eq(kan_dataroot_stores(NULL, p.fd, id), 1);
	cr_expect_eq(read(notes, &event, sizeof(event)), -1, "it was opened");
	json_auto_t *inspect = kan_dataroot_by_id(p.fd, id);
	cr_expect_str_eq(kan_json_str(inspect, "Driver"), "vfs");
	cr_expect_eq(read(notes, &event, sizeof(event)), (ssize_t)sizeof(event));
	(void)close(event.fd);
	cr_expect_eq(kan_dataroot_stores(NULL, p.fd, ID_HEX), 0);
	cr_expect_eq(kan_dataroot_stores(NULL, p.fd, "../vfs-containers"), 0);
	(void)close(notes);
	test_leave(&p);
}

Test(below, images_that_are_no_list_have_no_names_that_are_known)
{
	struct test_place p = test_place();
	cr_assert_eq(kan_mkdirs(p.fd, "overlay-images", NULL), 0);
	cr_expect_null(kan_dataroot_tags(p.fd, "overlay", NULL));
	test_put(p.fd, "overlay-images/images.json", "{}");
	cr_expect_null(kan_dataroot_tags(p.fd, "overlay", NULL));
	cr_assert_eq(unlinkat(p.fd, "overlay-images/images.json", 0), 0);
	test_put(p.fd, "overlay-images/images.json", "[]");
	json_auto_t *none = kan_dataroot_tags(p.fd, "overlay", NULL);
	cr_expect_not_null(none);
	test_leave(&p);
}

Test(below, what_a_users_runtime_has_beside_is_the_users)
{
	struct test_place p = test_place();
	struct kan_err err = {0};
	struct kan_target t = {.engine_root_fd = p.fd, .data_root_fd = -1};
	kan_auto_buf struct kan_buf text = KAN_BUF(64);
	t.uids = kan_uids_new(OWN, kan_bytes_of(MAP), (struct kan_bytes){0});
	sh(&p, "mkdir -p run/x && echo o >run/x/own && echo r >run/x/roots && chown 1000 run/x/own "
	       "&& ln -s own run/x/link");
	cr_expect_eq(kan_below_beside(&text, &t, "run/x/own", &err), 0, "%s", err.text);
	cr_expect_str_eq(kan_buf_str(&text), "o\n");
	cr_expect_eq(kan_below_beside(&text, &t, "run/x/roots", &err), -1);
	cr_expect_eq(err.code, KAN_EREFUSED, "%s", err.text);
	cr_expect_eq(kan_below_beside(&text, &t, "run/x/link", &err), -1);
	cr_expect_eq(kan_below_beside(&text, &t, "run/x/none", &err), -1);
	cr_expect_eq(err.code, KAN_ENOTFOUND, "%s", err.text);
	cr_expect_str_eq(kan_buf_str(&text), "o\n", "nothing of the others");
	free(t.uids);
	test_leave(&p);
}

/* An engine's data root with one container and two layers, and a /proc of its init. */
static struct kan_target *layered(struct test_place *p)
{
	struct kan_target *t = kan_xalloc(sizeof(*t));
	*p = test_place();
	sh(p, "mkdir -p proc/77 proc/78 data/image/overlay2/layerdb/mounts/" ID_HEX
	      " data/overlay2/own/diff data/overlay2/real/diff data/overlay2/l data/evil && "
	      "printf own >data/image/overlay2/layerdb/mounts/" ID_HEX "/mount-id && "
	      "ln -s ../real/diff data/overlay2/l/SHORT && "
	      "printf l/SHORT >data/overlay2/own/lower && "
	      "echo '21 1 8:1 / / rw - ext4 /dev/sda1 rw' >proc/78/mountinfo && "
	      "echo '55 1 0:99 / / rw - overlay o rw,lowerdir=/d/evil,"
	      "upperdir=/d/overlay2/own/diff,workdir=/d/w,userxattr' >proc/77/mountinfo");
	t->claims = json_array();
	t->engine_root_fd = t->upper_fd = t->root_fd = t->space_fd = t->pid_fd = -1;
	t->proc_fd = openat(p->fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->pid_dir = openat(p->fd, "proc/77", O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->data_root_fd = openat(p->fd, "data", O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->data_root = kan_xstrdup("/d");
	t->storage = kan_xstrdup("overlay2");
	t->pid = INIT;
	t->engine_pid = ENGINE;
	memcpy(t->id, ID_HEX, sizeof(ID_HEX));
	return t;
}

static void leave(struct kan_target *t, struct test_place *p)
{
	kan_target_free(t);
	test_leave(p);
}

Test(below, of_an_overlay_that_the_engine_did_not_mount_the_lowers_are_the_engines)
{
	struct test_place p;
	struct kan_target *t = layered(&p);
	kan_prove_layers(t);
	cr_assert_geq(t->upper_fd, 0);
	cr_assert_eq(t->n_lowers, 1);
	cr_expect_str_eq(t->lowers[0].path, "overlay2/real/diff");
	cr_expect_not(t->userxattr, "the container's word is not the engine's");
	leave(t, &p);
}

Test(below, the_attributes_of_a_users_engine_are_the_users)
{
	struct test_place p;
	struct kan_target *t = layered(&p);
	t->pid = 0;
	t->uids = kan_uids_new(OWN, kan_bytes_of(MAP), (struct kan_bytes){0});
	sh(&p, "chown -R 1000 data");
	kan_prove_layers(t);
	cr_expect_eq(t->n_lowers, 1);
	cr_expect(t->userxattr);
	leave(t, &p);
}

Test(below, a_short_link_leads_to_a_layer_beside_it_or_nowhere)
{
	static const char *const hostile[] = {
		"ln -sfn ../../diff data/overlay2/l/SHORT; mkdir data/diff",
		"ln -sfn ../../../secret/diff data/overlay2/l/SHORT",
		"mv data/overlay2/l elsewhere; ln -s ../../elsewhere data/overlay2/l",
		"ln -sfn /etc data/overlay2/l/SHORT"};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct test_place p;
		struct kan_target *t = layered(&p);
		sh(&p, hostile[i]);
		kan_prove_layers(t);
		cr_expect_eq(t->n_lowers, 0, "%s", hostile[i]);
		cr_expect_eq(t->upper_fd, -1, "%s", hostile[i]);
		leave(t, &p);
	}
}

/* With an engine and without: the same lists name the same layers. */
Test(below, podmans_lists_are_read_of_a_dead_disk_too)
{
	for (int offline = 0; offline < 2; offline++) {
		struct test_place p;
		struct kan_target *t = layered(&p);
		sh(&p, "mkdir -p data/overlay-containers data/overlay && "
		       "mv data/overlay2/own data/overlay/" ID_HEX " && "
		       "mv data/overlay2/* data/overlay/ && "
		       "printf '[{\"id\":\"" ID_HEX "\",\"layer\":\"" ID_HEX "\"}]' "
		       ">data/overlay-containers/containers.json");
		free(t->storage);
		t->storage = kan_xstrdup("overlay");
		t->pid = 0;
		t->depth = offline ? KAN_DEPTH_OFFLINE : KAN_DEPTH_HOST;
		kan_prove_layers(t);
		cr_expect_eq(t->n_lowers, 1, "offline %d", offline);
		leave(t, &p);
	}
}
