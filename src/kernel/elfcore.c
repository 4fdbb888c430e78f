/* The parts of an ELF core file, as the kernel would write them, but with registers of zero. */
#include "kernel/elfcore.h"

#include <elf.h>
#include <string.h>
#include <sys/procfs.h>

enum { NOTE_ALIGN = 4, ARGS_KEPT = ELF_PRARGSZ - 1 };

#if defined(__x86_64__)
static const Elf64_Half machine = EM_X86_64;
#elif defined(__aarch64__)
static const Elf64_Half machine = EM_AARCH64;
#elif defined(__riscv)
static const Elf64_Half machine = EM_RISCV;
#else
static const Elf64_Half machine = EM_NONE;
#endif

static void number(struct kan_buf *out, uint64_t v)
{
	kan_buf_add(out, &v, sizeof(v));
}

static void pad(struct kan_buf *out, size_t n)
{
	static const uint8_t zeros[NOTE_ALIGN];
	kan_buf_add(out, zeros, (NOTE_ALIGN - n % NOTE_ALIGN) % NOTE_ALIGN);
}

static void note_begin(struct kan_buf *out, unsigned type, size_t n)
{
	static const char name[8] = "CORE"; /* with its NUL 5 octets, padded to 8 */
	Elf64_Nhdr h = {.n_namesz = sizeof("CORE"), .n_descsz = (Elf64_Word)n, .n_type = type};
	kan_buf_add(out, &h, sizeof(h));
	kan_buf_add(out, name, sizeof(name));
}

static void note(struct kan_buf *out, unsigned type, const void *p, size_t n)
{
	note_begin(out, type, n);
	kan_buf_add(out, p, n);
	pad(out, n);
}

static void thread(struct kan_buf *out, const struct kan_core_process *p, pid_t tid)
{
	struct elf_prstatus s;
	(void)memset(&s, 0, sizeof(s));
	s.pr_pid = tid;
	s.pr_ppid = p->ppid;
	s.pr_pgrp = p->pgrp;
	s.pr_sid = p->session;
	note(out, NT_PRSTATUS, &s, sizeof(s));
}

static void put(char *to, size_t room, struct kan_bytes v)
{
	if (v.n)
		memcpy(to, v.p, v.n < room ? v.n : room);
}

/* The kernel's own order of letters: pr_state is the index, pr_sname the letter. */
static void state(struct elf_prpsinfo *s, char letter)
{
	static const char letters[] = "RSDTZW";
	const char *at = letter ? strchr(letters, letter) : NULL;
	s->pr_state = at ? (char)(at - letters) : 0;
	s->pr_sname = at ? letter : '.';
	s->pr_zomb = letter == 'Z';
}

static void identity(struct kan_buf *out, const struct kan_core_process *p)
{
	struct elf_prpsinfo s;
	(void)memset(&s, 0, sizeof(s));
	state(&s, p->state);
	s.pr_flag = p->flags;
	s.pr_uid = p->uid;
	s.pr_gid = p->gid;
	s.pr_pid = p->pid;
	s.pr_ppid = p->ppid;
	s.pr_pgrp = p->pgrp;
	s.pr_sid = p->session;
	put(s.pr_fname, sizeof(s.pr_fname), p->comm);
	put(s.pr_psargs, ARGS_KEPT, p->args);
	for (size_t i = 0; i < ARGS_KEPT && i + 1 < p->args.n; i++)
		if (!s.pr_psargs[i])
			s.pr_psargs[i] = ' ';
	note(out, NT_PRPSINFO, &s, sizeof(s));
}

void kan_core_files_init(struct kan_core_files *f)
{
	*f = (struct kan_core_files){.table = KAN_BUF(KAN_CORE_FILES),
				     .names = KAN_BUF(KAN_CORE_FILES)};
}

void kan_core_files_free(struct kan_core_files *f)
{
	kan_buf_free(&f->table);
	kan_buf_free(&f->names);
}

void kan_core_files_add(struct kan_core_files *f, uint64_t start, uint64_t end,
			uint64_t page_offset, struct kan_bytes path)
{
	size_t row = 3 * sizeof(uint64_t);
	if (f->table.len + f->names.len + row + path.n + 1 > KAN_CORE_FILES - row) {
		f->left_out++;
		return;
	}
	number(&f->table, start);
	number(&f->table, end);
	number(&f->table, page_offset);
	kan_buf_addb(&f->names, path);
	kan_buf_addc(&f->names, 0);
	f->n++;
}

static void files(struct kan_buf *out, const struct kan_core_files *f, uint64_t page)
{
	size_t n = 2 * sizeof(uint64_t) + f->table.len + f->names.len;
	note_begin(out, NT_FILE, n);
	number(out, f->n);
	number(out, page);
	kan_buf_addb(out, kan_buf_bytes(&f->table));
	kan_buf_addb(out, kan_buf_bytes(&f->names));
	pad(out, n);
}

/* gdb takes the first thread for the one in hand. */
void kan_core_notes(struct kan_buf *out, const struct kan_core_process *p,
		    const struct kan_core_files *f, uint64_t page)
{
	thread(out, p, p->pid);
	identity(out, p);
	note(out, NT_AUXV, p->auxv.p, p->auxv.n);
	files(out, f, page);
	for (size_t i = 0, n = 1; i < p->n_tids && n < KAN_CORE_THREADS; i++) {
		if (p->tids[i] == p->pid)
			continue;
		thread(out, p, p->tids[i]);
		n++;
	}
}

void kan_core_load(struct kan_buf *out, const struct kan_core_load *l, uint64_t page)
{
	Elf64_Phdr h = {.p_type = PT_LOAD,
			.p_offset = l->offset,
			.p_vaddr = l->start,
			.p_filesz = l->kept,
			.p_memsz = l->size,
			.p_align = page};
	h.p_flags = (l->perms[0] == 'r' ? PF_R : 0U) | (l->perms[1] == 'w' ? PF_W : 0U) |
		    (l->perms[2] == 'x' ? PF_X : 0U);
	kan_buf_add(out, &h, sizeof(h));
}

void kan_core_note_load(struct kan_buf *out, uint64_t offset, uint64_t octets)
{
	Elf64_Phdr h = {
		.p_type = PT_NOTE, .p_offset = offset, .p_filesz = octets, .p_align = NOTE_ALIGN};
	kan_buf_add(out, &h, sizeof(h));
}

void kan_core_head(uint8_t out[KAN_CORE_HEAD], uint64_t loads, uint64_t offset)
{
	bool many = loads >= PN_XNUM;
	Elf64_Ehdr h = {.e_type = ET_CORE,
			.e_machine = machine,
			.e_version = EV_CURRENT,
			.e_phoff = offset,
			.e_shoff = many ? offset + loads * sizeof(Elf64_Phdr) : 0,
			.e_ehsize = sizeof(h),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = many ? PN_XNUM : (Elf64_Half)loads,
			.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
			.e_shnum = many};
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	h.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(out, &h, sizeof(h));
}

void kan_core_tail(struct kan_buf *out, uint64_t loads)
{
	Elf64_Shdr h = {.sh_type = SHT_NULL, .sh_size = 1, .sh_info = (Elf64_Word)loads};
	if (loads >= PN_XNUM)
		kan_buf_add(out, &h, sizeof(h));
}
