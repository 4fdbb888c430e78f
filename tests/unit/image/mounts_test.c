/* Real mounts in namespaces of their own, and the mounts collector against what the test put there.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence/channel.h"
#include "kernel/procfs.h"
#include "world.h"

extern const struct kan_collector kan_collector_mounts;

/* The container: its first process in mount and pid namespaces of its own, chrooted into the
 * overlay. */
struct container {
	struct world *w;
	pid_t between; /* its parent, which waits for it */
	json_t *mounts, *files;
};

static struct container c;

static void run(const char *script)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl("/bin/bash", "bash", "-euc", script, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	if (waitpid(pid, &status, 0) != pid || status != 0)
		_exit(1);
}

/* A muted FUSE server: who asks it anything waits for ever. */
static void mute_fuse(const char *point)
{
	char data[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	(void)snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || mount("mute", point, "fuse", 0, data) < 0)
		_exit(2);
}

static void first_process(const char *script, const char *fuse, const char *nested, int ready)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(c.w->top) < 0)
		_exit(3);
	run(script);
	if (fuse)
		mute_fuse(fuse);
	if (nested && fork() == 0) {
		if (unshare(CLONE_NEWNS) < 0)
			_exit(4);
		run(nested);
		if (chroot("m") < 0 || write(ready, "n", 1) != 1)
			_exit(5);
		for (;;)
			(void)pause();
	}
	if (chroot("m") < 0 || chdir("/") < 0 || write(ready, "r", 1) != 1)
		_exit(6);
	for (;;)
		(void)pause();
}

static void start(const char *script, const char *fuse, const char *nested)
{
	int pair[2];
	char word[2];
	pid_t init = 0;
	struct kan_err err = {0};
	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	c.between = fork();
	if (c.between == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
			_exit(1);
		pid_t pid = fork();
		if (pid == 0)
			first_process(script, fuse, nested, pair[1]);
		(void)!write(pair[1], &pid, sizeof(pid));
		(void)close(pair[1]);
		(void)waitpid(pid, NULL, 0);
		_exit(0);
	}
	(void)close(pair[1]);
	cr_assert_eq(read(pair[0], &init, sizeof(init)), (ssize_t)sizeof(init));
	for (int i = 0; i < (nested ? 2 : 1); i++)
		cr_assert_eq(read(pair[0], word, 1), 1, "the container did not start");
	(void)close(pair[0]);
	struct kan_target *t = &c.w->target;
	t->pid = init;
	t->pid_private = true;
	t->engine_pid = getpid();
	t->data_root = kan_xalloc(128);
	(void)snprintf(t->data_root, 128, "%s/data", c.w->top);
	(void)close(t->root_fd);
	memset(t->id, 'f', 64);
	cr_assert_eq(kan_proc_open(&t->proc_fd, &err), 0, "%s", err.text);
	cr_assert_eq(kan_proc_pid_dir(&t->pid_dir, t->proc_fd, init, &err), 0, "%s", err.text);
	cr_assert_eq(kan_proc_magic(&t->root_fd, t->pid_dir, "root", &err), 0, "%s", err.text);
}

static void make(void)
{
	c = (struct container){.w = world_new(1)};
	world_sh(c.w, "mkdir -p l0/{tmp,data,one,two,run/secrets,dev,f,big} data/volumes/v/_data "
		      "data/volumes/w/_data host x");
	world_mount(c.w, "");
}

static void capture(void)
{
	cr_assert_eq(world_collect(c.w, &kan_collector_mounts), 0);
	c.mounts = world_rows(c.w, "mounts.ndjson");
	c.files = world_rows(c.w, "files.ndjson");
	world_sh(c.w, "tar -xf bundle/data/mounts/content.tar -C x");
}

static void leave(void)
{
	(void)kill(c.w->target.pid, SIGKILL); /* ours; with it all of its pid namespace ends */
	(void)waitpid(c.between, NULL, 0);
	json_decref(c.mounts);
	json_decref(c.files);
	free(c.w->target.data_root);
	world_free(c.w);
}

/* The n-th mount at a point, in the order of the rows. */
static const json_t *mounted(const char *point, int n)
{
	size_t i = 0;
	const json_t *row = NULL;
	json_array_foreach (c.mounts, i, row)
		if (strcmp(world_str(row, "point"), point) == 0 && n-- == 0)
			return row;
	cr_assert_fail("no mount at %s", point);
	return NULL;
}

