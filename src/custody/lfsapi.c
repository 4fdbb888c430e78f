/* Objects to an LFS server: which it lacks, then one PUT each, then its own check. */
#include "custody/lfsapi.h"

#include "base/http.h"
#include "base/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH = 16, HEADER_MAX = 8192, SILENCE_S = 60, CALL_MS = 60000 };

static const char type[] = "application/vnd.git-lfs+json";
static const char accept_it[] = "Accept: application/vnd.git-lfs+json";

struct upload {
	const struct kan_remote *remote;
	int repo_fd;
	struct kan_lfsapi_done *done;
};

static int append(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

static int call(int *status, const struct kan_http_request *q, struct kan_err *err)
{
	if (kan_http_call(status, q, err) == 0)
		return 0;
	if (err && err->code == KAN_EENGINE) /* a server of objects is no engine */
		err->code = KAN_EIO;
	return -1;
}

static json_t *ask_for(const struct kan_lfs_object *objects, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s,s:I}", "oid", objects[i].oid, "size",
						      (json_int_t)objects[i].size));
	return json_pack("{s:s,s:[s],s:s,s:{s:s},s:o}", "operation", "upload", "transfers", "basic",
			 "hash_algo", "sha256", "ref", "name", KAN_GIT_BRANCH, "objects", list);
}

static int batch(json_t **answer, const struct upload *u, const struct kan_lfs_object *objects,
		 size_t n, struct kan_err *err)
{
	kan_auto_buf struct kan_buf url = KAN_BUF(2 * KAN_REMOTE_URL), body = KAN_BUF(1 << 20);
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_LFSAPI_ANSWER_MAX);
	const char *const headers[] = {accept_it, NULL};
	json_auto_t *ask = ask_for(objects, n);
	int status = 0;

	kan_buf_addf(&url, "%s/info/lfs/objects/batch", u->remote->url);
	if (kan_json_line(&body, ask, true, err) < 0)
		return -1;
	if (call(&status,
		 &(struct kan_http_request){.url = kan_buf_str(&url),
					    .method = "POST",
					    .body = kan_buf_bytes(&body),
					    .content_type = type,
					    .headers = headers,
					    .user = u->remote->user,
					    .tls = {.ca = u->remote->ca},
					    .max = KAN_LFSAPI_ANSWER_MAX,
					    .total_ms = CALL_MS,
					    .on_data = append,
					    .arg = &text},
		 err) < 0)
		return kan_wrap(err, "%s", kan_buf_str(&url));
	if (status != 200)
		return kan_remote_refused(status, kan_buf_str(&url), err);
	return kan_json_parse(answer, kan_buf_bytes(&text), KAN_LFSAPI_ANSWER_MAX, DEPTH, err) < 0
		       ? kan_wrap(err, "%s", kan_buf_str(&url))
		       : 0;
}

/* "scheme://host:port", up to the path. */
static size_t origin(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
}

static bool same_origin(const char *a, const char *b)
{
	size_t n = origin(a);

	return n && n == origin(b) && strncasecmp(a, b, n) == 0;
}

/* Where the server sends us: http(s) alone, and never from https to http. */
static int check_href(const char *href, const struct kan_remote *r, struct kan_err *err)
{
	bool safe = strncmp(href, "https://", 8) == 0, plain = strncmp(href, "http://", 7) == 0;

	if (!safe && !plain)
		return kan_fail(err, KAN_EFORMAT, "the server names no http address for an object");
	if (plain && strncmp(r->url, "https://", 8) == 0)
		return kan_fail(err, KAN_EREFUSED, "the server of https wants an object over http");
	return 0;
}

struct headers {
	char *line[KAN_LFSAPI_HEADERS + 2];
	size_t n;
	bool authorized; /* the server gave its own */
};

static void headers_free(struct headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->line[i]);
}
#define auto_headers __attribute__((cleanup(headers_free)))

static bool token(const char *s)
{
	size_t n = strlen(s);

	return n &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static bool clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* The headers that the server wants to see again. */
static int take_headers(struct headers *h, const json_t *action, struct kan_err *err)
{
	json_t *map = json_object_get(action, "header");
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)map, key, value) {
		kan_auto_buf struct kan_buf line = KAN_BUF(HEADER_MAX);
		const char *text = json_string_value(value);

		if (h->n >= KAN_LFSAPI_HEADERS || !text || !token(key) || !clean(text))
			return kan_fail(err, KAN_EFORMAT, "the server wants impossible headers");
		kan_buf_addf(&line, "%s: %s", key, text);
		if (line.failed)
			return kan_fail(err, KAN_EFORMAT, "the server wants impossible headers");
		h->authorized |= strcasecmp(key, "authorization") == 0;
		h->line[h->n++] = kan_xstrdup(kan_buf_str(&line));
	}
	return 0;
}

