/* The stream is not read while it comes: its order is the engine's, and nothing of it is believed
 * before it was hashed. */
#include "image/imaged.h"

#include <fcntl.h>
#include <jansson.h>
#include <kanshiki/engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/raised.h"
#include "base/row.h"
#include "image/baseline.h"
#include "image/exported_state.h"
#include "image/imaged_layer.h"
#include "image/integrity_part.h"
#include "image/reference.h"

enum { PATH_OCTETS = 256, LOOK = 16 << 20 };

static const char rows_name[] = "baseline.ndjson";

struct imaged {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_integrity *g;
	struct kan_rows *layers;
	struct kan_imaged_to to;
	struct kan_imaged_layer *layer; /* that goes by */
	struct kan_diff_ids ids;
	char chain[KAN_DIGEST];
	size_t done;          /* layers that have their rows */
	bool asked;           /* and the answer is whole */
	struct kan_err fatal; /* evidence cannot be written */
};

static void gap(const struct imaged *x, const struct kan_err *why)
{
	kan_sink_gap_err(x->sink, kan_bytes_of(rows_name), why);
}

/* --- room for it */

static int free_octets(uint64_t *out, int fd, struct kan_err *err)
{
	struct statvfs v;
	if (fstatvfs(fd, &v) < 0)
		return kan_fail_sys(err, "the bundle's place");
	*out = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

/* What the engine says of its size, and a tar's padding; 0: not known. -1: there is no such image.
 */
static int claimed(uint64_t *out, const struct imaged *x, struct kan_err *err)
{
	struct kan_err why = {0};
	json_t *doc = NULL;
	*out = 0;
	if (kan_integrity_inspect(&doc, x->t, &why) < 0)
		return why.code == KAN_ENOTFOUND ? kan_fail(err, why.code, "%s", why.text) : 0;
	int64_t size = kan_json_int(doc, "Size");
	*out = size > 0 ? (uint64_t)size + (uint64_t)size / 8 : 0;
	json_decref(doc);
	return 0;
}

static int room(const struct imaged *x, int fd, struct kan_err *err)
{
	uint64_t wanted = 0, there = 0;
	if (claimed(&wanted, x, err) < 0 || free_octets(&there, fd, err) < 0)
		return -1;
	if (there < KAN_IMAGED_SPARE || there - KAN_IMAGED_SPARE < wanted)
		return kan_fail(err, KAN_ELIMIT,
				"the image may need %llu bytes beside the bundle, and %llu are "
				"free, of which %llu are left alone",
				(unsigned long long)wanted, (unsigned long long)there,
				(unsigned long long)KAN_IMAGED_SPARE);
	return 0;
}

/* --- the stream */

struct storing {
	int fd;
	uint64_t unseen; /* octets since the room was looked at */
	struct kan_answer a;
};

static int on_piece(struct kan_bytes piece, void *arg)
{
	struct storing *s = arg;
	uint64_t there = 0;
	struct kan_err why = {0};
	if (kan_write_all(s->fd, piece.p, piece.n, &why) < 0)
		return kan_fail(&s->a.why, KAN_ELIMIT, "the stream found no room: %s", why.text);
	s->unseen += piece.n;
	if (s->unseen < LOOK)
		return 0;
	s->unseen = 0;
	if (free_octets(&there, s->fd, &s->a.why) < 0)
		return -1;
	if (there >= KAN_IMAGED_SPARE)
		return 0;
	return kan_fail(&s->a.why, KAN_ELIMIT, "the stream is larger than the room for it");
}

static int ask(const struct imaged *x, int fd, struct kan_err *err)
{
	char path[PATH_OCTETS];
	struct storing s = {.fd = fd};
	(void)snprintf(path, sizeof(path), "/images/%.200s/get", x->t->image_id);
	kan_sink_impact(x->sink, "the engine was asked for the whole image: Docker may first "
				 "make a copy of it in its own temporary directory");
	int rc = kan_answer_get(&s.a, x->t, path, KAN_IMAGED_STREAM, on_piece, &s);
	kan_buf_free(&s.a.head);
	if (rc < 0 && err)
		*err = s.a.why;
	return rc;
}

/* From now on it is read only, by whoever has it. */
static int reopened(int *fd, int spool, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", spool);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? kan_fail_sys(err, "the file of the stream") : 0;
}

static int fetch(int *fd, const struct imaged *x, const struct kan_imaged_room *to,
		 struct kan_err *err)
{
	if (to->fd < 0)
		return kan_fail(err, to->why.code, "%s", to->why.text);
	if (!x->t->image_id || !*x->t->image_id)
		return kan_fail(err, KAN_ENOTFOUND, "inspect names no image id");
	if (room(x, to->fd, err) < 0 || ask(x, to->fd, err) < 0)
		return -1;
	return reopened(fd, to->fd, err);
}

/* --- what is in it: the callbacks of the reference */

/* Rung 2 is that it was found by this id: by the config's digest, or by digests that lead there. */
static int on_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	struct imaged *x = arg;
	char wanted[KAN_DIGEST];
	kan_digest_name(wanted, x->t->image_id);
	const struct kan_verdict v = {.rung = KAN_RUNG_NAME,
				      .layer = -1,
				      .result = "verified",
				      .expected = wanted,
				      .found = wanted};
	if (kan_diff_ids_read(&x->ids, raw, err) < 0)
		return -1;
	kan_digest_of(x->g->config_id, raw);
	x->g->named = x->g->streamed = true;
	if (kan_sink_put(x->sink, "config.json", raw, &x->fatal) < 0)
		return -1;
	return kan_integrity_verdict(x->g, &v, &x->fatal);
}

