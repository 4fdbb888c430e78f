/* HTTP against a server that does what it should not. Forked, on a unix socket of the test's own.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/http.h"
#include "place.h"

enum { REPEAT = 20000 };

/* One answer, sent as it is: then the connection is closed, held silent, or fed for ever. */
enum ending { CLOSE, HOLD, FOREVER };
struct answer {
	const char *text,
		*repeat; /* repeat: sent REPEAT times behind text, for ever with FOREVER */
	enum ending ending;
};

struct server {
	struct test_place p;
	char path[100];
	pid_t pid;
};

static void serve(int listener, const struct answer *a)
{
	char request[4096];
	int c = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)read(c, request, sizeof(request));
	(void)kan_write_all(c, a->text, strlen(a->text), NULL);
	for (int i = 0; a->repeat && (a->ending == FOREVER || i < REPEAT); i++)
		if (kan_write_all(c, a->repeat, strlen(a->repeat), NULL) < 0)
			break;
	if (a->ending == HOLD)
		(void)read(c, request, sizeof(request)); /* until the client gives up */
	_exit(0);
}

static struct server start(const struct answer *a)
{
	struct server s = {.p = test_place()};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	(void)snprintf(s.path, sizeof(s.path), "%s/sock", s.p.path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", s.path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(listener, 4), 0);
	s.pid = fork();
	if (s.pid == 0)
		serve(listener, a);
	(void)close(listener);
	return s;
}

static void stop(struct server *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	test_leave(&s->p);
}

static int collect(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

struct result {
	int rc, status;
	struct kan_buf body;
	struct kan_err err;
};

static struct result ask(const struct answer *a, uint64_t max, unsigned total_ms)
{
	struct server s = start(a);
	struct result r = {.body = KAN_BUF(1 << 20)};
	struct kan_http_request q = {
		.socket = s.path,
		.url = "http://localhost/v1.41/info",
		.method = "GET",
		.max = max,
		.total_ms = total_ms,
		.on_data = collect,
		.arg = &r.body,
	};
	r.rc = kan_http_call(&r.status, &q, &r.err);
	stop(&s);
	return r;
}

static void failed(struct result r, enum kan_code code, int sys, const char *body)
{
	cr_assert_eq(r.rc, -1);
	cr_assert_eq(r.err.code, code, "%d: %s", r.err.code, r.err.text);
	cr_assert_eq(r.err.sys, sys);
	if (body)
		cr_assert_str_eq(kan_buf_str(&r.body), body, "what came stays with the caller");
	kan_buf_free(&r.body);
}

Test(http, a_whole_answer_comes_with_its_status)
{
	struct result r = ask(&(struct answer){.text = "HTTP/1.1 404 Not Found\r\nContent-Length: "
						       "5\r\n\r\nhello trailing"},
			      100, 5000);
	cr_assert_eq(r.rc, 0, "%s", r.err.text);
	cr_assert_eq(r.status, 404);
	cr_assert_str_eq(kan_buf_str(&r.body), "hello");
	kan_buf_free(&r.body);
	r = ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
					 "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
		100, 5000);
	cr_assert_eq(r.rc, 0, "%s", r.err.text);
	cr_assert_str_eq(kan_buf_str(&r.body), "abcde");
	kan_buf_free(&r.body);
}

Test(http, a_body_cut_short_is_no_answer_and_no_timeout)
{
	failed(ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"},
		   100, 5000),
	       KAN_EENGINE, 0, "half");
	failed(ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
					    "chunked\r\n\r\n9\r\nhalf"},
		   100, 5000),
	       KAN_EENGINE, 0, "half");
	failed(ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
					    "chunked\r\n\r\nzz\r\nhalf"},
		   100, 5000),
	       KAN_EENGINE, 0, "");
	failed(ask(&(struct answer){.text = ""}, 100, 5000), KAN_EENGINE, 0, "");
}

Test(http, what_is_not_http_is_malformed)
{
	failed(ask(&(struct answer){.text = "<html>I am a web page</html>\r\n\r\n"}, 100, 5000),
	       KAN_EFORMAT, 0, "");
	failed(ask(&(struct answer){.text = "\x16\x03\x01\x02 garbage"}, 100, 5000), KAN_EFORMAT, 0,
	       "");
}

Test(http, silence_and_a_drip_are_timeouts)
{
	failed(ask(&(struct answer){.text = "", .ending = HOLD}, 100, 300), KAN_EENGINE, ETIMEDOUT,
	       "");
	failed(ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
				    .ending = HOLD},
		   100, 300),
	       KAN_EENGINE, ETIMEDOUT, "half");
}

Test(http, an_endless_body_ends_at_the_limit)
{
	struct answer a = {
		.text = "HTTP/1.1 200 OK\r\n\r\n", .repeat = "0123456789", .ending = FOREVER};
	struct result r = ask(&a, 1005, 20000);
	cr_assert_eq(r.rc, -1);
	cr_assert_eq(r.err.code, KAN_ELIMIT);
	cr_assert_eq(r.body.len, 1005, "exactly the limit is kept");
	kan_buf_free(&r.body);
}

