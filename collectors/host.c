/* host: what machine this is, what time it has, and whether it can be believed. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/row.h"
#include "base/self.h"
#include "collectors/binfmt.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

enum {
	SETTING_MAX = 4096,
	MODULES_MAX = 4 << 20,
	DOCUMENT_MAX = 64 << 10,
	SETTING_NAME = 96,
};

static const char *const artefacts[] = {"host.json",   "clock.json",    "sysctl.ndjson",
					"modules.txt", "binfmt.ndjson", NULL};

static const struct kan_limit limits[] = {{"setting_octets", SETTING_MAX, false},
					  {"modules_octets", MODULES_MAX, false},
					  {"binary_formats", KAN_BINFMT_MAX, false},
					  {NULL, 0, false}};

/* Settings that open a way out of a container, hide who took it, or decide what we could see. */
static const char settings[] =
	"fs.binfmt_misc.status fs.file-max fs.protected_fifos fs.protected_hardlinks "
	"fs.protected_regular fs.protected_symlinks fs.suid_dumpable kernel.cap_last_cap "
	"kernel.core_pattern kernel.core_pipe_limit kernel.core_uses_pid "
	"kernel.dmesg_restrict kernel.domainname kernel.hotplug kernel.io_uring_disabled "
	"kernel.kexec_load_disabled kernel.keys.maxkeys kernel.kptr_restrict "
	"kernel.modprobe kernel.modules_disabled kernel.ngroups_max kernel.panic "
	"kernel.perf_event_paranoid kernel.pid_max kernel.printk kernel.randomize_va_space "
	"kernel.seccomp.actions_avail kernel.seccomp.actions_logged kernel.sysrq "
	"kernel.tainted kernel.threads-max kernel.unprivileged_bpf_disabled "
	"kernel.unprivileged_userns_clone kernel.yama.ptrace_scope net.core.bpf_jit_enable "
	"net.ipv4.conf.all.forwarding net.ipv4.conf.all.route_localnet net.ipv4.ip_forward "
	"net.ipv6.conf.all.disable_ipv6 net.ipv6.conf.all.forwarding "
	"user.max_user_namespaces vm.mmap_min_addr vm.overcommit_memory vm.swappiness "
	"vm.unprivileged_userfaultfd";

static void set_file(json_t *o, const char *key, const char *path, struct kan_sink *sink)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(SETTING_MAX);
	struct kan_err why = {0};
	if (kan_read_pseudo(&text, AT_FDCWD, path, &why) == 0)
		kan_json_set_bytes(
			o, key, (struct kan_bytes){text.data, strcspn(kan_buf_str(&text), "\n")});
	else if (why.code == KAN_ENOTFOUND)
		kan_sink_gap(sink, kan_bytes_of(path), KAN_GAP_NOT_APPLICABLE,
			     "not in this kernel, or not mounted");
	else
		kan_sink_gap_err(sink, kan_bytes_of(path), &why);
}

static void set_mask(json_t *o, const char *key, uint64_t mask)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)mask);
	json_object_set_new(o, key, json_string(text));
}

/* What we were able to see depends on it. */
static void set_capabilities(json_t *o, const struct kan_target *t, struct kan_sink *sink)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(DOCUMENT_MAX);
	kan_auto_close int dir = -1;
	struct kan_err why = {0};
	struct kan_proc_status s;
	if (kan_proc_pid_dir(&dir, t->proc_fd, getpid(), &why) < 0 ||
	    kan_proc_read(&text, dir, "status", &why) < 0 ||
	    kan_proc_status_parse(&s, kan_buf_bytes(&text), &why) < 0) {
		kan_sink_gap_err(sink, KAN_LIT("our capabilities"), &why);
		return;
	}
	set_mask(o, "cap_effective", s.cap_eff);
	set_mask(o, "cap_bounding", s.cap_bnd);
	json_object_set_new(o, "uid", json_integer(geteuid()));
}

static int put_document(struct kan_sink *sink, const char *name, json_t *doc, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(DOCUMENT_MAX);
	int rc = kan_json_dump(&text, doc, err);
	json_decref(doc);
	return rc < 0 ? -1 : kan_sink_put(sink, name, kan_buf_bytes(&text), err);
}

