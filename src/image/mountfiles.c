/* One mount after the other through the reader; who may be copied is decided file by file. */
#include "image/mountfiles.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/raised.h"
#include "base/row.h"
#include "image/hostmap.h"
#include "image/layername.h"
#include "image/overlay.h"
#include "image/take.h"
#include "image/xattrs.h"

enum { PLANTED_MAX = 64, BLOCK = 512, PATH_OCTETS = 2 * KAN_ROW_PATH_MAX };

/* What is left to spend. Several readers may spend at once. */
struct budget {
	_Atomic uint64_t octets, files;
};

struct kan_mountfiles {
	struct kan_sink *sink;
	struct kan_tarfile tar;
	struct kan_rows *rows;
	uint64_t items;
	bool all;      /* --mounts all */
	uint64_t each; /* of one volume */
	struct budget tmpfs, volumes, everything;
	uint64_t *ids; /* of the directories from the root to here */
	size_t depths;
};

struct kan_mountread {
	struct kan_mountfiles *files;
	const struct kan_planned *m;
	enum kan_mount_act act;
	struct kan_entered entered;
	struct kan_reader_opts opts;
	struct kan_reader *reader;
	struct budget own, *shared;
	bool frozen;
	/* Of the reader's thread, read when it has ended. */
	struct kan_buf path;
	uint64_t left_files, left_octets, secrets, keys;
};

int kan_mountfiles_open(struct kan_mountfiles **out, struct kan_sink *s, const struct kan_policy *p,
			struct kan_err *err)
{
	struct kan_mountfiles *f = kan_xalloc(sizeof(*f));
	uint64_t raised = p->max_bytes;
	f->sink = s;
	f->all = p->mounts == KAN_MOUNTS_ALL;
	f->each = kan_raised(raised, KAN_VOLUME_OCTETS);
	f->tmpfs.octets = kan_raised(raised, KAN_TMPFS_OCTETS);
	f->tmpfs.files = KAN_TMPFS_FILES;
	f->volumes.octets = kan_raised(raised, KAN_VOLUMES_OCTETS);
	f->volumes.files = UINT64_MAX;
	f->everything.octets = raised ? raised : KAN_ALL_OCTETS;
	f->everything.files = UINT64_MAX;
	if (kan_tarfile_open(&f->tar, s, "content.tar", err) < 0) {
		free(f);
		return -1;
	}
	if (kan_rows_open(&f->rows, s, "files.ndjson", err) < 0) {
		kan_mountfiles_abandon(f);
		return -1;
	}
	*out = f;
	return 0;
}

void kan_mountfiles_abandon(struct kan_mountfiles *f)
{
	if (!f)
		return;
	kan_tarfile_abandon(&f->tar);
	if (f->rows)
		kan_rows_abandon(f->rows);
	free(f->ids);
	free(f);
}

int kan_mountfiles_close(uint64_t *items, struct kan_mountfiles *f, struct kan_err *err)
{
	int rc = kan_tarfile_close(&f->tar, err);
	*items = f->items;
	if (rc == 0)
		rc = kan_rows_close(kan_take_ptr(f->rows), err);
	f->tar = (struct kan_tarfile){0};
	kan_mountfiles_abandon(f);
	return rc;
}

static bool spend_one(_Atomic uint64_t *left, uint64_t n)
{
	uint64_t had = atomic_load(left);
	while (had >= n)
		if (atomic_compare_exchange_weak(left, &had, had - n))
			return true;
	return false;
}

static bool spend(struct budget *b, uint64_t octets)
{
	return spend_one(&b->files, 1) && spend_one(&b->octets, octets);
}

/* The path as the container sees it. */
static struct kan_bytes in_container(struct kan_mountread *r, const struct kan_file *f)
{
	struct kan_bytes point = r->m->m.point;
	kan_buf_reset(&r->path);
	if (!kan_bytes_eq(point, KAN_LIT("/")))
		kan_buf_addb(&r->path, point);
	if (!kan_bytes_eq(f->path, KAN_LIT("/")))
		kan_buf_addb(&r->path, f->path);
	return kan_buf_bytes(&r->path);
}