/* One call of an action. Our own credentials go to nobody but the remote itself. */
static int perform(const struct upload *u, const json_t *action, struct kan_http_request *q,
		   struct kan_err *err)
{
	const char *href = kan_json_str(action, "href");
	auto_headers struct headers h = {.n = 0};
	int status = 0;

	if (check_href(href, u->remote, err) < 0 || take_headers(&h, action, err) < 0)
		return -1;
	if (strcmp(q->method, "POST") == 0)
		h.line[h.n++] = kan_xstrdup(accept_it);
	q->url = href;
	q->headers = (const char *const *)h.line;
	q->tls.ca = u->remote->ca;
	q->max = KAN_LFSAPI_ANSWER_MAX;
	q->silence_s = SILENCE_S;
	if (!h.authorized && same_origin(href, u->remote->url))
		q->user = u->remote->user;
	if (call(&status, q, err) < 0)
		return -1;
	return status >= 200 && status < 300 ? 0 : kan_remote_refused(status, href, err);
}

static int send_one(const struct upload *u, const struct kan_lfs_object *o, const json_t *actions,
		    struct kan_err *err)
{
	const json_t *put = json_object_get(actions, "upload");
	const json_t *check = json_object_get(actions, "verify");
	kan_auto_buf struct kan_buf body = KAN_BUF(256);
	kan_auto_close int fd = -1;

	if (kan_lfs_check(u->repo_fd, o, err) < 0 || kan_lfs_open(&fd, u->repo_fd, o, err) < 0)
		return -1;
	if (perform(u, put,
		    &(struct kan_http_request){.method = "PUT",
					       .content_type = "application/octet-stream",
					       .body_fd = fd,
					       .body_size = o->size,
					       .total_ms = KAN_LFSAPI_UPLOAD_S * 1000U},
		    err) < 0)
		return -1;
	kan_buf_addf(&body, "{\"oid\":\"%s\",\"size\":%llu}", o->oid, (unsigned long long)o->size);
	if (check && perform(u, check,
			     &(struct kan_http_request){.method = "POST",
							.content_type = type,
							.body = kan_buf_bytes(&body),
							.total_ms = CALL_MS},
			     err) < 0)
		return -1;
	u->done->sent++;
	u->done->octets += o->size;
	return 0;
}

/* The server's word on one object of ours: it has it, it wants it, or it says no. */
static int answer_for(const struct upload *u, const struct kan_lfs_object *o, const json_t *list,
		      struct kan_err *err)
{
	const json_t *entry, *said;
	size_t i;

	json_array_foreach (list, i, entry) {
		if (strcmp(kan_json_str(entry, "oid"), o->oid) != 0)
			continue;
		said = json_object_get(entry, "error");
		if (said)
			return kan_fail(err, KAN_EREFUSED, "the server refuses: %.200s",
					kan_json_str(said, "message"));
		if (json_object_get(json_object_get(entry, "actions"), "upload"))
			return send_one(u, o, json_object_get(entry, "actions"), err);
		u->done->there++;
		return 0;
	}
	return kan_fail(err, KAN_EFORMAT, "the server does not answer for this object");
}

int kan_lfsapi_upload(struct kan_lfsapi_done *done, const struct kan_remote *r, int repo_fd,
		      const struct kan_lfs_object *objects, size_t n, struct kan_err *err)
{
	const struct upload u = {r, repo_fd, done};

	*done = (struct kan_lfsapi_done){0};
	for (size_t at = 0; at < n; at += KAN_LFSAPI_BATCH) {
		size_t some = n - at < KAN_LFSAPI_BATCH ? n - at : KAN_LFSAPI_BATCH;
		json_auto_t *answer = NULL;
		const char *transfer;

		if (batch(&answer, &u, objects + at, some, err) < 0)
			return -1;
		transfer = kan_json_str(answer, "transfer");
		if (*transfer && strcmp(transfer, "basic") != 0)
			return kan_fail(err, KAN_EREFUSED,
					"the server wants another transfer than basic");
		for (size_t i = at; i < at + some; i++)
			if (answer_for(&u, &objects[i], json_object_get(answer, "objects"), err) <
			    0)
				return kan_wrap(err, "object %.12s", objects[i].oid);
	}
	return 0;
}