static int id_of(const json_t *mount)
{
	return (int)json_integer_value(json_object_get(mount, "id"));
}

static const json_t *file(const json_t *mount, const char *path)
{
	size_t i = 0;
	const json_t *row = NULL;
	json_array_foreach (c.files, i, row)
		if (json_integer_value(json_object_get(row, "mnt_id")) == id_of(mount) &&
		    strcmp(world_str(row, "path"), path) == 0)
			return row;
	return NULL;
}

static bool copied(const json_t *mount)
{
	return json_is_true(json_object_get(mount, "copied"));
}

static unsigned count(unsigned type)
{
	unsigned n = 0;
	for (size_t i = 0; i < c.w->n_gaps; i++)
		n += c.w->gaps[i].type == type;
	return n;
}

/* The digest of the row is that of a file the test can still see. */
static void same_digest(const json_t *row, const char *path)
{
	char *want = world_line(c.w, "sha256sum '%s'", path);
	want[64] = 0;
	cr_assert_str_eq(world_str(row, "sha256"), want, "%s", path);
	free(want);
}

Test(mounts, tmpfs_volume_and_small_bind_are_copied_byte_for_byte, .fini = leave)
{
	make();
	world_sh(c.w,
		 "head -c 300000 /dev/urandom >want; mkdir data/volumes/v/_data/d; cp want "
		 "data/volumes/v/_data/d/f; ln data/volumes/v/_data/d/f data/volumes/v/_data/h;"
		 "echo host >host/h; mkfifo host/p; mknod host/null c 1 3");
	start("mount -t tmpfs none m/tmp; cp want m/tmp/w; mkfifo m/tmp/p; mknod m/tmp/zero c 1 5;"
	      "ln -s /etc/shadow m/tmp/l; mount --bind data/volumes/v/_data m/data;"
	      "mount --bind host m/one",
	      NULL, NULL);
	capture();
	cr_assert_str_eq(world_str(mounted("/tmp", 0), "class"), "tmpfs");
	cr_assert_str_eq(world_str(mounted("/data", 0), "class"), "volume");
	cr_assert_str_eq(world_str(mounted("/one", 0), "class"), "bind");
	cr_assert(copied(mounted("/tmp", 0)) && copied(mounted("/data", 0)) &&
		  copied(mounted("/one", 0)));
	char *host = world_line(c.w, "echo $PWD/host");
	cr_assert_str_eq(world_str(mounted("/one", 0), "host_path"), host);
	free(host);
	world_sh(c.w, "cmp x/%d/w want; cmp x/%d/d/f want; cmp x/%d/h want; cmp x/%d/h host/h",
		 id_of(mounted("/tmp", 0)), id_of(mounted("/data", 0)), id_of(mounted("/data", 0)),
		 id_of(mounted("/one", 0)));
	same_digest(file(mounted("/tmp", 0), "/w"), "want");
	same_digest(file(mounted("/data", 0), "/d/f"), "want");
	cr_assert_str_eq(world_str(file(mounted("/tmp", 0), "/w"), "stored"), "content.tar");
	cr_assert_str_eq(world_str(file(mounted("/tmp", 0), "/p"), "type"), "fifo");
	cr_assert_str_eq(world_str(file(mounted("/tmp", 0), "/zero"), "rdev"), "1:5");
	cr_assert_str_eq(world_str(file(mounted("/tmp", 0), "/l"), "link"), "/etc/shadow");
	cr_assert_str_eq(world_str(file(mounted("/one", 0), "/null"), "type"), "chr");
	cr_assert_eq(count(KAN_MSG_GAP), 0, "%s: %s", c.w->gaps[0].what, c.w->gaps[0].why);
}