static int on_layer(size_t n, void *arg, struct kan_err *err)
{
	struct imaged *x = arg;
	(void)err;
	x->layer = kan_imaged_layer_new(&x->to, (int)n);
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct imaged *x = arg;
	(void)err;
	return kan_imaged_layer_feed(x->layer, piece, &x->fatal);
}

static int layer_row(struct imaged *x, size_t n, const char *proof)
{
	kan_chain_id(x->chain, n ? x->chain : NULL, x->ids.v[n]);
	struct kan_row *r = kan_rows_begin(x->layers);
	kan_row_uint(r, "n", n);
	kan_row_str(r, "diff_id", x->ids.v[n]);
	kan_row_str(r, "chain_id", x->chain);
	kan_row_bool(r, "init", false);
	kan_row_str(r, "proof", proof);
	return kan_rows_end(x->layers, &x->fatal);
}

/* The reader has hashed it before its first byte came here. */
static int on_layer_end(size_t n, void *arg, struct kan_err *err)
{
	struct imaged *x = arg;
	struct kan_verdict v = {.rung = KAN_RUNG_DIGEST, .layer = (int)n, .result = "verified"};
	(void)err;
	kan_imaged_layer_end(&v.files, &v.octets, x->layer);
	kan_imaged_layer_free(kan_take_ptr(x->layer));
	v.expected = v.found = x->ids.v[n];
	x->done = n + 1;
	if (layer_row(x, n, "stream") < 0)
		return -1;
	return kan_integrity_verdict(x->g, &v, &x->fatal);
}

/* No evidence is missing for it, so it is no gap: most kernels in use have not all of it. */
static void on_unboxed(bool privileges, bool landlock, bool seccomp, void *arg)
{
	char why[PATH_OCTETS];
	const struct imaged *x = arg;
	(void)snprintf(why, sizeof(why),
		       "it was read in a sandbox that is not whole (privileges let go %s, landlock "
		       "%s, seccomp %s)",
		       privileges ? "yes" : "no", landlock ? "yes" : "no", seccomp ? "yes" : "no");
	kan_sink_scope(x->sink, KAN_LIT("the image's stream"), why);
}

static int give_up(struct kan_err *err, const struct imaged *x)
{
	if (err)
		*err = x->fatal;
	return -1;
}

static int not_done(struct imaged *x, enum kan_rung rung, int layer, const char *why)
{
	const struct kan_verdict v = {.rung = rung,
				      .layer = layer,
				      .result = "not-done",
				      .expected = layer < 0 ? NULL : x->ids.v[layer],
				      .why = why};
	return kan_integrity_verdict(x->g, &v, &x->fatal);
}

/* Nothing that is not what its digest says has made a row; it is said once, and the rest is open.
 */
static int say_why(struct imaged *x, const struct kan_err *why)
{
	if (x->asked && (why->code == KAN_EFORMAT || why->code == KAN_ENOTFOUND))
		kan_sink_gap(x->sink, kan_bytes_of(rows_name), KAN_GAP_CONTRADICTED,
			     "the engine's stream is not the image that it names: %.400s",
			     why->text);
	else
		gap(x, why);
	if (!x->g->named && not_done(x, KAN_RUNG_NAME, -1, why->text) < 0)
		return -1;
	for (size_t n = x->done; n < x->ids.n; n++)
		if (layer_row(x, n, "none") < 0 ||
		    not_done(x, KAN_RUNG_DIGEST, (int)n, why->text) < 0)
			return -1;
	return 0;
}

