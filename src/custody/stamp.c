/* Time stamps: the request, the call, what is kept of its answer. */
#include "custody/stamp.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/http.h"
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/write.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { CALL_MS = 10000, HTTP_OK = 200, URL_MAX = 2048, MS = 1000000, NONCE_OCTETS = 32 };

int kan_stamp_url(const char *url, struct kan_err *err)
{
	size_t scheme = strncmp(url, "http://", 7) == 0    ? 7
			: strncmp(url, "https://", 8) == 0 ? 8
							   : 0;
	size_t n = strlen(url), host = strcspn(url + scheme, "/?#");

	if (!scheme || n > URL_MAX || !host)
		return kan_fail(err, KAN_EUSAGE, "'%.200s' is no URL of http or https", url);
	/* Events have the command line, and are handed on. */
	if (memchr(url + scheme, '@', host))
		return kan_fail(err, KAN_EUSAGE, "a URL with a password would be in the events");
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return kan_fail(err, KAN_EUSAGE, "'%.200s' is no URL of http or https",
					url);
	return 0;
}

static int take(struct kan_bytes piece, void *arg)
{
	struct kan_buf *reply = arg;

	kan_buf_addb(reply, piece);
	return reply->failed ? -1 : 0;
}

static int post(struct kan_buf *reply, const char *url, struct kan_bytes request,
		struct kan_err *err)
{
	struct kan_http_request r = {
		.url = url,
		.method = "POST",
		.body = request,
		.content_type = "application/timestamp-query",
		.max = KAN_TSP_REPLY_MAX,
		.total_ms = CALL_MS,
		.on_data = take,
		.arg = reply,
	};
	int status = 0;

	if (kan_http_call(&status, &r, err) < 0)
		return -1;
	/* A redirect too: the request goes to whom it was meant for, or to nobody. */
	if (status != HTTP_OK)
		return kan_fail(err, KAN_EREFUSED, "HTTP status %d", status);
	return 0;
}

/* The local clock's error at the middle of the call. */
static int64_t offset_ms(int64_t at, int64_t before)
{
	int64_t now = kan_now_ns();

	return (at - (before + (now - before) / 2)) / MS;
}

static int ask_once(int64_t *at, struct kan_buf *reply, const struct kan_stamp_ask *ask,
		    struct kan_bytes message, struct kan_bytes request, struct kan_err *err)
{
	int rc = post(reply, ask->url, request, err);

	if (!rc)
		rc = kan_tsp_verify(at, kan_buf_bytes(reply),
				    &(struct kan_tsp_ask){message, request, ask->ca}, err);
	return rc < 0 ? kan_wrap(err, "no time stamp from %.200s", ask->url) : 0;
}

int kan_stamp_clock(int64_t *out, const struct kan_stamp_ask *ask, struct kan_err *err)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_TSP_REPLY_MAX);
	kan_auto_buf struct kan_buf request = KAN_BUF(KAN_TSP_REQUEST_MAX);
	uint8_t random[NONCE_OCTETS];
	struct kan_bytes message = {random, sizeof(random)};
	int64_t at = 0, before;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return kan_fail_sys(err, "random");
	if (kan_tsp_request(&request, message, err) < 0)
		return -1;
	before = kan_now_ns();
	if (ask_once(&at, &reply, ask, message, kan_buf_bytes(&request), err) < 0)
		return -1;
	*out = offset_ms(at, before);
	return 0;
}

int kan_stamp_get(struct kan_buf *reply, struct kan_custody *c, const struct kan_stamp_ask *ask,
		  struct kan_bytes message, struct kan_bytes request, struct kan_err *err)
{
	int64_t at = 0, before = kan_now_ns();

	kan_buf_reset(reply);
	if (ask_once(&at, reply, ask, message, request, err) < 0)
		return -1;
	/* Whoever is on the way can answer for an authority that nobody checks. */
	if (ask->ca) {
		c->offset_ms = offset_ms(at, before);
		c->offset_known = true;
	}
	return 0;
}