Test(mounts, every_line_of_the_table_is_a_row_and_the_raw_table_is_kept, .fini = leave)
{
	make();
	start("mount -t tmpfs 'a b' m/tmp; mkdir 'm/tmp/x y'; mount -t tmpfs none 'm/tmp/x y'",
	      NULL, NULL);
	capture();
	char *lines = world_line(c.w, "wc -l </proc/%d/mountinfo", (int)c.w->target.pid);
	cr_assert_eq((size_t)atoi(lines), json_array_size(c.mounts));
	free(lines);
	world_sh(c.w, "cmp bundle/data/mounts/mountinfo-%s.txt /proc/%d/mountinfo",
		 world_str(mounted("/tmp", 0), "mntns"), (int)c.w->target.pid);
	cr_assert_str_eq(world_str(mounted("/tmp/x y", 0), "class"), "tmpfs");
	cr_assert_str_eq(world_str(mounted("/tmp", 0), "source"), "a b");
	cr_assert_str_eq(world_str(mounted("/", 0), "class"), "root");
	static const char *const keys[] = {"mntns", "id",      "parent", "dev",    "root",
					   "point", "options", "fstype", "source", "super",
					   "class", "copied",  "frozen"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		cr_assert_not_null(json_object_get(mounted("/tmp", 0), keys[i]), "%s", keys[i]);
}

Test(mounts, a_covered_mount_is_a_gap_and_what_covers_it_is_taken, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/tmp; echo below >m/tmp/f; mount -t tmpfs none m/tmp; echo "
	      "above "
	      ">m/tmp/f",
	      NULL, NULL);
	capture();
	const json_t *below = mounted("/tmp", 0), *above = mounted("/tmp", 1);
	cr_assert_not(copied(below));
	cr_assert_null(file(below, "/f"));
	cr_assert(copied(above));
	world_sh(c.w, "[ $(cat x/%d/f) = above ]", id_of(above));
	cr_assert_not_null(world_gap(c.w, "/tmp", KAN_GAP_UNSUPPORTED));
	cr_assert_neq(world_str(below, "why")[0], 0);
}

Test(mounts, a_place_mounted_twice_is_taken_once_also_when_the_first_is_covered, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/one; echo once >m/one/f; mount --bind m/one m/two;"
	      "mount -t tmpfs none m/tmp; echo seen >m/tmp/f; mount --bind m/tmp m/data; mount -t "
	      "tmpfs none m/tmp",
	      NULL, NULL);
	capture();
	cr_assert(copied(mounted("/one", 0)));
	cr_assert_not(copied(mounted("/two", 0)));
	cr_assert_null(file(mounted("/two", 0), "/f"));
	cr_assert(copied(mounted("/data", 0)), "the one that is not covered");
	world_sh(c.w, "[ $(cat x/%d/f) = seen ]; [ $(cat x/%d/f) = once ]",
		 id_of(mounted("/data", 0)), id_of(mounted("/one", 0)));
}

Test(mounts, what_can_hang_is_never_touched_nor_what_lies_behind_it, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/tmp; mkdir m/tmp/f; echo kept >m/tmp/k", "m/tmp/f", NULL);
	capture();
	const json_t *fuse = mounted("/tmp/f", 0), *around = mounted("/tmp", 0);
	cr_assert_str_eq(world_str(fuse, "class"), "network");
	cr_assert_not(copied(fuse));
	cr_assert_null(file(fuse, "/"));
	cr_assert(copied(around));
	world_sh(c.w, "[ $(cat x/%d/k) = kept ]", id_of(around));
	const json_t *row = file(around, "/f");
	cr_assert_eq(json_integer_value(json_object_get(row, "shadowed_by")), id_of(fuse));
	cr_assert_eq(count(KAN_MSG_GAP), 0, "%s: %s", c.w->gaps[0].what, c.w->gaps[0].why);
	cr_assert_gt(count(KAN_MSG_SCOPE), 0);
}

Test(mounts, asked_for_all_what_can_hang_is_a_gap, .fini = leave)
{
	make();
	c.w->policy.mounts = KAN_MOUNTS_ALL;
	start("true", "m/f", NULL);
	capture();
	cr_assert_not_null(world_gap(c.w, "/f", KAN_GAP_UNSUPPORTED));
}

Test(mounts, secrets_are_rows_with_digests_and_no_byte_of_them_is_kept, .fini = leave)
{
	make();
	world_sh(c.w, "echo hunter2hunter2 >key");
	start("mount -t tmpfs none m/run; mkdir -p m/run/secrets m/run/other; cp key "
	      "m/run/secrets/plain;"
	      "echo open >m/run/other/f; mkdir m/run/secrets/m; mount -t tmpfs none "
	      "m/run/secrets/m;"
	      "cp key m/run/secrets/m/mounted",
	      NULL, NULL);
	capture();
	const json_t *run_mount = mounted("/run", 0), *own = mounted("/run/secrets/m", 0);
	same_digest(file(run_mount, "/secrets/plain"), "key");
	same_digest(file(own, "/mounted"), "key");
	cr_assert_null(json_object_get(file(run_mount, "/secrets/plain"), "stored"));
	cr_assert_null(json_object_get(file(own, "/mounted"), "stored"));
	cr_assert_str_eq(world_str(own, "class"), "secrets");
	world_sh(c.w, "[ $(cat x/%d/other/f) = open ]; ! grep -q hunter2 bundle/data/mounts/*",
		 id_of(run_mount));
}

