/* The policy over literal lines of mountinfo: every class, and where on the host it comes from. */
#include <criterion/criterion.h>
#include <kanshiki/target.h>
#include <string.h>

#include "image/hostmap.h"
#include "image/mountplan.h"

/* The engine's table: a disk, its own directory on a second one, a volume that is a bind, two shm.
 */
static const char engine[] =
	"22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
	"30 22 0:5 / /dev rw - devtmpfs udev rw\n"
	"31 22 0:24 / /run rw - tmpfs tmpfs rw\n"
	"32 22 0:25 / /dev/shm rw - tmpfs tmpfs rw\n"
	"33 22 8:17 / /var/lib/docker rw - xfs /dev/sdb1 rw\n"
	"34 33 8:1 /srv/ledger /var/lib/docker/volumes/led/_data rw - ext4 /dev/sda1 rw\n"
	"35 33 8:1 /etc/pki /var/lib/docker/volumes/pki/_data rw - ext4 /dev/sda1 rw\n"
	"36 33 0:50 / /var/lib/docker/containers/ab/mounts/shm rw - tmpfs shm rw\n"
	"37 33 0:52 / /var/lib/docker/overlay2/cd/merged rw - overlay overlay rw\n"
	"41 33 0:51 / /var/lib/docker/containers/zz/mounts/shm rw - tmpfs shm rw\n"
	"42 33 0:53 / /var/lib/docker/overlay2/zz/merged rw - overlay overlay rw\n"
	"38 22 0:60 / /srv/cache rw - tmpfs tmpfs rw\n"
	"39 33 0:61 / /var/lib/docker/volumes/ram/_data rw - tmpfs tmpfs rw\n"
	"40 22 8:33 /@data /mnt/data rw - btrfs /dev/sdc1 rw\n";

static struct kan_plan plan;

static void leave(void)
{
	kan_plan_free(&plan);
}

static void read_table(const char *text, enum kan_mounts asked, bool with_engine)
{
	struct kan_hostmap *host = NULL;
	struct kan_err err = {0};
	plan = (struct kan_plan){.asked = asked};
	if (with_engine)
		cr_assert_eq(kan_hostmap_new(&host, kan_bytes_of(engine), "/var/lib/docker", &err),
			     0, "%s", err.text);
	struct kan_space s = {.ino = 1, .root_fd = -1};
	cr_assert_eq(kan_plan_add(&plan, s, kan_bytes_of(text), host, &err), 0, "%s", err.text);
	kan_plan_finish(&plan);
	kan_hostmap_free(host);
}

static const struct kan_planned *at(const char *point)
{
	for (size_t i = 0; i < plan.n; i++)
		if (kan_bytes_eq(plan.v[i].m.point, kan_bytes_of(point)))
			return &plan.v[i];
	cr_assert_fail("no mount at %s", point);
	return NULL;
}

static void is(const char *point, enum kan_mount_class class, enum kan_mount_act act,
	       const char *host_path)
{
	const struct kan_planned *m = at(point);
	cr_expect_eq(m->class, class, "%s is %s", point, kan_mount_word(m->class));
	cr_expect_eq(m->rule.act, act, "%s: act %d", point, m->rule.act);
	cr_expect(kan_bytes_eq(m->host_path, kan_bytes_of(host_path)), "%s is from %.*s", point,
		  (int)m->host_path.n, (const char *)m->host_path.p);
}