/* What seal/ has already. */
struct found {
	enum kan_stamp state;
	unsigned pending, free; /* numbers of names, 0: none */
	struct kan_buf request; /* of pending */
	struct kan_err why;     /* no stamp was had */
};

static int read_proof(struct kan_buf *out, int bag, const char *kind, unsigned n,
		      struct kan_err *err)
{
	char name[KAN_BAG_PROOF_PATH];
	struct kan_err why = {0};

	kan_bag_proof(name, n, kind);
	kan_buf_reset(out);
	if (kan_files_read(out, bag, name, &why) == 0)
		return 1;
	return why.code == KAN_ENOTFOUND ? 0 : kan_fail(err, why.code, "%s", why.text);
}

static void drop_request(int bag, unsigned n)
{
	char name[KAN_BAG_PROOF_PATH];

	kan_bag_proof(name, n, "tsq");
	(void)unlinkat(bag, name, 0); /* answered: that it stays does no harm */
}

/* A reply that a crash cut short: its request is still there, and is sent again. */
static bool torn(int bag, unsigned n, const struct kan_err *why)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(KAN_BAG_PROOF_MAX);
	char name[KAN_BAG_PROOF_PATH];

	kan_bag_proof(name, n, "tsr");
	return why->code == KAN_EFORMAT && read_proof(&request, bag, "tsq", n, NULL) == 1 &&
	       unlinkat(bag, name, 0) == 0;
}

void kan_stamp_mend(int bag)
{
	for (unsigned n = 1; n <= KAN_BAG_PROOF_NAMES; n++) {
		kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err why = {0};
		int64_t at;

		if (read_proof(&reply, bag, "tsr", n, NULL) == 1 &&
		    kan_tsp_verify(&at, kan_buf_bytes(&reply), &(struct kan_tsp_ask){.ca = NULL},
				   &why) < 0)
			(void)torn(bag, n, &why);
	}
}

/* 1: this name has a reply. */
static int look_at_reply(struct found *f, int bag, unsigned n, const struct kan_tsp_ask *ask,
			 struct kan_err *err)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_BAG_PROOF_MAX);
	struct kan_err why = {0};
	int64_t at;
	int got = read_proof(&reply, bag, "tsr", n, err);

	if (got <= 0)
		return got;
	if (kan_tsp_verify(&at, kan_buf_bytes(&reply), ask, &why) < 0)
		return !torn(bag, n, &why);
	f->state = ask->ca ? KAN_STAMP_VERIFIED : KAN_STAMP_UNCHECKED;
	drop_request(bag, n);
	return 1;
}

static int look_at(struct found *f, int bag, unsigned n, const struct kan_tsp_ask *ask,
		   struct kan_err *err)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(KAN_BAG_PROOF_MAX);
	int got = look_at_reply(f, bag, n, ask, err);

	if (got)
		return got < 0 ? -1 : 0;
	got = read_proof(&request, bag, "tsq", n, err);
	if (got < 0)
		return -1;
	if (!got && !f->free)
		f->free = n;
	if (!got || f->pending ||
	    kan_tsp_request_check(kan_buf_bytes(&request), ask->message, NULL) < 0)
		return 0;
	f->pending = n;
	kan_buf_addb(&f->request, kan_buf_bytes(&request));
	return 0;
}

static int find(struct found *f, int bag, struct kan_bytes message, const struct kan_tsp_ca *ca,
		struct kan_err *err)
{
	struct kan_tsp_ask ask = {.message = message, .ca = ca};

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NAMES; n++)
		if (look_at(f, bag, n, &ask, err) < 0)
			return -1;
	if (f->state == KAN_STAMP_NONE && f->pending)
		f->state = KAN_STAMP_QUEUED;
	return 0;
}

