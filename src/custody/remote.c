/* Remotes: told apart by their address; asked for main without git. */
#include "custody/remote.h"

#include "base/http.h"
#include "custody/pktline.h"
#include "custody/refs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum kan_remote_kind kind_of(const char *text)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');

	if (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0)
		return KAN_REMOTE_HTTP;
	if (strncmp(text, "file://", 7) == 0)
		return KAN_REMOTE_FILE;
	/* "host:path" is ssh, as git reads it. */
	return colon && (!slash || colon < slash) ? KAN_REMOTE_OTHER : KAN_REMOTE_FILE;
}

static int check_text(const char *text, enum kan_remote_kind kind, struct kan_err *err)
{
	const char *host = strstr(text, "://");
	size_t n = host ? strcspn(host + 3, "/") : 0;

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return kan_fail(err, KAN_EUSAGE, "a remote's address has no such bytes");
	/* Of ssh the name alone belongs there: what is after a colon is a password. */
	const char *at = host ? memchr(host + 3, '@', n) : NULL;
	if (at && (kind == KAN_REMOTE_HTTP || memchr(host + 3, ':', (size_t)(at - host) - 3)))
		return kan_fail(err, KAN_EUSAGE,
				"credentials do not belong into an address, which is recorded: "
				"--credentials FILE");
	if (kind != KAN_REMOTE_HTTP)
		return 0;
	if (!n || strpbrk(text, " ?#\"<>\\^`{|}"))
		return kan_fail(err, KAN_EUSAGE, "'%s' is no address of a repository", text);
	return 0;
}

int kan_remote_parse(struct kan_remote *out, const char *text, struct kan_err *err)
{
	struct kan_remote r = {.kind = kind_of(text)};
	const char *at = text;
	size_t n;

	if (!*text)
		return kan_fail(err, KAN_EUSAGE, "which remote?");
	if (check_text(text, r.kind, err) < 0)
		return -1;
	if (r.kind == KAN_REMOTE_FILE && strncmp(text, "file://", 7) == 0)
		at += 7;
	if (snprintf(r.url, sizeof(r.url), "%s", at) >= (int)sizeof(r.url))
		return kan_fail(err, KAN_EUSAGE, "the remote's address is too long");
	for (n = strlen(r.url); n > 1 && r.url[n - 1] == '/'; n--)
		r.url[n - 1] = 0;
	*out = r;
	return 0;
}

int kan_remote_refused(int status, const char *url, struct kan_err *err)
{
	if (status == 401 || status == 403)
		return kan_fail(err, KAN_EDENIED, "%s: the remote wants other credentials (%d)",
				url, status);
	if (status == 404)
		return kan_fail(err, KAN_ENOTFOUND, "%s: the remote has no such repository (404)",
				url);
	if (status >= 300 && status < 400)
		return kan_fail(err, KAN_EIO, "%s: a redirect (%d) is not followed", url, status);
	return kan_fail(err, KAN_EIO, "%s: the remote answers %d", url, status);
}

static int append(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

static int main_over_http(char id[KAN_GIT_ID], const struct kan_remote *r, const char *service,
			  struct kan_err *err)
{
	kan_auto_buf struct kan_buf url = KAN_BUF(2 * KAN_REMOTE_URL);
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_REMOTE_ADVERT_MAX);
	struct kan_http_request q = {.method = "GET",
				     .max = KAN_REMOTE_ADVERT_MAX,
				     .total_ms = KAN_REMOTE_SECONDS * 1000,
				     .tls = {.ca = r->ca},
				     .user = r->user,
				     .on_data = append,
				     .arg = &text};
	int status = 0;

	kan_buf_addf(&url, "%s/info/refs?service=%s", r->url, service);
	q.url = kan_buf_str(&url);
	if (kan_http_call(&status, &q, err) < 0) {
		if (err && err->code == KAN_EENGINE) /* a remote is no engine */
			err->code = KAN_EIO;
		return kan_wrap(err, "%s", r->url);
	}
	if (status != 200)
		return kan_remote_refused(status, r->url, err);
	if (kan_pkt_advert(id, kan_buf_bytes(&text), service, KAN_GIT_BRANCH, err) < 0)
		return kan_wrap(err, "%s", r->url);
	return 0;
}

static int main_of_file(char id[KAN_GIT_ID], const struct kan_remote *r, struct kan_err *err)
{
	kan_auto_close int fd = open(r->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return kan_fail_sys(err, "%s", r->url);
	if (fstatat(fd, "HEAD", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(fd, "objects", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return kan_fail(err, KAN_ENOTFOUND,
				"%s: not a bare repository: git init --bare makes one", r->url);
	return kan_refs_main(id, fd, err) < 0 ? kan_wrap(err, "%s", r->url) : 0;
}

int kan_remote_main(char id[KAN_GIT_ID], const struct kan_remote *r, const char *service,
		    struct kan_err *err)
{
	switch (r->kind) {
	case KAN_REMOTE_FILE:
		return main_of_file(id, r, err);
	case KAN_REMOTE_HTTP:
		return main_over_http(id, r, service, err);
	case KAN_REMOTE_OTHER:
		break;
	}
	return kan_fail(err, KAN_EREFUSED,
			"%s: only file and http(s) are spoken here: "
			"git ls-remote asks it",
			r->url);
}