static const char container[] =
	"100 99 0:52 / / rw - overlay overlay rw,lowerdir=/l\n"
	"101 100 0:70 / /proc rw - proc proc rw\n"
	"102 100 0:71 / /dev rw - tmpfs tmpfs rw\n"
	"103 102 0:50 / /dev/shm rw - tmpfs shm rw\n"
	"104 102 0:72 / /dev/mqueue rw - mqueue mqueue rw\n"
	"105 100 8:17 /volumes/web/_data /data rw - xfs /dev/sdb1 rw\n"
	"106 100 8:1 /srv/ledger /ledger rw - ext4 /dev/sda1 rw\n"
	"107 100 8:1 /etc/pki /pki rw - ext4 /dev/sda1 rw\n"
	"108 100 8:1 /opt/app /app rw - ext4 /dev/sda1 rw\n"
	"109 100 8:17 /containers/ab/hosts /etc/hosts rw - xfs /dev/sdb1 rw\n"
	"110 100 0:24 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw\n"
	"111 100 8:1 / /host ro - ext4 /dev/sda1 rw\n"
	"112 100 8:1 /opt /host-opt rw - ext4 /dev/sda1 rw\n"
	"113 100 0:80 / /run/secrets rw - tmpfs tmpfs rw\n"
	"114 100 0:81 / /net rw - nfs4 filer:/x rw\n"
	"115 100 0:82 / /fuse rw - fuse.sshfs x rw\n"
	"116 100 0:83 / /auto rw - autofs systemd-1 rw\n"
	"117 100 0:84 / /v9 rw - 9p tag rw\n"
	"118 100 0:60 /sub /srvcache rw - tmpfs tmpfs rw\n"
	"119 100 0:61 / /ramvol rw - tmpfs tmpfs rw\n"
	"120 100 8:33 /@data/dir\\040with\\040space /sp\\040ace rw - btrfs /dev/sdc1 rw\n"
	"121 100 7:0 / /loop rw - ext4 /dev/loop0 rw\n"
	"122 100 0:52 /usr/bin /usr/local/bin rw - overlay overlay rw\n"
	"123 100 0:71 /null /proc/kcore rw - tmpfs tmpfs rw\n"
	"124 100 8:1 /opt/app /again rw - ext4 /dev/sda1 rw\n"
	"125 100 0:85 / /tmpfs-own rw - tmpfs none rw\n"
	"126 100 0:86 / /ctl rw - fusectl none rw\n"
	"127 100 8:17 / /engine rw - xfs /dev/sdb1 rw\n"
	"128 115 0:87 / /fuse/below rw - tmpfs none rw\n"
	"130 100 0:51 / /host/shm rw - tmpfs shm rw\n"
	"131 100 0:53 / /host/other rw - overlay overlay rw\n"
	"129 100 0:25 / /hostshm rw - tmpfs tmpfs rw\n";