Test(http, a_header_bomb_and_a_flood_of_interim_replies_are_refused)
{
	struct answer bomb = {.text = "HTTP/1.1 200 OK\r\n", .repeat = "X-Bomb: 0123456789\r\n"};
	failed(ask(&bomb, 100, 20000), KAN_EFORMAT, 0, "");
	struct answer line = {.text = "HTTP/1.1 200 OK\r\nX-Bomb: ", .repeat = "0123456789"};
	failed(ask(&line, 100, 20000), KAN_EFORMAT, 0, "");
	struct answer flood = {.text = "", .repeat = "HTTP/1.1 100 Continue\r\n\r\n"};
	failed(ask(&flood, 100, 20000), KAN_EFORMAT, 0, "");
}

Test(http, a_redirect_is_an_answer_and_not_followed)
{
	struct result r =
		ask(&(struct answer){.text = "HTTP/1.1 302 Found\r\nLocation: "
					     "http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
		    100, 5000);
	cr_assert_eq(r.rc, 0, "%s", r.err.text);
	cr_assert_eq(r.status, 302);
	kan_buf_free(&r.body);
}

Test(http, announced_compression_is_not_undone)
{
	struct result r = ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nContent-Encoding: "
						       "gzip\r\nContent-Length: 3\r\n\r\nabc"},
			      100, 5000);
	cr_assert_eq(r.rc, 0, "%s", r.err.text);
	cr_assert_str_eq(kan_buf_str(&r.body), "abc");
	kan_buf_free(&r.body);
}

static int enough(struct kan_bytes piece, void *arg)
{
	(void)piece;
	(void)arg;
	return -1;
}

Test(http, the_caller_may_stop_and_nobody_listening_is_an_engine_error)
{
	struct server s =
		start(&(struct answer){.text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"});
	struct kan_err err = {0};
	int status = 0;
	struct kan_http_request q = {
		.socket = s.path, .url = "http://localhost/", .method = "GET", .on_data = enough};
	cr_assert_eq(kan_http_call(&status, &q, &err), -1);
	cr_assert_eq(err.code, KAN_EENGINE);
	cr_assert_eq(status, 200);
	stop(&s);
	q.socket = "/nonexistent/engine.sock";
	cr_assert_eq(kan_http_call(&status, &q, &err), -1);
	cr_assert_eq(err.code, KAN_EENGINE);
	cr_assert_eq(err.sys, 0);
}

Test(http, proxies_of_the_environment_are_not_used)
{
	cr_assert_eq(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	cr_assert_eq(setenv("ALL_PROXY", "http://127.0.0.1:1/", 1), 0);
	struct result r =
		ask(&(struct answer){.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, 100,
		    5000);
	cr_assert_eq(r.rc, 0, "%s", r.err.text);
	kan_buf_free(&r.body);
}

/* In a process with a terminal of its own, where libraries ask for what they miss. */
static void call_with_key(const struct server *s)
{
	char ca[128], key[128];
	struct kan_err err = {0};
	int status = 0;
	(void)snprintf(ca, sizeof(ca), "%s/cert.pem", s->p.path);
	(void)snprintf(key, sizeof(key), "%s/key.pem", s->p.path);
	struct kan_http_request q = {.socket = s->path,
				     .tls = {.ca = ca, .cert = ca, .key = key},
				     .url = "https://localhost/",
				     .method = "GET",
				     .total_ms = 20000};
	(void)kan_http_call(&status, &q, &err);
	(void)printf("ended: %s\n", err.text);
	(void)fflush(stdout);
	_exit(0);
}

Test(http, a_key_under_a_passphrase_is_refused_and_no_terminal_is_asked)
{
	struct server s = start(&(struct answer){.text = "", .ending = HOLD});
	char command[512], said[4096] = "";
	int terminal = -1;
	size_t n = 0;
	(void)snprintf(
		command, sizeof(command),
		"cd %s && openssl req -x509 -newkey rsa:2048 -passout pass:secret -subj /CN=x "
		"-keyout key.pem -out cert.pem 2>log",
		s.p.path);
	cr_assert_eq(system(command), 0);
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid == 0)
		call_with_key(&s);
	for (ssize_t got = 1; got > 0 && n<sizeof(said) - 1; n += got> 0 ? (size_t)got : 0) {
		struct pollfd p = {.fd = terminal, .events = POLLIN};
		got = poll(&p, 1, 10000) == 1 ? read(terminal, said + n, sizeof(said) - 1 - n) : 0;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(terminal);
	cr_expect_str_eq(said, "ended: TLS: cert.pem and key.pem cannot be used: missing, or no "
			       "pair\r\n");
	stop(&s);
}
