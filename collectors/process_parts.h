/* Inside the collector processes: what was taken in the window, and who writes it afterwards. */
#ifndef KAN_COLLECTORS_PROCESS_PARTS_H
#define KAN_COLLECTORS_PROCESS_PARTS_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "collectors/carve.h"
#include "kernel/ipcspace.h"
#include "kernel/process.h"

enum {
	KAN_ENVIRON_ROWS = 1 << 20, /* of all processes; what is beyond is whole in proc.tar */
	KAN_MAPS_ROWS = 2 << 20,
	KAN_CGROUP_KEPT = 32 << 20, /* octets of cgroup files */
	KAN_REFS_ROW = 4096,        /* references in one row of content.ndjson */
	KAN_KEYS_OCTETS = 4 << 20,
	KAN_KMSG_ROWS = 10000,
};

struct kan_row;

struct kan_file_id {
	dev_t dev;
	uint64_t ino, mnt_id; /* mnt_id 0: not known */
	bool known;
};

/* One file of one cgroup directory, as it was in the window. */
struct kan_cgroup_kept {
	char *controllers, *dir;
	const char *group, *key;
	bool lines;
	struct kan_buf text;
};

struct kan_procs_before;
struct kan_procs {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_processes all, up;        /* up: parents outside */
	struct kan_carved *files, *up_files; /* beside all.held.v, up.held.v */
	struct kan_cgroup_kept *cgroups;
	size_t n_cgroups;
	uint64_t cgroup_octets, cgroups_left_out;
	bool cgroup_frozen;
	struct kan_file_id init_root, host_root;
	uint64_t init_mntns;
	int64_t btime_ns; /* 0: not known */
	int64_t read_ns;
	struct kan_bounded *worker;
	struct kan_procs_before *before; /* states, by pid */
	size_t n_before;
	struct kan_ipcspaces ipc;
	unsigned ipc_blocked;
	struct kan_buf keys;
	struct kan_err no_keys;
	bool keys_frozen;
};

/* Of a held file; NULL when there was no room for it. */
const struct kan_carved *kan_procs_file(const struct kan_procs *c, dev_t dev, uint64_t ino);

/* Callbacks of the kernel room: is the target frozen, and a read blocks. arg: the sink. */
bool kan_procs_frozen(const void *sink);
void kan_procs_stuck(void *sink);

/* process_row.c: processes.ndjson and ancestry.ndjson. */
int kan_procs_rows(struct kan_procs *c, struct kan_err *err);
int kan_procs_ancestry(struct kan_procs *c, struct kan_err *err);

/* process_who.c: credentials, capabilities, namespaces, accounts, into the row of p. */
void kan_procs_row_who(struct kan_row *r, struct kan_procs *c, const struct kan_process *p);

int kan_procs_threads(struct kan_procs *c, struct kan_err *err); /* process_threads.c */

/* process_tables.c: threads, environ, maps, fds. */
int kan_procs_tables(struct kan_procs *c, struct kan_err *err);

/* process_holders.c: the sockets among the descriptors, once they are read. */
void kan_procs_tell_holders(const struct kan_procs *c);

/* process_cgroup.c: read in the window, written after it. */
void kan_procs_read_cgroups(struct kan_procs *c);
int kan_procs_cgroups(struct kan_procs *c, struct kan_err *err);
void kan_procs_free_cgroups(struct kan_procs *c);

/* process_content.c: what is wanted of each held file, who refers to it; then content.ndjson and
 * proc.tar. */
int kan_procs_carve(struct kan_procs *c, struct kan_err *err);
int kan_procs_content(struct kan_procs *c, struct kan_err *err);
int kan_procs_tar(struct kan_procs *c, struct kan_err *err);

/* process_before.c: before the window, of who was a member then; and what it has hidden, into the
 * row of p. */
void kan_procs_look_before(struct kan_procs *c, const struct kan_members *early);
void kan_procs_row_before(struct kan_row *r, const struct kan_procs *c,
			  const struct kan_process *p);

/* process_ipc.c: the namespace that dir is in, entered before the window; they are read in it; what
 * came up in it is read after it. */
void kan_procs_add_ipc(struct kan_procs *c, int dir);
void kan_procs_read_ipc(struct kan_procs *c);
int kan_procs_ipc(struct kan_procs *c, struct kan_err *err);
/* process_mqueue.c: the message queues of one; and what could not be had of it, where why tells. */
int kan_procs_queues(const struct kan_procs *c, struct kan_rows *rows, const struct kan_ipcspace *s,
		     struct kan_err *err);
void kan_procs_ipc_gap(const struct kan_procs *c, const struct kan_ipcspace *s, const char *of,
		       const struct kan_err *why);

/* process_keys.c: read in the window, written after it. */
void kan_procs_read_keys(struct kan_procs *c);
int kan_procs_keys(struct kan_procs *c, struct kan_err *err);

int kan_procs_kmsg(struct kan_procs *c, struct kan_err *err); /* process_kmsg.c: after the window */

/* pid is one of a member, not of a neighbour. */
bool kan_procs_is_member(const struct kan_procs *c, pid_t pid);

/* exe of p is memory that never had a name. */
bool kan_procs_is_memfd(const struct kan_procs *c, const struct kan_process *p);

#endif