Test(mountclass, every_class_is_told_from_the_two_tables, .fini = leave)
{
	read_table(container, KAN_MOUNTS_AUTO, true);
	is("/", KAN_MOUNT_ROOT, KAN_MOUNT_LIST, "");
	is("/proc", KAN_MOUNT_PSEUDO, KAN_MOUNT_STAT, "");
	is("/dev", KAN_MOUNT_TMPFS, KAN_MOUNT_COPY, "");
	is("/dev/shm", KAN_MOUNT_TMPFS, KAN_MOUNT_COPY, "/var/lib/docker/containers/ab/mounts/shm");
	is("/dev/mqueue", KAN_MOUNT_PSEUDO, KAN_MOUNT_STAT, "");
	is("/data", KAN_MOUNT_VOLUME, KAN_MOUNT_COPY, "/var/lib/docker/volumes/web/_data");
	is("/ledger", KAN_MOUNT_VOLUME, KAN_MOUNT_COPY, "/var/lib/docker/volumes/led/_data");
	is("/app", KAN_MOUNT_BIND, KAN_MOUNT_SMALL, "/opt/app");
	is("/etc/hosts", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/var/lib/docker/containers/ab/hosts");
	is("/var/run/docker.sock", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/run/docker.sock");
	is("/host", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/");
	is("/host-opt", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/opt");
	is("/run/secrets", KAN_MOUNT_SECRETS, KAN_MOUNT_DIGEST, "");
	is("/ramvol", KAN_MOUNT_VOLUME, KAN_MOUNT_COPY, "/var/lib/docker/volumes/ram/_data");
	is("/srvcache", KAN_MOUNT_BIND, KAN_MOUNT_SMALL, "/srv/cache/sub");
	is("/sp ace", KAN_MOUNT_BIND, KAN_MOUNT_SMALL, "/mnt/data/dir with space");
	is("/loop", KAN_MOUNT_BIND, KAN_MOUNT_SMALL, "");
	is("/usr/local/bin", KAN_MOUNT_ROOT, KAN_MOUNT_LIST, "");
	is("/tmpfs-own", KAN_MOUNT_TMPFS, KAN_MOUNT_COPY, "");
	is("/ctl", KAN_MOUNT_PSEUDO, KAN_MOUNT_STAT, "");
	is("/engine", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/var/lib/docker");
	is("/hostshm", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/dev/shm");
}

Test(mountclass, a_volume_that_is_a_bind_of_the_hosts_system_is_not_copied, .fini = leave)
{
	read_table(container, KAN_MOUNTS_AUTO, true);
	is("/pki", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "/var/lib/docker/volumes/pki/_data");
}

Test(mountclass, another_container_below_a_bind_of_the_host_is_the_systems, .fini = leave)
{
	read_table(container, KAN_MOUNTS_AUTO, true);
	is("/host/shm", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT,
	   "/var/lib/docker/containers/zz/mounts/shm");
	is("/host/other", KAN_MOUNT_SYSTEM, KAN_MOUNT_LIST, "/var/lib/docker/overlay2/zz/merged");
}

Test(mountclass, what_can_hang_is_listed_only_whatever_is_asked, .fini = leave)
{
	static const char *const points[] = {"/net", "/fuse", "/auto", "/v9"};
	for (int asked = KAN_MOUNTS_AUTO; asked <= KAN_MOUNTS_NONE; asked++) {
		read_table(container, (enum kan_mounts)asked, true);
		for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
			is(points[i], KAN_MOUNT_NETWORK, KAN_MOUNT_LIST, "");
		cr_assert_eq(at("/fuse/below")->through, 115);
		cr_assert_eq(at("/data")->through, 0);
		if (asked != KAN_MOUNTS_NONE)
			leave();
	}
}

Test(mountclass, a_mount_at_the_place_of_one_that_can_hang_is_reached_through_it, .fini = leave)
{
	read_table("1 0 0:52 / / rw - overlay overlay rw\n2 1 0:9 / /a rw - fuse f rw\n"
		   "3 2 0:10 / /a rw - tmpfs t rw\n4 1 0:11 / /ab rw - tmpfs t rw\n",
		   KAN_MOUNTS_AUTO, true);
	cr_assert_eq(plan.v[2].through, 2);
	cr_assert_eq(plan.v[3].through, 0);
}

Test(mountclass, a_stacked_file_system_is_left_alone_beside_one_that_can_hang, .fini = leave)
{
	static const char stacked[] = "1 0 0:52 / / rw - overlay overlay rw\n"
				      "2 1 0:9 / /o rw - overlay overlay rw\n";
	char both[256];
	read_table(stacked, KAN_MOUNTS_AUTO, true);
	is("/o", KAN_MOUNT_BIND, KAN_MOUNT_SMALL, "");
	leave();
	(void)snprintf(both, sizeof(both), "%s3 1 0:10 / /f rw - fuse f rw\n", stacked);
	read_table(both, KAN_MOUNTS_AUTO, true);
	is("/o", KAN_MOUNT_BIND, KAN_MOUNT_LIST, "");
	is("/", KAN_MOUNT_ROOT, KAN_MOUNT_LIST, "");
}

Test(mountclass, each_place_has_one_first, .fini = leave)
{
	read_table(container, KAN_MOUNTS_AUTO, true);
	cr_assert_eq(at("/again")->first, at("/app"));
	cr_assert_eq(at("/app")->first, at("/app"));
	cr_assert_eq(at("/proc/kcore")->first, at("/proc/kcore"),
		     "another root of the same device");
}

Test(mountclass, all_copies_the_system_and_secrets_and_none_nothing, .fini = leave)
{
	read_table(container, KAN_MOUNTS_ALL, true);
	cr_assert_eq(at("/host")->rule.act, KAN_MOUNT_COPY);
	cr_assert_eq(at("/run/secrets")->rule.act, KAN_MOUNT_COPY);
	cr_assert_eq(at("/proc")->rule.act, KAN_MOUNT_STAT);
	cr_assert_eq(at("/")->rule.act, KAN_MOUNT_LIST);
	leave();
	read_table(container, KAN_MOUNTS_NONE, true);
	for (size_t i = 0; i < plan.n; i++)
		cr_assert_eq(plan.v[i].rule.act, KAN_MOUNT_LIST);
}

Test(mountclass, without_the_engines_table_every_bind_counts_as_the_hosts, .fini = leave)
{
	read_table(container, KAN_MOUNTS_AUTO, false);
	is("/app", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "");
	is("/data", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "");
	is("/dev", KAN_MOUNT_TMPFS, KAN_MOUNT_COPY, "");
	is("/srvcache", KAN_MOUNT_SYSTEM, KAN_MOUNT_STAT, "");
}

Test(mountclass, the_hosts_own_namespace_is_listed_only, .fini = leave)
{
	struct kan_err err = {0};
	struct kan_space s = {.ino = 1, .root_fd = -1, .host = true};
	plan = (struct kan_plan){.asked = KAN_MOUNTS_ALL};
	cr_assert_eq(kan_plan_add(&plan, s, kan_bytes_of(container), NULL, &err), 0);
	kan_plan_finish(&plan);
	for (size_t i = 0; i < plan.n; i++)
		cr_assert_eq(plan.v[i].rule.act, KAN_MOUNT_LIST);
}

Test(mountclass, a_bad_line_keeps_what_came_before, .fini = leave)
{
	struct kan_err err = {0};
	struct kan_space s = {.ino = 1, .root_fd = -1};
	plan = (struct kan_plan){.asked = KAN_MOUNTS_AUTO};
	cr_assert_eq(kan_plan_add(&plan, s,
				  KAN_LIT("1 0 0:52 / / rw - overlay overlay rw\nnonsense\n"), NULL,
				  &err),
		     -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	kan_plan_finish(&plan);
	cr_assert_eq(plan.n, 1);
}

Test(mountclass, the_hosts_system_is_what_the_table_says)
{
	static const struct {
		const char *path;
		bool system;
	} cases[] = {{"/", true},
		     {"/home", true},
		     {"/home/u", false},
		     {"/var", true},
		     {"/var/www", false},
		     {"/var/lib/mysql", true},
		     {"/var/logs", false},
		     {"/var/log/x", true},
		     {"/etcetera", false},
		     {"/etc", true},
		     {"/usr/share", true},
		     {"/lib64", true},
		     {"/library", false},
		     {"/rootless", false},
		     {"/srv", true},
		     {"/srv/a", false},
		     {"/data", true},
		     {"/data/engine", true},
		     {"/data/engine/x", true},
		     {"/database", false},
		     {"/tmp/x", false}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(kan_host_system(kan_bytes_of(cases[i].path), KAN_LIT("/data/engine")),
			     cases[i].system, "%s", cases[i].path);
}

/* A container's table as engines make it, and what was mounted over it afterwards. */
static const char covered[] = "100 1 0:52 / / rw - overlay overlay rw\n"
			      "101 100 0:53 / /proc rw - proc proc rw\n"
			      "102 101 0:53 /sys /proc/sys ro - proc proc rw\n"
			      "103 101 0:54 /null /proc/kcore rw - tmpfs tmpfs rw\n"
			      "104 100 8:1 /x /etc/hosts rw - ext4 /dev/sda1 rw\n"
			      "105 100 0:55 / /data/in rw - tmpfs t rw\n"
			      "106 100 0:56 / /data-2 rw - tmpfs t rw\n"
			      "107 100 0:57 / /data rw - tmpfs t rw\n"
			      "108 107 0:58 / /data/new rw - tmpfs t rw\n"
			      "109 101 0:59 / /proc/1 rw - tmpfs t rw\n"
			      "110 101 0:60 / /proc/23/maps rw - tmpfs t rw\n"
			      "111 102 0:61 / /proc/sys/kernel rw - tmpfs t rw\n"
			      "112 103 0:62 / /proc/kcore rw - tmpfs t rw\n"
			      "113 107 8:1 /x /data rw - ext4 /dev/sda1 rw\n"
			      "114 100 0:53 / /srv/proc rw - proc proc rw\n"
			      "115 114 0:63 / /srv/proc/1 rw - tmpfs t rw\n"
			      "116 113 8:1 /x /data/deep rw - ext4 /dev/sda1 rw\n";

static const struct kan_planned *by_number(int id)
{
	for (size_t i = 0; i < plan.n; i++)
		if (plan.v[i].m.id == id)
			return &plan.v[i];
	cr_assert_fail("no mount %d", id);
	return NULL;
}

static void covers(int id, enum kan_covers what, const char *path, unsigned pid)
{
	kan_auto_buf struct kan_buf is_path = KAN_BUF(4096);
	const struct kan_covered *c = &by_number(id)->covered;
	cr_assert_eq(c->what, what, "%d: %d", id, c->what);
	cr_assert_eq(c->pid, pid, "%d: process %u", id, c->pid);
	kan_covered_path(&is_path, by_number(id));
	cr_assert_str_eq(kan_buf_str(&is_path), path, "%d", id);
}

Test(mountclass, a_mount_says_what_it_covers, .fini = leave)
{
	read_table(covered, KAN_MOUNTS_AUTO, true);
	covers(101, KAN_COVERS_PATH, "/proc", 0);
	covers(102, KAN_COVERS_PROC, "/sys", 0);
	covers(103, KAN_COVERS_PROC, "/kcore", 0);
	covers(104, KAN_COVERS_PATH, "/etc/hosts", 0);
	covers(109, KAN_COVERS_PROCESS, "/1", 1);
	covers(110, KAN_COVERS_PROCESS, "/23/maps", 23);
	covers(111, KAN_COVERS_PROC, "/sys/kernel", 0);
	covers(112, KAN_COVERS_MOUNT, "/null", 0);
	covers(113, KAN_COVERS_MOUNT, "/", 0);
	covers(115, KAN_COVERS_PROCESS, "/1", 1);
	covers(116, KAN_COVERS_PATH, "/x/deep", 0);
	cr_assert_eq(by_number(100)->covered.what, KAN_COVERS_UNKNOWN);
}

Test(mountclass, a_mount_over_earlier_mounts_hides_them, .fini = leave)
{
	static const int hidden[][2] = {{105, 107}, {107, 113}, {108, 113}, {103, 112}};
	read_table(covered, KAN_MOUNTS_AUTO, true);
	for (size_t i = 0; i < plan.n; i++) {
		int by = 0;
		for (size_t k = 0; k < sizeof(hidden) / sizeof(hidden[0]); k++)
			if (hidden[k][0] == plan.v[i].m.id)
				by = hidden[k][1];
		cr_assert_eq(plan.v[i].covered.by, by, "%d by %d", plan.v[i].m.id,
			     plan.v[i].covered.by);
	}
	cr_assert_eq(by_number(107)->covered.first, 105);
	cr_assert_eq(by_number(107)->covered.n, 1, "not /data-2, and not what is on top of it");
	cr_assert_eq(by_number(113)->covered.first, 107);
	cr_assert_eq(by_number(113)->covered.n, 2);
	cr_assert_eq(by_number(112)->covered.first, 103);
}