Test(mounts, a_large_bind_and_the_hosts_system_are_the_root_s_row, .fini = leave)
{
	make();
	world_sh(c.w, "mkdir large; for i in $(seq 1001); do : >large/$i; done; head -c 1048577 "
		      "/dev/zero >file; head -c 1048576 /dev/zero >fits");
	start("mount --bind large m/big; : >m/one/f; : >m/one/g; mount --bind file m/one/f;"
	      "mount --bind fits m/one/g; mount --bind /etc m/two",
	      NULL, NULL);
	capture();
	static const char *const points[] = {"/big", "/one/f", "/two"};
	for (size_t i = 0; i < 3; i++) {
		const json_t *m = mounted(points[i], 0);
		cr_assert_not(copied(m), "%s", points[i]);
		cr_assert_not_null(file(m, "/"), "%s", points[i]);
		cr_assert_null(json_object_get(file(m, "/"), "sha256"), "%s", points[i]);
	}
	cr_assert_str_eq(world_str(mounted("/two", 0), "why"), "host system");
	cr_assert_null(file(mounted("/two", 0), "/passwd"));
	cr_assert(copied(mounted("/one/g", 0)));
	world_sh(c.w, "cmp x/%d fits", id_of(mounted("/one/g", 0)));
	cr_assert_str_eq(world_str(file(mounted("/one/g", 0), "/"), "name"), "g");
	cr_assert_eq(count(KAN_MSG_GAP), 0, "%s: %s", c.w->gaps[0].what, c.w->gaps[0].why);
	cr_assert_eq(count(KAN_MSG_SCOPE), 3);
}

Test(mounts, beyond_a_budget_there_are_rows_without_content, .fini = leave)
{
	make();
	c.w->policy.mounts = KAN_MOUNTS_ALL;
	c.w->policy.max_bytes = 10000;
	start("mount -t tmpfs none m/tmp; for i in 1 2 3 4; do head -c 4096 /dev/urandom "
	      ">m/tmp/$i; "
	      "done; truncate -s 1G m/tmp/hole",
	      NULL, NULL);
	capture();
	const json_t *m = mounted("/tmp", 0);
	unsigned kept = 0;
	for (int i = 1; i <= 4; i++) {
		char path[16];
		(void)snprintf(path, sizeof(path), "/%d", i);
		cr_assert_not_null(file(m, path));
		kept += json_object_get(file(m, path), "stored") != NULL;
	}
	cr_assert_eq(kept, 2);
	cr_assert_not_null(json_object_get(file(m, "/hole"), "stored"), "a hole costs nothing");
	cr_assert(copied(m));
	cr_assert_str_eq(world_str(m, "why"),
			 "budget: 2 files with 8192 octets are rows without content");
	cr_assert_gt(count(KAN_MSG_SCOPE), 0);
}

Test(mounts, asked_for_none_there_are_rows_of_mounts_only, .fini = leave)
{
	make();
	c.w->policy.mounts = KAN_MOUNTS_NONE;
	start("mount -t tmpfs none m/tmp; echo x >m/tmp/f", NULL, NULL);
	capture();
	cr_assert_not(copied(mounted("/tmp", 0)));
	cr_assert_eq(json_array_size(c.files), 0);
	cr_assert_eq(count(KAN_MSG_SCOPE), 1);
}

Test(mounts, a_namespace_inside_the_container_is_entered_by_its_own_root, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/tmp; echo outer >m/tmp/f", NULL,
	      "mount -t tmpfs hidden m/two; echo inner >m/two/f");
	capture();
	const json_t *hidden = mounted("/two", 0);
	cr_assert_str_neq(world_str(hidden, "mntns"), world_str(mounted("/tmp", 0), "mntns"));
	cr_assert(copied(hidden));
	world_sh(c.w,
		 "[ $(cat x/%d/f) = inner ]; [ $(cat x/%d/f) = outer ]; [ $(ls "
		 "bundle/data/mounts/mountinfo-*.txt | wc -l) = 2 ]",
		 id_of(hidden), id_of(mounted("/tmp", 0)));
	cr_assert_not(copied(mounted("/tmp", 1)), "the same place in the second namespace");
}