static int synced(int bag, struct kan_err *err)
{
	kan_auto_close int seal =
		openat(bag, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return seal < 0 || fsync(seal) < 0 ? kan_fail_sys(err, "seal") : 0;
}

static int put(int bag, const char *kind, unsigned n, const struct kan_buf *content,
	       struct kan_err *err)
{
	char name[KAN_BAG_PROOF_PATH];

	kan_bag_proof(name, n, kind);
	if (kan_mkdirs(bag, "seal", err) < 0 ||
	    kan_put_whole(bag, name, 0400, kan_buf_bytes(content), err) < 0)
		return -1;
	return synced(bag, err);
}

/* The request is on disk before it is sent: a crash between leaves it queued. */
static int prepare(struct found *f, int bag, struct kan_bytes message, bool queue,
		   struct kan_err *err)
{
	if (f->pending)
		return 0;
	if (!f->free)
		return kan_fail(err, KAN_ELIMIT, "seal/ has no name left for a time stamp");
	kan_buf_reset(&f->request);
	if (kan_tsp_request(&f->request, message, err) < 0)
		return -1;
	f->pending = f->free;
	if (!queue)
		return 0;
	f->state = KAN_STAMP_QUEUED;
	return put(bag, "tsq", f->pending, &f->request, err);
}

/* Not answered: f->why. */
static int ask_for(struct found *f, struct kan_custody *c, int bag, struct kan_bytes message,
		   const struct kan_stamp_ask *ask, struct kan_err *err)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_TSP_REPLY_MAX);

	if (kan_stamp_get(&reply, c, ask, message, kan_buf_bytes(&f->request), &f->why) < 0)
		return 0;
	if (put(bag, "tsr", f->pending, &reply, err) < 0)
		return -1;
	drop_request(bag, f->pending);
	f->state = ask->ca ? KAN_STAMP_VERIFIED : KAN_STAMP_UNCHECKED;
	return 0;
}

int kan_stamp_seal(enum kan_stamp *out, struct kan_custody *c, int bag,
		   const struct kan_stamp_ask *ask, struct kan_err *why, struct kan_err *err)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	struct found f = {.request = KAN_BUF(KAN_BAG_PROOF_MAX)};
	int rc = kan_files_read(&manifest, bag, KAN_BAG_TAGMANIFEST, err);
	struct kan_bytes message = kan_buf_bytes(&manifest);

	if (!rc)
		rc = find(&f, bag, message, ask->ca, err);
	if (!rc && ask->url && f.state < KAN_STAMP_UNCHECKED) {
		rc = prepare(&f, bag, message, ask->queue, err);
		if (!rc)
			rc = ask_for(&f, c, bag, message, ask, err);
	}
	kan_buf_free(&f.request);
	if (rc < 0)
		return -1;
	*why = f.why;
	*out = f.state;
	return 0;
}

int kan_stamp_bundle(enum kan_stamp *out, struct kan_custody *c, const char *bundle_dir,
		     const struct kan_stamp_ask *ask, struct kan_err *why, struct kan_err *err)
{
	kan_auto_close int bag = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (bag < 0)
		return kan_fail_sys(err, "%s", bundle_dir);
	return kan_stamp_seal(out, c, bag, ask, why, err) < 0 ? kan_wrap(err, "%s", bundle_dir) : 0;
}

int kan_stamp_commit(struct kan_buf *reply, struct kan_custody *c, const char *commit,
		     const struct kan_stamp_ask *ask, struct kan_err *err)
{
	kan_auto_buf struct kan_buf bytes = KAN_BUF(KAN_GIT_OBJECT_MAX);
	kan_auto_buf struct kan_buf request = KAN_BUF(KAN_TSP_REQUEST_MAX);

	if (kan_git_read(&bytes, c->git, commit, KAN_GIT_COMMIT, err) < 0 ||
	    kan_tsp_request(&request, kan_buf_bytes(&bytes), err) < 0)
		return -1;
	return kan_stamp_get(reply, c, ask, kan_buf_bytes(&bytes), kan_buf_bytes(&request), err);
}
