/* The parts of a core file, read again by elf.h. */
#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>
#include <sys/procfs.h>

#include "kernel/elfcore.h"

enum { PAGE = 4096 };

struct note {
	const Elf64_Nhdr *h;
	const uint8_t *desc;
};

/* The n-th note of a type. */
static struct note find(const struct kan_buf *notes, unsigned type, unsigned n)
{
	for (size_t at = 0; at < notes->len;) {
		const Elf64_Nhdr *h = (const void *)(notes->data + at);
		cr_assert_str_eq((const char *)(h + 1), "CORE");
		const uint8_t *desc = notes->data + at + sizeof(*h) + 8;
		at += sizeof(*h) + 8 + (h->n_descsz + 3) / 4 * 4;
		cr_assert_leq(at, notes->len);
		if (h->n_type == type && n-- == 0)
			return (struct note){h, desc};
	}
	return (struct note){0};
}

static struct kan_core_process process(const pid_t *tids, size_t n)
{
	return (struct kan_core_process){.pid = 4711,
					 .ppid = 4650,
					 .pgrp = 4711,
					 .session = 4650,
					 .state = 'S',
					 .uid = 33,
					 .gid = 34,
					 .comm = KAN_LIT("kworker/0:1 and much longer"),
					 .args = KAN_LIT("./x\0-o\0somewhere"),
					 .auxv = KAN_LIT("0123456789abcdef"),
					 .tids = tids,
					 .n_tids = n};
}

Test(elfcore, every_thread_has_a_note_and_no_registers)
{
	static const pid_t tids[] = {4712, 4711, 4713};
	struct kan_core_process p = process(tids, 3);
	struct kan_core_files files;
	struct kan_buf notes = KAN_BUF(KAN_CORE_NOTES);
	struct elf_prstatus s;
	kan_core_files_init(&files);
	kan_core_notes(&notes, &p, &files, PAGE);
	static const pid_t order[] = {4711, 4712, 4713};
	for (unsigned i = 0; i < 3; i++) {
		struct note n = find(&notes, NT_PRSTATUS, i);
		cr_assert_eq(n.h->n_descsz, sizeof(s));
		memcpy(&s, n.desc, sizeof(s));
		cr_assert_eq(s.pr_pid, order[i]);
		cr_assert_eq(s.pr_ppid, 4650);
		for (size_t k = 0; k < sizeof(s.pr_reg); k++)
			cr_assert_eq(((const uint8_t *)&s.pr_reg)[k], 0);
	}
	cr_assert_null(find(&notes, NT_PRSTATUS, 3).h);
	kan_core_files_free(&files);
	kan_buf_free(&notes);
}

Test(elfcore, names_are_cut_and_stay_strings)
{
	struct kan_core_process p = process(NULL, 0);
	struct kan_core_files files;
	struct kan_buf notes = KAN_BUF(KAN_CORE_NOTES);
	struct elf_prpsinfo s;
	kan_core_files_init(&files);
	kan_core_notes(&notes, &p, &files, PAGE);
	memcpy(&s, find(&notes, NT_PRPSINFO, 0).desc, sizeof(s));
	cr_assert_eq(memcmp(s.pr_fname, "kworker/0:1 and ", 16), 0);
	cr_assert_str_eq(s.pr_psargs, "./x -o somewhere");
	cr_assert(s.pr_sname == 'S' && s.pr_state == 1 && s.pr_uid == 33 && s.pr_gid == 34);
	struct note auxv = find(&notes, NT_AUXV, 0);
	cr_assert(auxv.h->n_descsz == 16 && memcmp(auxv.desc, "0123456789abcdef", 16) == 0);
	kan_core_files_free(&files);
	kan_buf_free(&notes);
}

Test(elfcore, mapped_files_are_named_with_their_page_offset)
{
	struct kan_core_process p = process(NULL, 0);
	struct kan_core_files files;
	struct kan_buf notes = KAN_BUF(KAN_CORE_NOTES);
	uint64_t v[8];
	kan_core_files_init(&files);
	kan_core_files_add(&files, 0x1000, 0x3000, 5, KAN_LIT("/lib/a\033[2J"));
	kan_core_files_add(&files, 0x4000, 0x5000, 0, KAN_LIT("/memfd:b (deleted)"));
	kan_core_notes(&notes, &p, &files, PAGE);
	const uint8_t *d = find(&notes, NT_FILE, 0).desc;
	memcpy(v, d, sizeof(v));
	cr_assert(v[0] == 2 && v[1] == PAGE && v[2] == 0x1000 && v[3] == 0x3000 && v[4] == 5 &&
		  v[5] == 0x4000 && v[7] == 0);
	cr_assert_str_eq((const char *)d + sizeof(v), "/lib/a\033[2J");
	cr_assert_str_eq((const char *)d + sizeof(v) + 11, "/memfd:b (deleted)");
	kan_core_files_free(&files);
	kan_buf_free(&notes);
}

Test(elfcore, names_beyond_the_maximum_are_counted)
{
	struct kan_core_files files;
	static uint8_t path[100000];
	kan_core_files_init(&files);
	memset(path, 'a', sizeof(path));
	for (unsigned i = 0; i < 100; i++)
		kan_core_files_add(&files, i, i + 1, 0, (struct kan_bytes){path, sizeof(path)});
	cr_assert_eq(files.n + files.left_out, 100);
	cr_assert_gt(files.left_out, 50);
	cr_assert_leq(files.table.len + files.names.len, KAN_CORE_FILES);
	cr_assert(!files.table.failed && !files.names.failed);
	kan_core_files_free(&files);
}

Test(elfcore, a_load_says_where_its_bytes_are)
{
	struct kan_buf b = KAN_BUF(4096);
	Elf64_Phdr h;
	struct kan_core_load l = {.start = 0x7f0000001000,
				  .size = 0x3000,
				  .kept = 0x2000,
				  .offset = 0x5000,
				  .perms = "rw-p"};
	kan_core_load(&b, &l, PAGE);
	cr_assert_eq(b.len, KAN_CORE_LOAD);
	memcpy(&h, b.data, sizeof(h));
	cr_assert(h.p_type == PT_LOAD && h.p_vaddr == l.start && h.p_memsz == 0x3000 &&
		  h.p_filesz == 0x2000 && h.p_offset == 0x5000 && h.p_flags == (PF_R | PF_W));
	kan_buf_free(&b);
}

Test(elfcore, more_loads_than_the_header_has_room_for_stand_in_a_section)
{
	Elf64_Ehdr h;
	Elf64_Shdr s;
	struct kan_buf b = KAN_BUF(4096);
	uint8_t head[KAN_CORE_HEAD];
	kan_core_head(head, 65534, 0x2000);
	kan_core_tail(&b, 65534);
	memcpy(&h, head, sizeof(h));
	cr_assert(h.e_phnum == 65534 && h.e_shnum == 0 && h.e_shoff == 0 && b.len == 0);
	cr_assert(memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 && h.e_type == ET_CORE &&
		  h.e_phoff == 0x2000);
	kan_core_head(head, 70000, 0x2000);
	kan_core_tail(&b, 70000);
	memcpy(&h, head, sizeof(h));
	cr_assert(h.e_phnum == PN_XNUM && h.e_shnum == 1 &&
		  h.e_shoff == 0x2000 + 70000 * sizeof(Elf64_Phdr));
	cr_assert_eq(b.len, sizeof(s));
	memcpy(&s, b.data, sizeof(s));
	cr_assert_eq(s.sh_info, 70000);
	kan_buf_free(&b);
}