static int host(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct utsname u = {0};
	struct kan_err why = {0};
	json_t *o = kan_host_json(), *self = NULL;
	(void)uname(&u);
	kan_json_set_bytes(o, "sysname", kan_bytes_of(u.sysname));
	kan_json_set_bytes(o, "version", kan_bytes_of(u.version));
	kan_json_set_bytes(o, "machine", kan_bytes_of(u.machine));
	json_object_set_new(o, "cgroup_mode", json_string(kan_cgroup_mode()));
	set_file(o, "lsm", "/sys/kernel/security/lsm", sink);
	set_file(o, "lockdown", "/sys/kernel/security/lockdown", sink);
	set_file(o, "cmdline", "/proc/cmdline", sink);
	set_capabilities(o, t, sink);
	if (kan_self_json(&self, NULL, &why) < 0)
		kan_sink_gap_err(sink, KAN_LIT("our executable"), &why);
	else
		json_object_set_new(o, "tool", self);
	return put_document(sink, "host.json", o, err);
}

static int setting(struct kan_rows *rows, const struct kan_target *t, struct kan_sink *sink,
		   const char *key, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(SETTING_MAX);
	struct kan_err why = {0};
	char path[128];
	(void)snprintf(path, sizeof(path), "sys/%s", key);
	for (char *dot = strchr(path, '.'); dot; dot = strchr(dot, '.'))
		*dot = '/';
	int rc = kan_read_pseudo(&text, t->proc_fd, path, &why);
	if (rc < 0 && why.code != KAN_ENOTFOUND) {
		kan_sink_gap_err(sink, kan_bytes_of(key), &why);
		return 0;
	}
	struct kan_row *row = kan_rows_begin(rows);
	kan_row_str(row, "key", key);
	if (rc == 0 && text.len && text.data[text.len - 1] == '\n')
		text.len--;
	if (rc == 0)
		kan_row_bytes(row, "value", kan_buf_bytes(&text));
	else
		kan_row_bool(row, "exists",
			     false); /* a fact of this kernel, nothing that is missing */
	return kan_rows_end(rows, err);
}

static int sysctls(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	char key[SETTING_NAME];
	uint64_t items = 0;
	if (kan_rows_open(&rows, sink, "sysctl.ndjson", err) < 0)
		return -1;
	for (const char *at = settings; *at; items++) {
		size_t n = strcspn(at, " ");
		(void)snprintf(key, sizeof(key), "%.*s", (int)n, at);
		if (setting(rows, t, sink, key, err) < 0) {
			kan_rows_abandon(rows);
			return -1;
		}
		at += n + strspn(at + n, " ");
	}
	kan_sink_items(sink, items);
	return kan_rows_close(rows, err);
}

static int modules(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(MODULES_MAX);
	struct kan_err why = {0};
	if (kan_read_pseudo(&text, t->proc_fd, "modules", &why) == 0)
		return kan_sink_put(sink, "modules.txt", kan_buf_bytes(&text), err);
	if (why.code == KAN_ENOTFOUND)
		kan_sink_gap(sink, KAN_LIT("/proc/modules"), KAN_GAP_NOT_APPLICABLE,
			     "a kernel without modules");
	else
		kan_sink_gap_err(sink, KAN_LIT("/proc/modules"), &why);
	return 0;
}

static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	kan_sink_scope(sink, KAN_LIT("journal"),
		       "journald records of the engine: not read by this build");
	if (put_document(sink, "clock.json", kan_clocks_json(), err) < 0 ||
	    host(target, sink, err) < 0 || sysctls(target, sink, err) < 0 ||
	    modules(target, sink, err) < 0 || kan_binfmt(target, sink, err) < 0)
		return -1;
	return 0;
}

extern const struct kan_collector kan_collector_host;
const struct kan_collector kan_collector_host = {
	.name = "host",
	.summary = "kernel, clocks, settings, modules: what machine this is",
	.tier = KAN_TIER_BEFORE,
	.needs = KAN_NEEDS_HOST | KAN_NEEDS_ENGINE,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
