/* HTTP by libcurl, the only file that knows it. */
#include "base/http.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

struct call {
	const struct kan_http_request *r;
	uint64_t got, sent;
	size_t headers;
	unsigned interim;
	bool over_limit, stopped, too_many_headers;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	size_t octets = size * n, room = octets;
	if (c->r->max && c->got + octets > c->r->max) {
		room = (size_t)(c->r->max - c->got);
		c->over_limit = true;
	}
	c->got += room;
	if (room && c->r->on_data &&
	    c->r->on_data((struct kan_bytes){(const uint8_t *)p, room}, c->r->arg) < 0) {
		c->stopped = true;
		return 0;
	}
	return c->over_limit ? 0 : octets;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	size_t octets = size * n;
	c->headers += octets;
	if (octets > 10 && strncmp(p, "HTTP/", 5) == 0 && memmem(p, octets, " 1", 2) == p + 8)
		c->interim++;
	c->too_many_headers =
		c->headers > KAN_HTTP_HEADERS_MAX || c->interim > KAN_HTTP_INTERIM_MAX;
	return c->too_many_headers ? 0 : octets;
}

/* A file that became shorter meanwhile ends the call: never fewer octets than were announced. */
static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	uint64_t left = c->r->body_size - c->sent;
	size_t want = size * n < left ? size * n : (size_t)left;
	ssize_t got = want ? pread(c->r->body_fd, p, want, (off_t)c->sent) : 0;
	if (got < 0 || (want && got == 0))
		return CURL_READFUNC_ABORT;
	c->sent += (uint64_t)got;
	return (size_t)got;
}

/* libcurl begins anew when a connection that was kept is found closed. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct call *c = arg;
	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	c->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *headers_of(const struct kan_http_request *r)
{
	char type[256];
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	if (r->content_type) {
		(void)snprintf(type, sizeof(type), "Content-Type: %s", r->content_type);
		list = curl_slist_append(list, type);
	}
	for (const char *const *h = r->headers; h && *h; h++)
		list = curl_slist_append(list, *h);
	return list;
}

static void set_file(CURL *curl, struct call *c)
{
	const struct kan_http_request *r = c->r;
	bool put = strcmp(r->method, "PUT") == 0;
	(void)curl_easy_setopt(curl, put ? CURLOPT_INFILESIZE_LARGE : CURLOPT_POSTFIELDSIZE_LARGE,
			       (curl_off_t)r->body_size);
	(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(curl, CURLOPT_READDATA, c);
	(void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
	(void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, c);
}

static void set_body(CURL *curl, struct call *c)
{
	const struct kan_http_request *r = c->r;
	if (strcmp(r->method, "GET") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		return;
	}
	if (strcmp(r->method, "PUT") == 0)
		(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	else
		(void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
	if (r->body_size) {
		set_file(curl, c);
		return;
	}
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.n ? (const char *)r->body.p : "");
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
}

static void set_limits(CURL *curl, const struct kan_http_request *r)
{
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)KAN_HTTP_CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
			       (long)(r->silence_s ? r->silence_s : KAN_HTTP_SILENCE_S));
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(r->total_ms ? r->total_ms : 60000));
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
}

/* Whom to believe is one file, and then the system's own list is never asked. */
static void set_tls(CURL *curl, const struct kan_http_tls *t)
{
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!t->ca)
		return;
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, t->ca);
	(void)curl_easy_setopt(curl, CURLOPT_SSLCERT, t->cert);
	(void)curl_easy_setopt(curl, CURLOPT_SSLKEY, t->key);
	(void)curl_easy_setopt(curl, CURLOPT_KEYPASSWD, ""); /* never asked for on a terminal */
}

static int explain_tls(CURLcode code, const struct kan_http_tls *t, struct kan_err *err)
{
	if (!t->ca)
		return kan_fail(err, KAN_EENGINE, "TLS: %s", curl_easy_strerror(code));
	switch ((int)code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return kan_fail(err, KAN_EENGINE,
				"TLS: the other end's certificate is not signed by ca.pem, or is "
				"for another name");
	case CURLE_SSL_CACERT_BADFILE:
		return kan_fail(err, KAN_EENGINE, "TLS: ca.pem cannot be read");
	case CURLE_SSL_CERTPROBLEM:
		return kan_fail(err, KAN_EENGINE,
				"TLS: cert.pem and key.pem cannot be used: missing, or no pair");
	default:
		return kan_fail(err, KAN_EENGINE,
				"TLS: the other end refuses: no TLS there, or it does not accept "
				"cert.pem");
	}
}

static int explain(CURLcode code, const struct call *c, struct kan_err *err)
{
	if (c->over_limit)
		return kan_fail(err, KAN_ELIMIT, "the answer is over %llu octets",
				(unsigned long long)c->r->max);
	if (c->too_many_headers)
		return kan_fail(err, KAN_EFORMAT,
				"the answer has more than 64 KiB of headers or 16 interim replies");
	if (c->stopped)
		return kan_fail(err, KAN_EENGINE, "the answer was not wanted any more");
	switch ((int)code) {
	case CURLE_OPERATION_TIMEDOUT:
		kan_err_set(err, KAN_EENGINE, ETIMEDOUT, "no answer in time");
		return -1;
	case CURLE_COULDNT_CONNECT:
		return kan_fail(err, KAN_EENGINE, "cannot connect");
	case CURLE_ABORTED_BY_CALLBACK:
		return kan_fail(err, KAN_EIO,
				"the file that is sent became shorter, or cannot be "
				"read");
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return kan_fail(err, KAN_EENGINE, "the answer was cut short");
	case CURLE_OUT_OF_MEMORY: /* what libcurl before 8.6 says of a header line over 100 kB */
		return kan_fail(err, KAN_EFORMAT, "the answer has a header line that is too long");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CONNECT_ERROR:
		return explain_tls(code, &c->r->tls, err);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return kan_fail(err, KAN_EFORMAT, "the answer is no HTTP");
	default:
		return kan_fail(err, KAN_EENGINE, "%s", curl_easy_strerror(code));
	}
}

int kan_http_call(int *status, const struct kan_http_request *r, struct kan_err *err)
{
	struct call c = {.r = r};
	CURL *curl = curl_easy_init();
	if (!curl)
		return kan_fail(err, KAN_EENGINE, "HTTP cannot be had");
	struct curl_slist *headers = headers_of(r);
	set_limits(curl, r);
	set_body(curl, &c);
	set_tls(curl, &r->tls);
	if (r->user) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(curl, CURLOPT_USERPWD, r->user);
	}
	if (r->socket)
		(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, r->socket);
	(void)curl_easy_setopt(curl, CURLOPT_URL, r->url);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &c);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &c);
	CURLcode code = curl_easy_perform(curl);
	long http = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	*status = (int)http;
	return code == CURLE_OK ? 0 : explain(code, &c, err);
}

int kan_http_global_init(struct kan_err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return kan_fail(err, KAN_EENGINE, "HTTP cannot be had");
	return 0;
}