/* A private key of the host is never read, whoever asks. */
static bool host_key(const struct kan_mountread *r, const struct kan_file *f)
{
	struct kan_bytes n = f->name.n ? f->name : r->m->m.point;
	struct kan_bytes tail = {n.p + (n.n < 4 ? 0 : n.n - 4), n.n < 4 ? n.n : 4};
	if (r->m->class != KAN_MOUNT_SYSTEM)
		return false;
	return kan_bytes_eq(tail, KAN_LIT("_key")) || kan_bytes_eq(tail, KAN_LIT(".key")) ||
	       memmem(f->path.p, f->path.n, "/private/", 9) ||
	       (kan_bytes_starts(n, "id_") && !kan_bytes_eq(tail, KAN_LIT(".pub")));
}

/* In the reader's thread. A hole costs nothing. */
static enum kan_want want(const struct kan_file *f, void *arg)
{
	struct kan_mountread *r = arg;
	uint64_t on_disk = f->st.stx_blocks * BLOCK;
	uint64_t octets = on_disk < f->st.stx_size ? on_disk : f->st.stx_size;
	if (r->act == KAN_MOUNT_STAT)
		return KAN_WANT_NOTHING;
	if (host_key(r, f)) {
		r->keys++;
		return KAN_WANT_NOTHING;
	}
	if (spend(&r->own, octets) && (!r->shared || spend(r->shared, octets))) {
		bool secret = !r->files->all && kan_mount_secret(in_container(r, f));
		r->secrets += secret;
		return secret || r->act == KAN_MOUNT_DIGEST ? KAN_WANT_DIGEST : KAN_WANT_STORE;
	}
	r->left_files++;
	r->left_octets += octets;
	return KAN_WANT_NOTHING;
}

static void give_budget(struct kan_mountread *r)
{
	struct kan_mountfiles *f = r->files;
	r->own = (struct budget){UINT64_MAX, UINT64_MAX};
	if (f->all) {
		r->shared = &f->everything;
	} else if (r->m->class == KAN_MOUNT_TMPFS) {
		r->shared = &f->tmpfs;
	} else if (r->m->class == KAN_MOUNT_VOLUME) {
		r->own.octets = f->each;
		r->shared = &f->volumes;
	} else { /* it was small when it was measured */
		r->own = (struct budget){KAN_BIND_OCTETS, KAN_BIND_ENTRIES};
	}
}

int kan_mountread_start(struct kan_mountread **out, struct kan_mountfiles *f,
			const struct kan_planned *m, enum kan_mount_act act, struct kan_entered *e,
			struct kan_err *err)
{
	struct kan_mountread *r = kan_xalloc(sizeof(*r));
	*r = (struct kan_mountread){.files = f, .m = m, .act = act, .entered = *e};
	r->path = KAN_BUF(PATH_OCTETS);
	r->frozen = kan_sink_frozen(f->sink);
	r->opts = (struct kan_reader_opts){.root_fd = e->fd,
					   .sink = f->sink,
					   .want = want,
					   .arg = r,
					   .root_only = act == KAN_MOUNT_STAT,
					   .shared = true};
	give_budget(r);
	if (kan_reader_start(&r->reader, &r->opts, err) < 0) {
		free(r);
		return -1;
	}
	e->fd = -1;
	*out = r;
	return 0;
}

void kan_mountread_settle(struct kan_mountread *r)
{
	kan_reader_settle(r->reader);
}

void kan_mountread_free(struct kan_mountread *r)
{
	if (!r)
		return;
	kan_reader_free(r->reader);
	kan_auto_close_fn(&r->entered.fd);
	kan_buf_free(&r->path);
	free(r);
}

/* Overlay's words mean nothing here. A directory that serves as somebody's upper one has them, too.
 */
static void put_planted(struct kan_row *row, const struct kan_file *f)
{
	struct kan_bytes v[PLANTED_MAX], left = f->xattrs;
	struct kan_xattr x;
	size_t n = 0;
	if (kan_bytes_starts(f->name, ".wh."))
		v[n++] = KAN_LIT(".wh.");
	if (kan_overlay_chr0(&f->st))
		v[n++] = KAN_LIT("whiteout");
	while (n < PLANTED_MAX && kan_xattrs_next(&x, &left))
		if (kan_overlay_planted(x.name, true) || kan_overlay_planted(x.name, false))
			v[n++] = x.name;
	if (n)
		kan_row_argv(row, "planted", v, n);
}

