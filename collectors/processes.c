/* processes: every process of the target, what it runs, who it is, and the bytes that exist nowhere
 * but in it. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "collectors/process_parts.h"
#include "evidence/holders.h"
#include "image/file.h"
#include "kernel/bounded.h"
#include "kernel/cgroup.h"

static const char *const artefacts[] = {"processes.ndjson", "threads.ndjson",
					"environ.ndjson",   "maps.ndjson",
					"fds.ndjson",       "ancestry.ndjson",
					"cgroup.ndjson",    "content/",
					"content.ndjson",   "proc.tar",
					"ipc.ndjson",       "keys.ndjson",
					"kmsg.ndjson",      NULL};

static const struct kan_limit limits[] = {{"members", KAN_MEMBERS_MAX, false},
					  {"argv_octets", KAN_PROC_ARG_MAX, false},
					  {"maps_octets", KAN_PROC_MAPS_MAX, false},
					  {"raw_octets", KAN_PROC_RAW_TOTAL, false},
					  {"descriptors", KAN_PROC_FDS_TOTAL, false},
					  {"mappings", KAN_MAPS_ROWS, false},
					  {"variables", KAN_ENVIRON_ROWS, false},
					  {"threads", KAN_PROC_THREADS_TOTAL, false},
					  {"memory_ms", KAN_BOUNDED_MS, false},
					  {"held_files", KAN_HELD_MAX, false},
					  {"content_file_octets", KAN_CARVE_FILE, false},
					  {"content_octets", KAN_CARVE_TOTAL, false},
					  {"digest_octets", KAN_CARVE_DIGESTED, false},
					  {"cgroups", KAN_CGROUP_DIRS, false},
					  {"ipc_namespaces", KAN_IPCSPACES_MAX, false},
					  {"ipc_octets", KAN_SYSV_OCTETS, false},
					  {"message_queues", KAN_MQUEUES_MAX, false},
					  {"keys_octets", KAN_KEYS_OCTETS, false},
					  {"log_lines", KAN_KMSG_ROWS, false},
					  {NULL, 0, false}};

const struct kan_carved *kan_procs_file(const struct kan_procs *c, dev_t dev, uint64_t ino)
{
	int at = kan_held_find(&c->all.held, dev, ino);
	return at == KAN_HELD_NONE ? NULL : &c->files[at];
}

static struct kan_file_id id_of(int dir, const char *path, int flags)
{
	struct statx st;
	if (dir < 0 || statx(dir, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
			     STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return (struct kan_file_id){0};
	return (struct kan_file_id){.dev = kan_statx_dev(&st),
				    .ino = st.stx_ino,
				    .mnt_id = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0,
				    .known = true};
}

/* All that takes time or does not change, before the pause. */
static void prepare(struct kan_procs *c)
{
	struct kan_err why = {0};
	kan_held_init(&c->all.held);
	c->init_root = id_of(c->t->root_fd, "", AT_EMPTY_PATH);
	c->host_root = id_of(c->t->proc_fd, "1/root", 0);
	if (kan_proc_ns(&c->init_mntns, c->t->pid_dir, "mnt", NULL) < 0)
		c->init_mntns = 0; /* the init has ended: no namespace is its */
	if (kan_proc_btime(&c->btime_ns, c->t->proc_fd, &why) < 0)
		kan_sink_gap_err(c->sink, KAN_LIT("start times"), &why);
	c->worker = kan_bounded_new();
}

bool kan_procs_frozen(const void *sink)
{
	return kan_sink_frozen(sink);
}

void kan_procs_stuck(void *sink)
{
	kan_sink_window_break(sink);
}

static int read_in_window(struct kan_procs *c, const struct kan_processes_ask *ask,
			  struct kan_err *err)
{
	kan_holders_promise(c->sink);
	if (kan_sink_window_enter(c->sink, 0, 0, err) < 0)
		return -1;
	c->read_ns = kan_now_ns();
	int rc = kan_processes_read(&c->all, ask, err);
	kan_procs_read_cgroups(c);
	kan_procs_read_ipc(c);
	kan_procs_read_keys(c);
	kan_sink_window_leave(c->sink);
	if (rc == 0)
		kan_procs_tell_holders(c);
	else
		kan_holders_tell(c->sink, NULL, false);
	return rc;
}

static int take(struct kan_procs *c, struct kan_err *err)
{
	const struct kan_target *t = c->t;
	struct kan_strangers strangers = {0};
	struct kan_members early = {0};
	struct kan_processes_ask ask = {.members = {.proc_fd = t->proc_fd,
						    .init_dir = t->pid_dir,
						    .id = t->id,
						    .cgroup = t->cgroup,
						    .pid_private = t->pid_private,
						    .neighbours = !t->pid_private,
						    .strangers = &strangers,
						    .texts = true,
						    .unheld = true},
					.root_fd = t->space_fd >= 0 ? t->space_fd : t->root_fd,
					.frozen = kan_procs_frozen,
					.stuck = kan_procs_stuck,
					.arg = c->sink};
	/* Most processes of a host are none of ours: that is found out before the pause. */
	(void)kan_members_find(&early, &ask.members, NULL); /* in the window it is told */
	kan_procs_look_before(c, &early);
	kan_members_free(&early);
	int rc = read_in_window(c, &ask, err);
	kan_sink_impact(c->sink, "read arguments and environments through /proc, which may bring "
				 "pages of the processes back into memory");
	kan_strangers_free(&strangers);
	return rc;
}

