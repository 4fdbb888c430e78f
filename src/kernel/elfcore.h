/* The parts of an ELF core file: pure functions from facts to bytes. core(5), elf(5). */
#ifndef KAN_KERNEL_ELFCORE_H
#define KAN_KERNEL_ELFCORE_H

#include <kanshiki/bytes.h>
#include <sys/types.h>

enum {
	KAN_CORE_HEAD = 64,       /* octets of the file header */
	KAN_CORE_LOAD = 56,       /* of a program header */
	KAN_CORE_THREADS = 4096,  /* notes of one process; more are left out */
	KAN_CORE_FILES = 4 << 20, /* octets of NT_FILE: the kernel's own maximum */
	KAN_CORE_NOTES = 8 << 20, /* of all notes */
	KAN_CORE_AUXV = 4096,
};

/* Whose memory it is. Registers are none: nothing of ours ever stops the process by ptrace. */
struct kan_core_process {
	pid_t pid, ppid, pgrp, session;
	char state;
	unsigned long flags;
	uint32_t uid, gid;
	struct kan_bytes comm, args, auxv; /* args: NUL-separated; cut at 79 octets */
	const pid_t *tids;
	size_t n_tids;
};

/* What becomes NT_FILE, added in order. */
struct kan_core_files {
	struct kan_buf table, names;
	uint64_t n, left_out; /* left_out: beyond KAN_CORE_FILES */
};
void kan_core_files_init(struct kan_core_files *f);
void kan_core_files_free(struct kan_core_files *f);
void kan_core_files_add(struct kan_core_files *f, uint64_t start, uint64_t end,
			uint64_t page_offset, struct kan_bytes path);

/* PRSTATUS of each thread, PRPSINFO, AUXV, FILE. out->max is KAN_CORE_NOTES. */
void kan_core_notes(struct kan_buf *out, const struct kan_core_process *p,
		    const struct kan_core_files *files, uint64_t page);

/* Of size octets of memory, the first kept ones stand in the file at offset. */
struct kan_core_load {
	uint64_t start, size, kept, offset;
	const char *perms; /* "rw-p" */
};
void kan_core_load(struct kan_buf *out, const struct kan_core_load *l, uint64_t page);
void kan_core_note_load(struct kan_buf *out, uint64_t offset, uint64_t octets);

/*
 * The file header, for loads program headers (with the note's) at offset. More than elf(5) has room
 * for: their number stands in a section header that follows them; kan_core_tail adds it.
 */
void kan_core_head(uint8_t out[KAN_CORE_HEAD], uint64_t loads, uint64_t offset);
void kan_core_tail(struct kan_buf *out, uint64_t loads);

#endif
