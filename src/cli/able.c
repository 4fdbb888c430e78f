/* From what a collector needs and what is here to what it can take. */
#include "cli/able.h"

#include <linux/capability.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/row.h"
#include "base/sandbox.h"
#include "cli/box.h"
#include "cli/timed.h"
#include "engine/probe.h"
#include "image/xattrwords.h"
#include "kernel/cgroup.h"
#include "kernel/memory.h"
#include "kernel/netlink.h"
#include "kernel/procfs.h"

enum { RIGHTS_S = 10, ENGINE_S = 20, TABLE_OCTETS = 1 << 20, CAP_BITS = 64 };

const char *const kan_able_words[] = {"available", "limited", "unavailable", NULL};

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* Root's powers that are used beyond being root, and what each collector loses without them. */
static const struct {
	const char *name;
	uint64_t caps;
} powers[] = {
	{"processes", CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH)},
	{"network", CAP(SYS_PTRACE) | CAP(SYS_ADMIN) | CAP(NET_ADMIN)},
	{"memory", CAP(SYS_PTRACE)},
	{"mounts", CAP(SYS_PTRACE) | CAP(SYS_ADMIN) | CAP(DAC_READ_SEARCH)},
	{"filesystem", CAP(SYS_ADMIN) | CAP(DAC_READ_SEARCH)},
	{"logs", CAP(DAC_READ_SEARCH)},
	{"posture", CAP(DAC_READ_SEARCH)},
	{"image", CAP(DAC_READ_SEARCH)},
};

/* --- the host */

static void set_why(json_t *o, const char *key, int rc, const struct kan_err *why)
{
	kan_json_set_bytes(o, key, kan_bytes_of(rc < 0 ? why->text : ""));
}

/* The collector's own look, at a child of ours: what the kernel lets us read of another process. */
static int look_at_child(int proc_fd, struct kan_err *err)
{
	struct kan_memspace *m = NULL;
	kan_auto_close int dir = -1;
	pid_t pid = fork();
	if (pid < 0)
		return kan_fail_sys(err, "fork");
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	struct kan_bounded *b = kan_bounded_new();
	int rc = kan_proc_pid_dir(&dir, proc_fd, pid, err);
	if (rc == 0)
		rc = kan_memory_look(&m, b, dir, err);
	kan_memory_free(m);
	kan_bounded_free(b);
	kan_sandbox_end(pid);
	return rc < 0 ? -1 : 0;
}

static void look_at_proc(json_t *o)
{
	struct kan_err why = {0};
	struct kan_proc_status self = {0};
	kan_auto_close int proc = -1, dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(TABLE_OCTETS), table = KAN_BUF(TABLE_OCTETS);
	int rc = kan_proc_open(&proc, &why);
	if (rc == 0)
		rc = kan_proc_pid_dir(&dir, proc, getpid(), &why);
	if (rc == 0)
		rc = kan_proc_read(&text, dir, "status", &why);
	if (rc == 0)
		rc = kan_proc_status_parse(&self, kan_buf_bytes(&text), &why);
	set_why(o, "proc", rc, &why);
	json_object_set_new(o, "cap_effective", json_integer((json_int_t)self.cap_eff));
	if (rc == 0)
		rc = look_at_child(proc, &why);
	set_why(o, "memory", rc, &why);
	if (dir >= 0)
		(void)kan_proc_read(&table, dir, "net/netlink", NULL);
	json_object_set_new(
		o, "sock_diag",
		json_boolean(kan_netlink_loaded(kan_buf_bytes(&table), NETLINK_SOCK_DIAG)));
	json_object_set_new(
		o, "nfnetlink",
		json_boolean(kan_netlink_loaded(kan_buf_bytes(&table), NETLINK_NETFILTER)));
}

/* The sandbox last: from there on this child has nothing else. */
static int rights(json_t **out, const void *arg, struct kan_err *err)
{
	static const char *const all[] = {"/", NULL}, *const none[] = {NULL};
	struct kan_sandbox_state box = {0};
	struct kan_err why = {0};
	json_t *o = json_object();
	(void)arg;
	json_object_set_new(o, "root", json_boolean(geteuid() == 0));
	look_at_proc(o);
	json_object_set_new(o, "cgroup", json_string(kan_cgroup_mode()));
	int rc = kan_cgroup_freezer(&why);
	set_why(o, "freezer", rc, &why);
	if (kan_sandbox_reader(&box, all, none, err) < 0) {
		json_decref(o);
		return -1;
	}
	json_object_set_new(o, "sandbox", kan_box_json(&box));
	*out = o;
	return 0;
}