/* Parents outside are the host's: their executables are taken when readable. */
static void tell_outside(struct kan_sink *sink, const char *what, const struct kan_err *why)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "a parent outside of the container: %.80s", why->text);
	kan_sink_scope(sink, kan_bytes_of(what), text);
}

static void tell_misses(struct kan_sink *sink, const struct kan_processes *all, bool parents)
{
	for (size_t i = 0; i < all->n_miss; i++) {
		char what[64];
		const struct kan_proc_miss *m = &all->miss[i];
		(void)snprintf(what, sizeof(what), "%d/%s", (int)m->pid, m->what);
		if (parents && m->err.code == KAN_EDENIED)
			tell_outside(sink, what, &m->err);
		else
			kan_sink_gap_err(sink, kan_bytes_of(what), &m->err);
	}
	if (all->misses > all->n_miss)
		kan_sink_limit(sink, KAN_LIT("gaps"), all->misses, all->n_miss, KAN_PROC_MISSES);
}

static void limit(struct kan_sink *sink, const char *what, uint64_t seen, uint64_t kept,
		  uint64_t most)
{
	if (seen > kept)
		kan_sink_limit(sink, kan_bytes_of(what), seen, kept, most);
}

static void tell(const struct kan_procs *c)
{
	const struct kan_processes *all = &c->all;
	uint64_t unlinked = 0, mapped = 0, members = 0, raw_less = 0;
	for (size_t i = 0; i < all->n; i++) {
		unlinked += all->v[i].unlinked_seen;
		mapped += all->v[i].n_unlinked;
		members += all->v[i].who.by != 0;
		raw_less += all->v[i].raw_left_out;
	}
	tell_misses(c->sink, all, false);
	tell_misses(c->sink, &c->up, true);
	/* Neighbours take room, too: both numbers count them. */
	limit(c->sink, "members", all->seen, all->n, all->limit);
	limit(c->sink, "descriptors", all->fds_seen, all->fds_kept, KAN_PROC_FDS_TOTAL);
	if (all->links_full)
		kan_sink_gap(c->sink, KAN_LIT("descriptors"), KAN_GAP_LIMIT,
			     "what they name is over %d bytes: those of %llu processes are not all "
			     "kept",
			     KAN_PROC_LINKS_TOTAL, (unsigned long long)all->links_full);
	limit(c->sink, "threads", all->threads_seen, all->threads_kept, KAN_PROC_THREADS_TOTAL);
	if (raw_less)
		kan_sink_gap(c->sink, KAN_LIT("proc.tar"), KAN_GAP_LIMIT,
			     "over %d bytes of raw files: of %llu of %llu processes they are not "
			     "all kept",
			     KAN_PROC_RAW_TOTAL, (unsigned long long)raw_less,
			     (unsigned long long)members);
	limit(c->sink, "held files", all->held.n + all->held.left_out, all->held.n, KAN_HELD_MAX);
	limit(c->sink, "mappings of unlinked files", unlinked, mapped, KAN_PROC_UNLINKED_MAX);
	if (all->not_tried)
		kan_sink_gap(c->sink, KAN_LIT("memory"), KAN_GAP_STUCK,
			     "argv, environment and mappings of %llu processes were not tried: "
			     "%llu before them blocked",
			     (unsigned long long)all->not_tried, (unsigned long long)all->stuck);
	if (members == 0)
		kan_sink_gap(c->sink, KAN_LIT("members"), KAN_GAP_VANISHED,
			     "no process of the container is left");
}

static int write_all(struct kan_procs *c, struct kan_err *err)
{
	kan_processes_ancestors(&c->up, &c->all, c->t->proc_fd);
	tell(c);
	if (kan_procs_carve(c, err) < 0 || kan_procs_rows(c, err) < 0 ||
	    kan_procs_tables(c, err) < 0 || kan_procs_ancestry(c, err) < 0 ||
	    kan_procs_cgroups(c, err) < 0 || kan_procs_content(c, err) < 0 ||
	    kan_procs_ipc(c, err) < 0 || kan_procs_keys(c, err) < 0 || kan_procs_kmsg(c, err) < 0)
		return -1;
	return kan_procs_tar(c, err);
}

static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_procs c = {.t = target, .sink = sink};
	prepare(&c);
	int rc = take(&c, err);
	if (rc == 0)
		rc = write_all(&c, err);
	kan_processes_free(&c.all);
	kan_processes_free(&c.up);
	kan_procs_free_cgroups(&c);
	kan_ipcspaces_free(&c.ipc);
	kan_bounded_free(c.worker);
	kan_buf_free(&c.keys);
	free(c.files);
	free(c.up_files);
	free(c.before);
	return rc;
}

extern const struct kan_collector kan_collector_processes;
const struct kan_collector kan_collector_processes = {
	.name = "processes",
	.summary = "every process: identity, executable, arguments, environment, descriptors, "
		   "carved bytes",
	.tier = KAN_TIER_PAUSED,
	.needs = KAN_NEEDS_HOST | KAN_NEEDS_PROCESS,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
