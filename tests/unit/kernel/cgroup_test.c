/* Whose cgroup is it: names, and the trap of the root. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/procfs.h"

#define ID "b71dce63f00cf1c912b53acac4cb4e2661985b755d273b87714e74ceac85ce3c"

static bool names(const char *text)
{
	return kan_cgroup_names(kan_bytes_of(text), ID);
}

Test(cgroup, every_runtimes_name_of_a_container_is_known)
{
	cr_assert(names("0::/docker/" ID "\n"));
	cr_assert(names("0::/system.slice/docker-" ID ".scope\n"));
	cr_assert(names("0::/machine.slice/libpod-" ID ".scope/container\n"));
	cr_assert(names("0::/libpod_parent/libpod-" ID "\n"));
	cr_assert(names("0::/kubepods.slice/cri-containerd-" ID ".scope\n"));
	cr_assert(names("12:cpu,cpuacct:/\n1:name=systemd:/\n0::/docker/" ID "/inner"));
}

Test(cgroup, a_name_that_only_holds_the_id_is_another)
{
	cr_assert_not(names("0::/docker/" ID "x\n"));
	cr_assert_not(names("0::/docker/x" ID "\n"));
	cr_assert_not(names("0::/docker/docker-" ID ".scopes\n"));
	cr_assert_not(names("0::/docker/libpod-conmon-" ID ".scope\n"));
	cr_assert_not(names("0:" ID ":/docker\n"));
}

Test(cgroup, a_path_may_hold_colons)
{
	cr_assert(names("0::/a:b/" ID ":c/" ID "\n"));
	cr_assert_not(names("0::/a:" ID "\n"));
}

Test(cgroup, the_root_and_nothing_name_nobody)
{
	static const char *const texts[] = {"",    "\n",   "0::\n",   "0::/\n",
					    "0\n", "0:\n", ":::::\n", "0::/../..\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_not(names(texts[i]), "%s", texts[i]);
		cr_assert_not(kan_cgroup_names(kan_bytes_of(texts[i]), ""), "%s", texts[i]);
	}
}

Test(cgroup, a_process_of_no_container_opens_no_cgroup)
{
	struct kan_cgroup *c = NULL;
	struct kan_err err = {0};
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), dir = -1;
	cr_assert_eq(kan_proc_pid_dir(&dir, proc, getpid(), NULL), 0);
	cr_assert_lt(kan_cgroup_open(&c, proc, dir, ID, &err), 0);
	cr_assert_eq(err.code, KAN_EREFUSED);
	cr_assert_null(c);
	(void)close(dir);
	(void)close(proc);
}
