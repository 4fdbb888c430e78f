/* Push: what the tip's tree names as LFS objects, then the commits, then the one ref. */
#include "custody/push.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/http.h"
#include "custody/chain.h"
#include "custody/files.h"
#include "custody/lfsapi.h"
#include "custody/pktline.h"
#include "custody/plain.h"
#include "custody/tombstone.h"
#include "custody/verify.h"
#include "custody/write.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PACK_SECONDS = 3600, REPORT_MAX = 1 << 20, STALE_S = 24 * 3600 };

static const char no_id[] = "0000000000000000000000000000000000000000";

struct push {
	struct kan_custody *c;
	const struct kan_remote *remote;
	struct kan_push_done *done;
	struct kan_lfs_object *objects; /* each once */
	size_t n;
};

static void first_fault(const struct kan_check *check, void *arg)
{
	struct kan_err *fault = arg;

	if (check->result == KAN_CHECK_FAILED && !fault->code)
		kan_err_set(fault, KAN_ETAMPER, 0, "%s%s%s: not pushed: run kanshiki verify",
			    check->path ? check->path : "", check->path && *check->path ? ": " : "",
			    check->detail ? check->detail : check->name);
}

static int by_oid(const void *a, const void *b)
{
	return strcmp(((const struct kan_lfs_object *)a)->oid,
		      ((const struct kan_lfs_object *)b)->oid);
}

