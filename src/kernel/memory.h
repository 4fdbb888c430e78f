/* The memory of one process: what is mapped, which pages are there, and their bytes. Whatever may
 * wait is done by a thread that can be left behind. */
#ifndef KAN_KERNEL_MEMORY_H
#define KAN_KERNEL_MEMORY_H

#include "kernel/bounded.h"
#include "kernel/elfcore.h"

enum {
	KAN_MEMORY_MAPS = 1 << 17, /* mappings of one process that are looked at */
	KAN_MEMORY_RUNS = 1 << 17, /* runs of pages of one process */
	KAN_MEMORY_PIECES = 256,   /* of one read */
	KAN_MEMORY_OCTETS = 1 << 20,
	KAN_MEMORY_LOOK_MS = 1500, /* below KAN_BOUNDED_MS: a huge range is no page that hangs */
};

struct kan_memory_run {
	uint64_t start, octets;
};
struct kan_memory_map {
	uint64_t start, end, offset;
	uint64_t present; /* octets that are in memory or swapped out, as far as looked at */
	char perms[5];
	bool device; /* VM_IO or VM_PFNMAP, or the kernel does not say that it is not: never read */
	bool cut;    /* not all of it was looked at */
	size_t first, n; /* of runs; only of what is writable and no device */
};
/* Of a process that has memory. */
struct kan_memspace {
	struct kan_memory_map *maps;
	struct kan_memory_run *runs;
	size_t n_maps, n_runs;
	uint64_t maps_seen, runs_seen, tids_seen;
	bool late;   /* looking took too long: the rest of the runs is not known */
	bool unread; /* the kernel would not say which pages of a mapping are there */
	pid_t pid, ppid, pgrp, session, *tids;
	char state;
	unsigned long flags;
	uint64_t starttime;
	uint32_t uid, gid;
	size_t n_tids;
	struct kan_buf comm, auxv;
	struct kan_core_files files;
	int mem; /* /proc/PID/mem; own */
};
/*
 * 0: *out is yours. 1: a zombie, which has no memory. -1: ETIMEDOUT as kan_bounded_run; not-found:
 * it has ended; denied; io.
 */
int kan_memory_look(struct kan_memspace **out, struct kan_bounded *b, int pid_dir,
		    struct kan_err *err);
void kan_memory_free(struct kan_memspace *m);
/* Facts for the notes of a core; borrowed from m. */
struct kan_core_process kan_memory_process(const struct kan_memspace *m);

/* One read of several pieces, one after the other in the buffer. */
struct kan_memory_read {
	int mem;         /* own */
	uint8_t *buffer; /* KAN_MEMORY_OCTETS */
	size_t n;
	struct kan_memory_piece {
		uint64_t start;
		size_t octets, got;
		int why; /* errno of what is behind got; 0 with got 0: the process has no memory */
	} v[KAN_MEMORY_PIECES];
};
struct kan_memory_read *kan_memory_read_new(const struct kan_memspace *m);
void kan_memory_read_free(struct kan_memory_read *r);
/* -1 with ETIMEDOUT: *r is left behind with the thread, and NULL. */
int kan_memory_fetch(struct kan_memory_read **r, struct kan_bounded *b, struct kan_err *err);

#endif