Test(mounts, inside_the_pause_all_is_read_before_anything_is_written, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/tmp; head -c 1000000 /dev/urandom >m/tmp/f; cp m/tmp/f want; "
	      "mount -t tmpfs none m/one; echo y >m/one/f",
	      NULL, NULL);
	c.w->frozen = true;
	capture();
	cr_assert_eq(c.w->window_entries, 4);
	cr_assert_eq(c.w->window_bytes, 1000002);
	world_sh(c.w, "cmp x/%d/f want; [ $(cat x/%d/f) = y ]", id_of(mounted("/tmp", 0)),
		 id_of(mounted("/one", 0)));
	cr_assert(json_is_true(json_object_get(file(mounted("/one", 0), "/f"), "frozen")));
	cr_assert(json_is_true(json_object_get(mounted("/one", 0), "frozen")));
}

Test(mounts, more_than_the_window_holds_is_said_before_the_pause, .fini = leave)
{
	make();
	start("mount -t tmpfs none m/tmp; for i in $(seq 257); do : >m/tmp/$i; done", NULL, NULL);
	capture();
	cr_assert_gt(c.w->window_entries, 256);
	cr_assert(copied(mounted("/tmp", 0)));
	cr_assert_not_null(file(mounted("/tmp", 0), "/257"));
}

Test(mounts, marks_of_overlay_on_a_volume_are_only_data, .fini = leave)
{
	make();
	world_sh(c.w, "cd data/volumes/v/_data; mknod gone c 0 0; : >.wh.x; : >o; setfattr -n "
		      "trusted.overlay.opaque -v y o");
	start("mount --bind data/volumes/v/_data m/data", NULL, NULL);
	capture();
	const json_t *m = mounted("/data", 0);
	static const char *const words[][2] = {
		{"/gone", "whiteout"}, {"/.wh.x", ".wh."}, {"/o", "trusted.overlay.opaque"}};
	for (size_t i = 0; i < 3; i++)
		cr_assert_str_eq(json_string_value(json_array_get(
					 json_object_get(file(m, words[i][0]), "planted"), 0)),
				 words[i][1]);
}

Test(mounts, a_namespace_whose_table_cannot_be_read_is_a_gap_by_its_number, .fini = leave)
{
	make();
	/* Its root becomes a plain directory: no mount is below, and the kernel shows it none. */
	start("true", NULL, "umount -R -l m");
	capture();
	char *raw = world_line(c.w, "ls bundle/data/mounts/mountinfo-*.txt | wc -l");
	cr_assert_str_eq(raw, "1", "the raw table of the init alone");
	free(raw);
	const struct world_gap *gap = NULL;
	for (size_t i = 0; i < c.w->n_gaps; i++)
		if (strncmp(c.w->gaps[i].what, "mountinfo-", 10) == 0)
			gap = &c.w->gaps[i];
	cr_assert_not_null(gap);
	cr_assert_eq(gap->code, KAN_GAP_UNSUPPORTED);
	cr_assert_null(strstr(gap->what, world_str(mounted("/", 0), "mntns")));
}

Test(mounts, a_row_says_what_its_mount_covers, .fini = leave)
{
	make();
	world_sh(c.w, "mkdir -p l0/proc; echo is >host/h; echo was >l0/one/f");
	start("mount -t proc none m/proc; mount -t tmpfs over m/proc/1; mount --bind host/h "
	      "m/one/f;"
	      "mount -t tmpfs none m/tmp; mkdir m/tmp/a; mount -t tmpfs below m/tmp/a;"
	      "mount -t tmpfs above m/tmp",
	      NULL, NULL);
	capture();
	const json_t *process = json_object_get(mounted("/proc/1", 0), "covers"),
		     *path = json_object_get(mounted("/one/f", 0), "covers"),
		     *mount = json_object_get(mounted("/tmp", 1), "covers");
	cr_assert_str_eq(world_str(process, "what"), "process");
	cr_assert_eq(json_integer_value(json_object_get(process, "pid")), 1);
	cr_assert_str_eq(world_str(path, "what"), "path");
	cr_assert_str_eq(world_str(path, "path"), "/one/f");
	cr_assert_str_eq(world_str(mount, "what"), "mount");
	cr_assert_eq(json_integer_value(json_object_get(mount, "mount")),
		     id_of(mounted("/tmp", 0)));
	cr_assert_eq(json_integer_value(json_object_get(mounted("/tmp", 0), "covered_by")),
		     id_of(mounted("/tmp", 1)));
	cr_assert_null(json_object_get(mounted("/", 0), "covers"));
}