/* Of an index of several platforms the one that the container was made of. */
static const char *part_of(const struct kan_target *t)
{
	const json_t *part = json_object_get(t->inspect, "ImageManifestDescriptor");
	return kan_json_str(part, "digest");
}

static int read_stream(struct imaged *x, int fd)
{
	const struct kan_reference_from from = {
		.fd = fd,
		.image_id = x->t->image_id,
		.strict = true,
		.part = part_of(x->t),
		.room = kan_raised(x->t->policy->max_bytes, KAN_REFERENCE_ROOM_HERE),
		.until_ns = x->g->until_ns};
	const struct kan_reference_visit v = {on_config,    on_layer,   on_data,
					      on_layer_end, on_unboxed, x};
	struct kan_err why = {0};
	x->asked = true;
	if (kan_rows_open(&x->to.rows, x->sink, rows_name, &x->fatal) < 0)
		return -1;
	int rc = kan_reference_apart(&from, &v, &why);
	kan_imaged_layer_free(kan_take_ptr(x->layer));
	if (x->fatal.code != KAN_OK)
		return -1;
	if (x->to.n > x->to.max)
		kan_sink_limit(x->sink, kan_bytes_of(rows_name), x->to.n, x->to.max, x->to.max);
	if (rc < 0 && say_why(x, &why) < 0)
		return -1;
	return kan_rows_close(kan_take_ptr(x->to.rows), &x->fatal);
}

/* What no stream has. "denied" is what a request for this depth turns into scope. */
static void tell_depth(const struct imaged *x)
{
	static const struct {
		const char *what, *why;
	} lacks[] = {
		{"ino",
		 "a stream has no inodes and no number of links, and of directories no size"},
		{"hidden_by", "what a later layer hides is not looked up in a stream"},
		{"ghosts.ndjson", "what a later layer hides is not looked up in a stream"},
		{"pkgdb.tar", "package databases are read in the layers' directories alone"},
	};
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		kan_sink_gap(x->sink, kan_bytes_of(lacks[i].what), KAN_GAP_DENIED, "%s",
			     lacks[i].why);
}

static int headers(struct imaged *x)
{
	static const char why[] = "a stream has the headers that the engine wrote down, whatever "
				  "its directories have now";
	if (!x->t->policy->verify_image)
		return 0;
	kan_sink_gap(x->sink, KAN_LIT("integrity.ndjson"), KAN_GAP_DENIED, "%s", why);
	return not_done(x, KAN_RUNG_HEADERS, -1, why);
}

static int take(struct imaged *x, const struct kan_imaged_room *to)
{
	kan_auto_close int fd = -1;
	struct kan_err why = {0};
	int rc = fetch(&fd, x, to, &why) < 0 ? say_why(x, &why) : read_stream(x, fd);
	if (rc < 0 || headers(x) < 0)
		return -1;
	tell_depth(x);
	return x->t->policy->reference ? kan_integrity_reference(x->g, &x->ids, &x->fatal) : 0;
}

static int with_rows(struct imaged *x, const struct kan_imaged_room *to, struct kan_err *err)
{
	if (kan_rows_open(&x->layers, x->sink, "layers.ndjson", err) < 0)
		return -1;
	if (kan_integrity_begin(&x->g, x->t, x->sink, err) < 0) {
		kan_rows_abandon(x->layers);
		return -1;
	}
	x->g->until_ns = to->until_ns;
	int rc = take(x, to) < 0 ? give_up(err, x) : 0;
	rc = kan_integrity_end(x->g, rc, err);
	if (rc == 0)
		return kan_rows_close(x->layers, err);
	kan_rows_abandon(x->layers);
	kan_rows_abandon(x->to.rows);
	return -1;
}

int kan_imaged_take(uint64_t *items, const struct kan_imaged_room *to, const struct kan_target *t,
		    struct kan_sink *s, struct kan_err *err)
{
	struct imaged x = {.t = t, .sink = s, .to = {.sink = s, .max = KAN_BASELINE_ENTRIES}};
	int rc = with_rows(&x, to, err);
	*items = x.to.n < x.to.max ? x.to.n : x.to.max;
	free(x.ids.v);
	return rc;
}
