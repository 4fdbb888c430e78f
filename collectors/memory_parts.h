/* Inside the collector memory: what one process after the other gave in the window, and what is
 * made of it afterwards. */
#ifndef KAN_COLLECTORS_MEMORY_PARTS_H
#define KAN_COLLECTORS_MEMORY_PARTS_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "base/digest.h"
#include "kernel/held.h"
#include "kernel/indicators.h"
#include "kernel/memory.h"

enum {
	KAN_MEM_PROCESS = 256 << 20, /* octets taken of one process */
	KAN_MEM_REGIONS = 1 << 17,   /* rows of all */
	KAN_MEM_KEPT = 1 << 18,      /* runs of pages of all */
	KAN_MEM_CORES = 4096,        /* processes */
	KAN_MEM_HITS = 256,          /* rows of one indicator */
	KAN_MEM_HITS_ALL = 1 << 16,
	KAN_MEM_AROUND = 32, /* octets before and after a hit */
};
#define KAN_MEM_TOTAL (UINT64_C(2) << 30) /* octets taken of all */

/* Why a region has less than there is. */
enum kan_mem_why {
	KAN_MEM_WHOLE,
	KAN_MEM_LIMIT,
	KAN_MEM_RUNS, /* too many runs of pages, or too long a look for them */
	KAN_MEM_DEADLINE,
	KAN_MEM_DEVICE,
	KAN_MEM_STUCK,
	KAN_MEM_VANISHED,
	KAN_MEM_DENIED, /* the kernel gives some of its pages to nobody */
};

/* A writable mapping. */
struct kan_mem_region {
	uint64_t start, end, offset, present, octets; /* octets: of present, what was read */
	size_t first, n;                              /* of kept */
	uint32_t process;
	char perms[5];
	uint8_t why;
	bool frozen, read, digested; /* read: it was begun */
	uint8_t digest[KAN_SHA256_SIZE];
};
struct kan_mem_process {
	pid_t pid;
	size_t first, n; /* of regions */
	uint64_t room;   /* octets that it was allowed */
	struct kan_artefact *core;
};
struct kan_mem_exe {
	pid_t pid;
	dev_t dev;
	uint64_t ino;
};
enum kan_mem_as { KAN_MEM_BYTES, KAN_MEM_REGION, KAN_MEM_EXE };
struct kan_mem_hit {
	uint64_t start, offset,
		end; /* start: of the region; end: in the stream, while it is open */
	size_t indicator, region;
	pid_t pid;
	uint8_t as, n_before, n_after;
	uint8_t before[KAN_MEM_AROUND], after[KAN_MEM_AROUND];
};

/* Bytes of regions in order: their digests, and what is found in them. */
struct kan_mem_scan {
	const struct kan_indicators *look; /* NULL: digests alone */
	bool digests;
	struct kan_digest *digest;
	struct kan_patterns_at at;
	uint8_t *tail; /* what stood before the piece in hand */
	size_t n_tail;
	struct kan_bytes piece;
	uint64_t run_start; /* address */
	const struct kan_mem_region *region;
	size_t region_number;
	pid_t pid;
	struct kan_mem_hit *hits;
	size_t n_hits, room_hits, open; /* open: the first one whose end was not seen yet */
	uint64_t *seen, all_seen;       /* hits of each indicator */
};

struct kan_mem {
	const struct kan_target *t;
	struct kan_sink *sink;
	bool store;
	uint64_t page;
	int64_t until_ns; /* kan_bounded_now */
	unsigned allowed_ms;
	struct kan_bounded *bounded;
	struct kan_mem_process *processes;
	struct kan_mem_region *regions;
	struct kan_memory_run *kept;
	size_t n_processes, n_regions, n_kept, room_processes, room_regions, room_kept;
	struct kan_mem_scan scan;
	struct kan_mem_exe *exes;
	struct kan_helds held;
	size_t n_exes, room_exes;
	uint64_t octets, present; /* of all */
	uint64_t regions_seen, not_looked_at, devices, late, unread;
	uint64_t runs_seen, runs_kept, threads_seen, threads_kept, maps_seen, maps_kept, names_left;
	bool ended; /* the deadline is over */
};

/* memory_regions.c: a row for each writable mapping; what is too much is marked. */
void kan_mem_regions(struct kan_mem *m, struct kan_mem_process *p, const struct kan_memspace *of);
/* memory_take.c: one process, in the window. -1 only when evidence cannot be written. */
int kan_mem_take(struct kan_mem *m, pid_t pid, int dir, struct kan_err *err);
/* memory_core.c */
int kan_mem_core_open(struct kan_artefact **out, struct kan_mem *m, const struct kan_memspace *of,
		      struct kan_err *err);
int kan_mem_core_finish(struct kan_mem *m, const struct kan_mem_process *p,
			const struct kan_memspace *of, struct kan_err *err);
/* Reads a core back: digests and hits of its regions. Takes p->core. */
int kan_mem_core_read(struct kan_mem *m, struct kan_mem_process *p, struct kan_err *err);

/* memory_scan.c */
void kan_mem_scan_init(struct kan_mem_scan *s, const struct kan_indicators *look, bool digests);
void kan_mem_scan_free(struct kan_mem_scan *s);
void kan_mem_scan_begin(struct kan_mem_scan *s, pid_t pid, const struct kan_mem_region *region,
			size_t number);
void kan_mem_scan_run(struct kan_mem_scan *s, uint64_t start); /* ends the one before */
void kan_mem_scan_add(struct kan_mem_scan *s, struct kan_bytes piece);
void kan_mem_scan_end(struct kan_mem_scan *s, struct kan_mem_region *region);
void kan_mem_unhex(uint8_t raw[KAN_SHA256_SIZE], const char *hex); /* 64 digits of ours */
/* One more; beyond what is kept it is counted. */
struct kan_mem_hit *kan_mem_scan_hit(struct kan_mem_scan *s, size_t indicator);

/* memory_exe.c: only when a digest is looked for. */
void kan_mem_exe_hold(struct kan_mem *m, pid_t pid, int dir);
int kan_mem_exe_read(struct kan_mem *m, struct kan_err *err);

/* memory_rows.c: regions.ndjson, hits.ndjson; what was left out. */
int kan_mem_rows(struct kan_mem *m, struct kan_err *err);
void kan_mem_tell(const struct kan_mem *m); /* memory_tell.c */

void *kan_mem_grow(void *v, size_t n, size_t *room, size_t size);

#endif