struct place {
	const char *host, *home;
};

static int probe(json_t **out, const void *arg, struct kan_err *err)
{
	const struct place *p = arg;
	return kan_engine_probe(out, p->host, p->home, err);
}

void kan_surroundings_take(struct kan_surroundings *out, const char *host, const char *home)
{
	const struct place place = {host, home};
	*out = (struct kan_surroundings){0};
	(void)kan_timed(&out->rights, RIGHTS_S, rights, NULL, &out->no_rights);
	(void)kan_timed(&out->engine, ENGINE_S, probe, &place, &out->no_engine);
}

void kan_surroundings_free(struct kan_surroundings *s)
{
	json_decref(s->rights);
	json_decref(s->engine);
}

/* --- a collector */

static struct kan_able able(enum kan_able_state state, const char *why, const char *todo)
{
	struct kan_able a = {.state = state, .todo = todo};
	(void)snprintf(a.why, sizeof(a.why), "%s", why);
	return a;
}

/* Why only the engine can be asked, not the host; KAN_ABLE: both can. */
static struct kan_able of_host(const struct kan_surroundings *s)
{
	const char *proc = kan_json_str(s->rights, "proc");
	if (!s->rights)
		return able(KAN_UNABLE, s->no_rights.text, NULL);
	if (!json_is_true(json_object_get(s->rights, "root")))
		return able(KAN_UNABLE, "not root", "run it as root");
	if (*proc)
		return able(KAN_UNABLE, proc, "run it in the host's own namespaces");
	if (!json_is_true(json_object_get(s->engine, "local")))
		return able(KAN_UNABLE, kan_json_str(s->engine, "why_not_local"),
			    "run it on the engine's host, with -H unix:///its/socket");
	return able(KAN_ABLE, "", NULL);
}

static uint64_t lacking(const struct kan_collector *c, const struct kan_surroundings *s)
{
	uint64_t have = (uint64_t)kan_json_int(s->rights, "cap_effective");
	if (have & CAP(DAC_OVERRIDE))
		have |= CAP(DAC_READ_SEARCH);
	for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++)
		if (strcmp(powers[i].name, c->name) == 0)
			return powers[i].caps & ~have;
	return 0;
}

static struct kan_able of_powers(uint64_t caps)
{
	kan_auto_buf struct kan_buf why = KAN_BUF(KAN_ABLE_WHY);
	for (unsigned bit = 0; bit < CAP_BITS; bit++)
		if (caps >> bit & 1)
			kan_buf_addf(&why, "%s%s", why.len ? ", " : "without ", kan_cap_name(bit));
	return able(KAN_ABLE_PARTLY, kan_buf_str(&why), "run it as root with all capabilities");
}

struct kan_able kan_able_of(const struct kan_collector *c, const struct kan_surroundings *s)
{
	const char *memory = kan_json_str(s->rights, "memory");
	struct kan_able host = of_host(s);
	if (!s->engine)
		return able(KAN_UNABLE, "no engine can be asked",
			    "start it, name it with -H, or read its files with capture --root");
	if (host.state != KAN_ABLE && c->needs & (KAN_NEEDS_HOST | KAN_NEEDS_PROCESS))
		return host;
	if (host.state != KAN_ABLE && !(c->needs & KAN_NEEDS_ENGINE) &&
	    strcmp(c->name, "engine") != 0) {
		host.state = KAN_ABLE_PARTLY;
		return host;
	}
	if (host.state == KAN_ABLE && lacking(c, s))
		return of_powers(lacking(c, s));
	if (c->needs & KAN_NEEDS_ASKED && *memory)
		return able(KAN_UNABLE, memory, "sysctl kernel.yama.ptrace_scope");
	return able(KAN_ABLE, "", NULL);
}

json_t *kan_able_json(const struct kan_collector *c, const struct kan_able *a)
{
	json_t *o = json_pack("{s:s,s:i,s:s,s:b,s:s}", "name", c->name, "tier", (int)c->tier,
			      "summary", c->summary, "asked", (int)(c->needs & KAN_NEEDS_ASKED),
			      "state", kan_able_words[a->state]);
	if (*a->why)
		kan_json_set_bytes(o, "why", kan_bytes_of(a->why));
	if (a->todo)
		json_object_set_new(o, "do", json_string(a->todo));
	return o;
}