static void put_place(struct kan_row *row, struct kan_mountread *r, const struct kan_file *f)
{
	struct kan_mountfiles *files = r->files;
	struct kan_file named = *f;
	if (f->depth == 0)
		named.name = kan_layer_last(r->m->m.point);
	if (f->depth >= files->depths) {
		files->depths = 2 * (size_t)f->depth + 64;
		files->ids = kan_xrealloc(files->ids, files->depths, sizeof(*files->ids));
	}
	files->ids[f->depth] = ++files->items;
	kan_row_int(row, "mnt_id", r->m->m.id);
	kan_row_dec(row, "id", files->items);
	if (f->depth)
		kan_row_dec(row, "parent", files->ids[f->depth - 1]);
	kan_row_name(row, &named);
	/* Of a container without a process there is no mount table. */
	if (r->m->space && (f->st.stx_mask & STATX_MNT_ID) &&
	    f->st.stx_mnt_id != (uint64_t)r->m->m.id)
		kan_row_uint(row, "shadowed_by", f->st.stx_mnt_id);
}

static int put_file(const struct kan_file *f, const char *stored, void *arg, struct kan_err *err)
{
	struct kan_mountread *r = arg;
	struct kan_row *row = kan_rows_begin(r->files->rows);
	put_place(row, r, f);
	kan_row_str(row, "type", kan_file_type(f->st.stx_mode));
	kan_row_statx(row, &f->st);
	if (f->link.n)
		kan_row_bytes(row, "link", f->link);
	kan_row_xattrs(row, f->xattrs);
	put_planted(row, f);
	kan_row_content(row, f, stored);
	kan_row_bool(row, "frozen", f->frozen);
	return kan_rows_end(r->files->rows, err);
}

static void sum_up(struct kan_mounttaken *out, const struct kan_mountread *r)
{
	unsigned mode = r->entered.st.stx_mode;
	bool content = S_ISREG(mode) || S_ISDIR(mode);
	out->frozen = r->frozen;
	out->copied = content && r->act >= KAN_MOUNT_SMALL;
	if (!content)
		(void)snprintf(out->why, sizeof(out->why), "a %s: never opened",
			       kan_file_type(mode));
	else if (r->left_files)
		(void)snprintf(out->why, sizeof(out->why),
			       "budget: %llu files with %llu octets are rows without content",
			       (unsigned long long)r->left_files,
			       (unsigned long long)r->left_octets);
	else if (r->keys)
		(void)snprintf(out->why, sizeof(out->why), "%llu keys of the host were not read",
			       (unsigned long long)r->keys);
	else if (r->secrets && r->act >= KAN_MOUNT_SMALL)
		(void)snprintf(out->why, sizeof(out->why), "secrets: %llu are digests only",
			       (unsigned long long)r->secrets);
	out->scope = content && out->why[0];
}

int kan_mountread_take(struct kan_mounttaken *out, struct kan_mountread *r, struct kan_err *err)
{
	char prefix[16];
	kan_auto_buf struct kan_buf name = KAN_BUF(PATH_OCTETS);
	(void)snprintf(prefix, sizeof(prefix), "%d", r->m->m.id);
	kan_buf_addb(&name, r->m->m.point);
	struct kan_take t = {
		.sink = r->files->sink,
		.name = kan_buf_str(&name),
		.reader = r->opts,
		.started = kan_take_ptr(r->reader),
		.tar = r->act >= KAN_MOUNT_SMALL ? &r->files->tar : NULL,
		.prefix = kan_bytes_of(prefix),
		.point = r->m->m.point,
		.content = "content",
		.row = put_file,
		.arg = r,
	};
	int rc = kan_take_tree(&t, err);
	if (rc == 0)
		sum_up(out, r);
	kan_mountread_free(r);
	return rc;
}
