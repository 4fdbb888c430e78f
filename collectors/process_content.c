/* Whose bytes are wanted, and who refers to them; content.ndjson and proc.tar. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "base/tar.h"
#include "collectors/process_parts.h"
#include "image/file.h"
#include "image/take.h"

enum { FIRST = 64, MEMBER_MODE = 0400, NAME_OCTETS = 64 };

enum as { AS_EXE, AS_FD, AS_MAP };
/* A process's way to a held file: at is the descriptor, or the start of the mapping. */
struct ref {
	int file;
	enum as as;
	const struct kan_process *p;
	uint64_t at;
};
struct refs {
	struct ref *v;
	size_t n, cap;
};

static void add(struct refs *refs, const struct kan_procs *c, dev_t dev, uint64_t ino,
		struct ref ref)
{
	ref.file = kan_held_find(&c->all.held, dev, ino);
	if (ref.file == KAN_HELD_NONE)
		return;
	if (refs->n == refs->cap) {
		refs->cap = refs->cap ? 2 * refs->cap : FIRST;
		refs->v = kan_xrealloc(refs->v, refs->cap, sizeof(*refs->v));
	}
	refs->v[refs->n++] = ref;
}

/* By file, and within one in the order of processes. */
static int by_file(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->p->who.pid != y->p->who.pid)
		return x->p->who.pid < y->p->who.pid ? -1 : 1;
	if (x->as != y->as)
		return x->as < y->as ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static struct refs all_refs(const struct kan_procs *c)
{
	struct refs refs = {0};
	for (size_t i = 0; i < c->all.n; i++) {
		const struct kan_process *p = &c->all.v[i];
		struct ref r = {.p = p, .as = AS_EXE};
		if (p->exe.known)
			add(&refs, c, kan_statx_dev(&p->exe.st), p->exe.st.stx_ino, r);
		for (size_t k = 0; k < p->fds.n; k++) {
			const struct kan_fd *d = &p->fds.v[k];
			r = (struct ref){.p = p, .as = AS_FD, .at = (uint64_t)d->fd};
			if (d->known && S_ISREG(d->mode) && d->nlink == 0)
				add(&refs, c, d->dev, d->ino, r);
		}
		for (size_t k = 0; k < p->n_unlinked; k++) {
			r = (struct ref){.p = p, .as = AS_MAP, .at = p->unlinked[k].start};
			add(&refs, c, p->unlinked[k].dev, p->unlinked[k].ino, r);
		}
	}
	if (refs.n)
		qsort(refs.v, refs.n, sizeof(*refs.v), by_file);
	return refs;
}

bool kan_procs_is_memfd(const struct kan_procs *c, const struct kan_process *p)
{
	return kan_held_memfd(&c->all.held, kan_statx_dev(&p->exe.st), kan_buf_bytes(&p->exe.link));
}

/* On another mount than the container's root: whether that is copied is not known here. */
static bool on_root(const struct kan_procs *c, const struct kan_process *p)
{
	const struct kan_file_id *root = &c->init_root;
	bool same_ns = p->ns[KAN_NS_MNT] == c->init_mntns;
	if (!root->known || kan_statx_dev(&p->exe.st) != root->dev)
		return false;
	return !same_ns || !root->mnt_id || !(p->exe.st.stx_mask & STATX_MNT_ID) ||
	       p->exe.st.stx_mnt_id == root->mnt_id;
}

static enum kan_carve_want wanted(const struct kan_procs *c, const struct ref *r)
{
	const struct kan_process *p = r->p;
	if (r->as != AS_EXE)
		return KAN_CARVE_CONTENT;
	bool there = p->exe.st.stx_nlink > 0 && p->path_now == KAN_PATH_SAME && on_root(c, p);
	return there ? KAN_CARVE_DIGEST : KAN_CARVE_CONTENT;
}

static void want(struct kan_carved *f, const struct kan_procs *c, const struct ref *r)
{
	static const char *const as[] = {"exe", "fd", "map"};
	enum kan_carve_want w = wanted(c, r);
	if (f->want == KAN_CARVE_NOTHING && r->as == AS_FD)
		(void)snprintf(f->who, sizeof(f->who), "%d/fd/%llu", (int)r->p->who.pid,
			       (unsigned long long)r->at);
	else if (f->want == KAN_CARVE_NOTHING)
		(void)snprintf(f->who, sizeof(f->who), "%d/%s", (int)r->p->who.pid, as[r->as]);
	f->want = w > f->want ? w : f->want;
}