/* What was disposed of is not here to be sent; whoever got it before has it still. */
static bool gone(const struct push *p, const struct kan_verify *v, const struct kan_lfs_object *o)
{
	char path[KAN_LFS_PATH];
	struct stat st;

	kan_lfs_path(path, o->oid);
	return fstatat(p->c->home.repo_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	       kan_verify_disposed(v, o);
}

static void keep_objects(struct push *p, const struct kan_verify *v)
{
	size_t kept = 0;

	p->objects = kan_xrealloc(NULL, v->n_objects + 1, sizeof(*p->objects));
	for (size_t i = 0; i < v->n_objects; i++)
		p->objects[i] = v->objects[i].object;
	if (v->n_objects)
		qsort(p->objects, v->n_objects, sizeof(*p->objects), by_oid);
	for (size_t i = 0; i < v->n_objects; i++)
		if (!p->n || by_oid(&p->objects[p->n - 1], &p->objects[i]) != 0)
			p->objects[p->n++] = p->objects[i];
	for (size_t i = 0; i < p->n; i++)
		if (!gone(p, v, &p->objects[i]))
			p->objects[kept++] = p->objects[i];
	p->done->disposed = p->n - kept;
	p->n = kept;
}

/* The objects that the tip names, by the checks of verify: what is damaged here does not travel as
 * if it were whole. */
static int list_objects(struct push *p, struct kan_err *err)
{
	static const struct kan_custody_trust nothing = {0};
	struct kan_err fault = {0};
	kan_auto_tombstones struct kan_tombstones stones = {0};
	struct kan_verify v = {.fn = first_fault,
			       .arg = &fault,
			       .trust = &nothing,
			       .gone = &stones,
			       .ours = true,
			       .repo_fd = p->c->home.repo_fd,
			       .git = p->c->git};

	kan_verify_files(&v);
	if (!fault.code)
		kan_verify_tree(&v);
	if (!fault.code)
		kan_verify_all_stones(&v);
	kan_verify_sort(&v);
	if (!fault.code)
		keep_objects(p, &v);
	memcpy(p->done->tip, v.tip, KAN_GIT_ID);
	v.git = NULL; /* it is the home's */
	kan_verify_clear(&v);
	return fault.code ? kan_fail(err, fault.code, "%s", fault.text) : 0;
}

/* Only what goes on from the remote's main is pushed. */
static int check_ancestor(const struct push *p, struct kan_err *err)
{
	struct kan_chain_ids ids = {0};
	bool found = false;

	if (!*p->done->before)
		return 0;
	if (kan_chain_ids(&ids, p->c->git, p->done->tip, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.n && !found; i++)
		found = strcmp(ids.id[i], p->done->before) == 0;
	free(ids.id);
	if (found)
		return 0;
	return kan_fail(err, KAN_ETAMPER,
			"%s: its main, %s, is none of our commits: the remote is ahead, or one of "
			"the two was rewritten; nothing was pushed",
			p->remote->url, p->done->before);
}

/* Into lfs/objects of a repository of this machine, where git-lfs looks for a file:// remote. */
static int copy_objects(const struct push *p, struct kan_err *err)
{
	kan_auto_close int there =
		open(p->remote->url, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (there < 0)
		return kan_fail_sys(err, "%s", p->remote->url);
	kan_files_sweep(there, "lfs/tmp", "kanshiki-", STALE_S);
	for (size_t i = 0; i < p->n; i++) {
		const struct kan_lfs_object *o = &p->objects[i];
		kan_auto_close int fd = -1;
		char path[KAN_LFS_PATH];
		struct stat st;

		kan_lfs_path(path, o->oid);
		if (fstatat(there, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    (uint64_t)st.st_size == o->size) {
			p->done->there++;
			continue;
		}
		if (kan_lfs_check(p->c->home.repo_fd, o, err) < 0 ||
		    kan_lfs_open(&fd, p->c->home.repo_fd, o, err) < 0)
			return -1;
		if (kan_lfs_copy(there, fd, o, err) < 0)
			return kan_wrap(err, "%s", p->remote->url);
		p->done->sent++;
		p->done->octets += o->size;
	}
	return 0;
}

/* Before anything is asked of it, or written to it. */
static int plain_remote(const struct kan_remote *r, struct kan_err *err)
{
	kan_auto_close int fd = -1;

	if (r->kind != KAN_REMOTE_FILE)
		return 0;
	fd = open(r->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? kan_fail_sys(err, "%s", r->url)
		      : kan_plain_repo(fd, r->url, KAN_EREFUSED, err);
}

static int push_file(const struct push *p, struct kan_err *err)
{
	int rc = kan_git_push_local(p->c->git, p->remote->url, p->done->tip, p->done->before, err);
	return rc == 1 ? kan_fail(err, KAN_EIO, "%s: somebody else pushed meanwhile: try again",
				  p->remote->url)
		       : rc;
}

/* Command and pack in a file without a name: it is read from there by the transport. */
static int request_file(int *fd, uint64_t *size, const struct push *p, struct kan_err *err)
{
	kan_auto_buf struct kan_buf name = KAN_BUF(64), line = KAN_BUF(512), body = KAN_BUF(1024);
	kan_auto_close int file = -1;
	struct stat st;

	kan_buf_addf(&name, "lfs/tmp/kanshiki-push-%d-%" PRId64, (int)getpid(), kan_boot_ns());
	if (kan_mkdirs(p->c->home.repo_fd, "lfs/tmp", err) < 0)
		return -1;
	file = openat(p->c->home.repo_fd, kan_buf_str(&name),
		      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return kan_fail_sys(err, "%s", kan_buf_str(&name));
	(void)unlinkat(p->c->home.repo_fd, kan_buf_str(&name), 0);
	kan_buf_addf(&line, "%s %s " KAN_GIT_BRANCH, *p->done->before ? p->done->before : no_id,
		     p->done->tip);
	kan_buf_addc(&line, 0);
	kan_buf_adds(&line, " report-status agent=kanshiki");
	kan_pkt_add(&body, kan_buf_bytes(&line));
	kan_buf_adds(&body, "0000");
	if (kan_write_all(file, body.data, body.len, err) < 0 ||
	    kan_git_pack(file, p->c->git, p->done->tip, p->done->before, err) < 0)
		return -1;
	if (fstat(file, &st) < 0)
		return kan_fail_sys(err, "pack");
	*size = (uint64_t)st.st_size;
	*fd = kan_take_fd(&file);
	return 0;
}

static int append(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

static int push_http(const struct push *p, struct kan_err *err)
{
	kan_auto_buf struct kan_buf url = KAN_BUF(2 * KAN_REMOTE_URL), text = KAN_BUF(REPORT_MAX);
	kan_auto_close int fd = -1;
	struct kan_http_request q = {.method = "POST",
				     .content_type = "application/x-git-receive-pack-request",
				     .user = p->remote->user,
				     .tls = {.ca = p->remote->ca},
				     .max = REPORT_MAX,
				     .total_ms = PACK_SECONDS * 1000,
				     .silence_s = KAN_REMOTE_SECONDS,
				     .on_data = append,
				     .arg = &text};
	int status = 0;

	if (request_file(&fd, &q.body_size, p, err) < 0)
		return -1;
	kan_buf_addf(&url, "%s/git-receive-pack", p->remote->url);
	q.url = kan_buf_str(&url);
	q.body_fd = fd;
	if (kan_http_call(&status, &q, err) < 0) {
		if (err && err->code == KAN_EENGINE)
			err->code = KAN_EIO;
		return kan_wrap(err, "%s", p->remote->url);
	}
	if (status != 200)
		return kan_remote_refused(status, q.url, err);
	return kan_pkt_report(kan_buf_bytes(&text), KAN_GIT_BRANCH, err) < 0
		       ? kan_wrap(err, "%s", p->remote->url)
		       : 0;
}

static int read_back(const struct push *p, struct kan_err *err)
{
	char now[KAN_GIT_ID];

	if (kan_remote_main(now, p->remote, "git-upload-pack", err) < 0)
		return kan_wrap(err, "pushed, not read back");
	if (strcmp(now, p->done->tip) != 0)
		return kan_fail(err, KAN_ETAMPER, "%s: main was read back as %s, not as %s",
				p->remote->url, *now ? now : "nothing", p->done->tip);
	return 0;
}

static int run(struct push *p, struct kan_err *err)
{
	const bool http = p->remote->kind == KAN_REMOTE_HTTP;
	char tip[KAN_GIT_ID] = "";
	int found = kan_git_tip(tip, p->c->git, err);

	if (found <= 0)
		return found < 0 ? -1 : kan_fail(err, KAN_ENOTFOUND, "there is no event to push");
	if (plain_remote(p->remote, err) < 0 ||
	    kan_remote_main(p->done->before, p->remote,
			    http ? "git-receive-pack" : "git-upload-pack", err) < 0 ||
	    list_objects(p, err) < 0 || check_ancestor(p, err) < 0)
		return -1;
	if (http) {
		struct kan_lfsapi_done sent;

		if (kan_lfsapi_upload(&sent, p->remote, p->c->home.repo_fd, p->objects, p->n, err) <
		    0)
			return -1;
		p->done->sent = sent.sent;
		p->done->there = sent.there;
		p->done->octets = sent.octets;
	} else if (copy_objects(p, err) < 0) {
		return -1;
	}
	if (strcmp(p->done->before, p->done->tip) != 0 &&
	    (http ? push_http(p, err) : push_file(p, err)) < 0)
		return -1;
	return read_back(p, err);
}

int kan_custody_push(struct kan_push_done *out, struct kan_custody *c, const struct kan_remote *r,
		     struct kan_err *err)
{
	struct push p = {.c = c, .remote = r, .done = out};
	int rc;

	memset(out, 0, sizeof(*out));
	if (r->kind == KAN_REMOTE_OTHER)
		return kan_fail(err, KAN_EREFUSED, "%s: only file and http(s) are spoken here",
				r->url);
	rc = run(&p, err);
	free(p.objects);
	return rc;
}
