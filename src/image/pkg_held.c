/* rpm's database in memory without a name: no file of the target is opened by it, none is left
 * behind. */
#include "image/pkg_held.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "image/pkg_rpm.h"

struct part {
	int fd;
	uint64_t n;
	struct kan_buf path;
};

struct kan_pkg_held {
	struct part db, wal;
	struct part *at;
};

static void empty(struct part *p)
{
	kan_auto_close_fn(&p->fd);
	kan_buf_reset(&p->path);
	p->fd = -1;
	p->n = 0;
}

struct kan_pkg_held *kan_pkg_held_new(void)
{
	struct kan_pkg_held *h = kan_xalloc(sizeof(*h));
	h->db = h->wal = (struct part){.fd = -1, .path = KAN_BUF(KAN_PKG_PATH_MAX)};
	return h;
}

void kan_pkg_held_free(struct kan_pkg_held *h)
{
	if (!h)
		return;
	empty(&h->db);
	empty(&h->wal);
	kan_buf_free(&h->db.path);
	kan_buf_free(&h->wal.path);
	free(h);
}

int kan_pkg_held_begin(struct kan_pkg_held *h, enum kan_pkg_db db, struct kan_bytes path,
		       struct kan_err *err)
{
	struct part *p = db == KAN_PKG_RPM ? &h->db : &h->wal;
	h->at = NULL;
	if (p->fd >= 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"a second database of rpm beside %s: one is read",
				kan_buf_str(&p->path));
	p->fd = memfd_create("rpm", MFD_CLOEXEC);
	if (p->fd < 0)
		return kan_fail_sys(err, "memory for a database of rpm");
	kan_buf_addb(&p->path, path);
	h->at = p;
	return 0;
}

int kan_pkg_held_add(struct kan_pkg_held *h, struct kan_bytes piece, struct kan_err *err)
{
	struct part *p = h->at;
	if (!p)
		return 0;
	if (piece.n > KAN_PKG_RPM_DB - p->n) {
		empty(p);
		h->at = NULL;
		return kan_fail(err, KAN_ELIMIT, "a database of over %d bytes", KAN_PKG_RPM_DB);
	}
	if (piece.n && kan_write_all(p->fd, piece.p, piece.n, err) < 0) {
		empty(p);
		h->at = NULL;
		return -1;
	}
	p->n += piece.n;
	return 0;
}

struct kan_bytes kan_pkg_held_file(const struct kan_pkg_held *h)
{
	return kan_buf_bytes(h->db.fd >= 0 ? &h->db.path : &h->wal.path);
}

static int map(struct kan_bytes *out, const struct part *p, struct kan_err *err)
{
	*out = (struct kan_bytes){NULL, 0};
	if (p->n == 0)
		return 0;
	void *at = mmap(NULL, (size_t)p->n, PROT_READ, MAP_PRIVATE, p->fd, 0);
	if (at == MAP_FAILED)
		return kan_fail_sys(err, "memory for a database of rpm");
	*out = (struct kan_bytes){at, (size_t)p->n};
	return 0;
}

static void unmap(struct kan_bytes b)
{
	if (b.n)
		(void)munmap((void *)(uintptr_t)b.p, b.n);
}

/* "x/rpmdb.sqlite-wal" beside "x/rpmdb.sqlite" */
static bool beside(struct kan_bytes wal, struct kan_bytes db)
{
	return wal.n == db.n + 4 && memcmp(wal.p, db.p, db.n) == 0;
}

static int read_both(const struct kan_pkg_held *h, struct kan_bytes db, struct kan_bytes wal,
		     const struct kan_pkg_events *on, struct kan_err *err)
{
	if (h->db.fd >= 0 && beside(kan_buf_bytes(&h->wal.path), kan_buf_bytes(&h->db.path)))
		return kan_pkg_rpm_read(db, wal, on, err);
	if (h->db.fd >= 0)
		return kan_pkg_rpm_read(db, (struct kan_bytes){0}, on, err);
	return kan_pkg_wal_used(wal) ? kan_fail(err, KAN_EFORMAT,
						"byte 0: changes to a database that is not here")
				     : 0;
}

int kan_pkg_held_read(const struct kan_pkg_held *h, const struct kan_pkg_events *on,
		      struct kan_err *err)
{
	struct kan_bytes db, wal;
	if (map(&db, &h->db, err) < 0)
		return -1;
	int rc = map(&wal, &h->wal, err) < 0 ? -1 : read_both(h, db, wal, on, err);
	unmap(db);
	unmap(wal);
	return rc;
}