static void want_ancestors(struct kan_procs *c)
{
	for (size_t i = 0; i < c->up.n; i++) {
		const struct kan_process *p = &c->up.v[i];
		int at = p->exe.known ? kan_held_find(&c->up.held, kan_statx_dev(&p->exe.st),
						      p->exe.st.stx_ino)
				      : KAN_HELD_NONE;
		if (at == KAN_HELD_NONE)
			continue;
		c->up_files[at].want = KAN_CARVE_DIGEST;
		(void)snprintf(c->up_files[at].who, sizeof(c->up_files[at].who), "%d/exe",
			       (int)p->who.pid);
	}
}

int kan_procs_carve(struct kan_procs *c, struct kan_err *err)
{
	struct refs refs = all_refs(c);
	c->files = kan_xalloc((c->all.held.n + 1) * sizeof(*c->files));
	c->up_files = kan_xalloc((c->up.held.n + 1) * sizeof(*c->up_files));
	for (size_t i = 0; i < refs.n; i++)
		want(&c->files[refs.v[i].file], c, &refs.v[i]);
	free(refs.v);
	want_ancestors(c);
	if (kan_carve(c->files, &c->all.held, c->sink, err) < 0)
		return -1;
	return kan_carve(c->up_files, &c->up.held, c->sink, err);
}

static void reference(struct kan_row *r, const struct ref *ref)
{
	static const char *const as[] = {"exe", "fd", "map"};
	kan_row_obj(r, NULL);
	kan_row_int(r, "pid", ref->p->who.pid);
	kan_row_str(r, "as", as[ref->as]);
	if (ref->as == AS_FD)
		kan_row_uint(r, "fd", ref->at);
	if (ref->as == AS_MAP)
		kan_row_mask(r, "start", ref->at);
	kan_row_obj_end(r);
}

static int content_row(struct kan_procs *c, struct kan_rows *rows, const struct ref *v, size_t n,
		       struct kan_err *err)
{
	const struct kan_carved *f = &c->files[v->file];
	const struct kan_held *h = &c->all.held.v[v->file];
	if (!f->content)
		return 0;
	struct kan_row *r = kan_rows_begin(rows);
	kan_row_str(r, "sha256", f->sha256);
	kan_row_uint(r, "size", f->octets);
	kan_row_bool(r, "whole", f->whole);
	kan_row_dev(r, "dev", h->dev);
	kan_row_dec(r, "ino", h->ino);
	kan_row_arr(r, "refs");
	for (size_t i = 0; i < n && i < KAN_REFS_ROW; i++)
		reference(r, &v[i]);
	kan_row_arr_end(r);
	kan_row_bool(r, "frozen", false); /* opened in the pause, read after it */
	if (n > KAN_REFS_ROW)
		kan_sink_limit(c->sink, kan_bytes_of(f->who), n, KAN_REFS_ROW, KAN_REFS_ROW);
	return kan_rows_end(rows, err);
}

int kan_procs_content(struct kan_procs *c, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	struct refs refs = all_refs(c);
	int rc = kan_rows_open(&rows, c->sink, "content.ndjson", err);
	for (size_t i = 0, n = 0; i < refs.n && rc == 0; i += n) {
		for (n = 1; i + n < refs.n && refs.v[i + n].file == refs.v[i].file; n++)
			;
		rc = content_row(c, rows, &refs.v[i], n, err);
	}
	free(refs.v);
	if (rc < 0) {
		kan_rows_abandon(rows);
		return -1;
	}
	return kan_rows_close(rows, err);
}

static int member(struct kan_tar *tar, const struct kan_procs *c, const struct kan_process *p,
		  enum kan_proc_file f, struct kan_err *err)
{
	char name[NAME_OCTETS];
	struct kan_bytes text = kan_buf_bytes(&p->raw[f]);
	(void)snprintf(name, sizeof(name), "%d/%s", (int)p->who.pid, kan_proc_file_name(f));
	struct kan_tar_entry e = {.path = kan_bytes_of(name),
				  .mode = S_IFREG | MEMBER_MODE,
				  .size = text.n,
				  .mtime_ns = c->read_ns};
	if (kan_tar_entry(tar, &e, err) < 0 || kan_tar_data(tar, text.p, text.n, err) < 0)
		return -1;
	return kan_tar_finish(tar, err);
}

int kan_procs_tar(struct kan_procs *c, struct kan_err *err)
{
	struct kan_tarfile tar = {0};
	if (kan_tarfile_open(&tar, c->sink, "proc.tar", err) < 0)
		return -1;
	for (size_t i = 0; i < c->all.n; i++) {
		const struct kan_process *p = &c->all.v[i];
		for (enum kan_proc_file f = 0; f < KAN_PF_COUNT; f++) {
			if (!p->who.by || !(p->has & 1u << f) || member(tar.tar, c, p, f, err) == 0)
				continue;
			kan_tarfile_abandon(&tar);
			return -1;
		}
	}
	return kan_tarfile_close(&tar, err);
}
