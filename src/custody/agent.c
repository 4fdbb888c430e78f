/* An ssh-agent behind its socket: asked with a time limit, its answers verified. */
#include "custody/agent.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "custody/agentmsg.h"
#include "custody/key.h"
#include "custody/sshsig.h"
#include "custody/sshwire.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	REQUEST_MAX = 8 << 10,
	PUBLIC_FILE_MAX = 16 << 10,
	TRIALS = 8, /* keys that are tried when none is named */
	TOLD_MAX = 360,
	PATH_OCTETS = sizeof(((struct sockaddr_un *)0)->sun_path),
	NS_PER_S = 1000000000,
	NS_PER_MS = 1000000,
};

struct kan_agent {
	char socket[PATH_OCTETS];
	uint8_t blob[KAN_KEY_BLOB];
	size_t n;
	char comment[KAN_KEY_COMMENT];
	int wait_s;
	bool forwarded;
};

void kan_agent_free(struct kan_agent *a)
{
	free(a);
}

struct kan_bytes kan_agent_blob(const struct kan_agent *a)
{
	return (struct kan_bytes){a->blob, a->n};
}

const char *kan_agent_comment(const struct kan_agent *a)
{
	return a->comment;
}

bool kan_agent_forwarded(const struct kan_agent *a)
{
	return a->forwarded;
}

static int unreachable(const char *path, struct kan_err *err)
{
	return kan_fail(err, errno == EACCES || errno == EPERM ? KAN_EDENIED : KAN_EUSAGE,
			"no agent at %s: %s", path, strerror(errno));
}

static int connect_to(int *out, const struct kan_agent *to, struct kan_err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const struct timeval wait = {.tv_sec = to->wait_s};
	kan_auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, to->socket, sizeof(a.sun_path));
	/* The time to send bounds a connect to a socket that nobody accepts from. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return unreachable(to->socket, err);
	*out = kan_take_fd(&fd);
	return 0;
}

/* Until it can be read or written, or the time is over. */
static int wait_for(int fd, short what, int64_t until, struct kan_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = what};
		int64_t left = until - kan_boot_ns();
		int n = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return kan_fail(err, KAN_ELIMIT, "the agent does not answer in time");
		if (errno != EINTR)
			return kan_fail(err, KAN_ELIMIT, "the agent: %s", strerror(errno));
	}
}

static bool again(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int send_all(int fd, struct kan_bytes data, int64_t until, struct kan_err *err)
{
	while (data.n) {
		ssize_t n;

		if (wait_for(fd, POLLOUT, until, err) < 0)
			return -1;
		n = send(fd, data.p, data.n, MSG_NOSIGNAL);
		if (n < 0 && !again(n))
			return kan_fail(err, KAN_EFORMAT, "the agent hangs up");
		data.p += n > 0 ? n : 0;
		data.n -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int receive(struct kan_buf *out, int fd, size_t want, int64_t until, struct kan_err *err)
{
	uint8_t piece[4096];

	while (want) {
		ssize_t n;

		if (wait_for(fd, POLLIN, until, err) < 0)
			return -1;
		n = recv(fd, piece, want < sizeof(piece) ? want : sizeof(piece), 0);
		if (again(n))
			continue;
		if (n <= 0)
			return kan_fail(err, KAN_EFORMAT, "the agent hangs up");
		kan_buf_add(out, piece, (size_t)n);
		want -= (size_t)n;
	}
	return 0;
}

static int exchange(struct kan_buf *reply, int fd, struct kan_bytes request, int64_t until,
		    struct kan_err *err)
{
	kan_auto_buf struct kan_buf message = KAN_BUF(REQUEST_MAX), head = KAN_BUF(4);
	struct kan_wire w;
	uint32_t n;

	kan_wire_put_str(&message, request);
	if (message.failed)
		return kan_fail(err, KAN_ELIMIT, "the agent is not asked to sign so much");
	if (send_all(fd, kan_buf_bytes(&message), until, err) < 0 ||
	    receive(&head, fd, 4, until, err) < 0)
		return -1;
	w = (struct kan_wire){.rest = kan_buf_bytes(&head)};
	n = kan_wire_u32(&w);
	if (n > KAN_AGENT_REPLY_MAX)
		return kan_fail(err, KAN_ELIMIT, "the agent's answer is larger than %d bytes",
				KAN_AGENT_REPLY_MAX);
	return receive(reply, fd, n, until, err);
}

static int ask(struct kan_buf *reply, const struct kan_agent *a, const struct kan_buf *request,
	       int64_t until, struct kan_err *err)
{
	kan_auto_close int fd = -1;

	if (request->failed)
		return kan_fail(err, KAN_ELIMIT, "the agent is not asked to sign so much");
	if (connect_to(&fd, a, err) < 0)
		return -1;
	return exchange(reply, fd, kan_buf_bytes(request), until, err);
}

static int sign_until(struct kan_buf *blob, const struct kan_agent *a, struct kan_bytes data,
		      int64_t until, struct kan_err *err)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_AGENT_REPLY_MAX);
	struct kan_bytes sig;

	kan_agent_put_sign(&request, kan_agent_blob(a), data);
	if (ask(&reply, a, &request, until, err) < 0 ||
	    kan_agent_read_signature(&sig, kan_buf_bytes(&reply), err) < 0)
		return -1;
	/* An agent that knows no SHA-2 for RSA, or lies: its answer is no signature. */
	if (kan_key_verify(kan_agent_blob(a), sig, data, err) < 0) {
		if (err && err->code == KAN_ETAMPER)
			err->code = KAN_EFORMAT; /* no evidence was altered */
		return kan_wrap(err, "the agent's answer");
	}
	kan_buf_addb(blob, sig);
	return 0;
}

int kan_agent_sign(struct kan_buf *blob, const struct kan_agent *a, struct kan_bytes data,
		   struct kan_err *err)
{
	return sign_until(blob, a, data, kan_boot_ns() + a->wait_s * (int64_t)NS_PER_S, err);
}

/* A purpose that nobody trusts: the trial is good for nothing else. */
static int trial(const struct kan_agent *a, int64_t until, struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(1024), blob = KAN_BUF(KAN_KEY_BLOB);

	if (kan_sshsig_body(&body, "kanshiki-trial", KAN_LIT("kanshiki"), err) < 0)
		return -1;
	return sign_until(&blob, a, kan_buf_bytes(&body), until, err);
}

struct choice {
	const char *which;   /* in words; NULL: any key */
	struct kan_buf blob; /* of the public key file, or empty */
	struct kan_buf told; /* what was tried, or is there instead */
	unsigned tried;
};

static void choice_free(struct choice *c)
{
	kan_buf_free(&c->blob);
	kan_buf_free(&c->told);
}

static void tell(struct choice *c, const char *fpr, const char *why)
{
	const char *between = c->told.len ? "; " : "";

	if (c->told.len + strlen(fpr) + strlen(why) + 4 < TOLD_MAX)
		kan_buf_addf(&c->told, "%s%s%s%s", between, fpr, *why ? ": " : "", why);
}

static bool wanted(const struct choice *c, struct kan_bytes blob, const char *fpr)
{
	if (!c->which)
		return true;
	if (c->blob.len)
		return kan_bytes_eq(kan_buf_bytes(&c->blob), blob);
	return strcmp(c->which, fpr) == 0;
}

/* Can this one sign? It is kept in a when it can. */
static bool usable(struct kan_agent *a, struct choice *c, const struct kan_agent_identity *key,
		   int64_t until)
{
	char fpr[KAN_KEY_FPR];
	struct kan_err why = {0};

	kan_key_fingerprint(fpr, key->blob);
	if (!wanted(c, key->blob, fpr)) {
		tell(c, fpr, "");
		return false;
	}
	if (key->blob.n > sizeof(a->blob) || kan_key_check(key->blob, &why) < 0) {
		tell(c, fpr, why.text);
		return false;
	}
	memcpy(a->blob, key->blob.p, key->blob.n);
	a->n = key->blob.n;
	if (c->tried++ >= TRIALS)
		return false;
	if (trial(a, until, &why) == 0)
		return true;
	tell(c, fpr, why.text);
	return false;
}

static int choose(struct kan_agent *a, struct choice *c, struct kan_err *err)
{
	const int64_t until = kan_boot_ns() + a->wait_s * (int64_t)NS_PER_S;
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_AGENT_REPLY_MAX);
	kan_auto_identities struct kan_agent_identities keys = {0};

	kan_agent_put_list(&request);
	if (ask(&reply, a, &request, until, err) < 0 ||
	    kan_agent_read_list(&keys, kan_buf_bytes(&reply), err) < 0)
		return -1;
	for (size_t i = 0; i < keys.n; i++)
		if (usable(a, c, &keys.list[i], until)) {
			struct kan_bytes words = keys.list[i].comment;
			size_t n = words.n < sizeof(a->comment) ? words.n : sizeof(a->comment) - 1;

			if (n)
				memcpy(a->comment, words.p, n);
			return 0;
		}
	if (!keys.n)
		return kan_fail(err, KAN_EUSAGE, "the agent has no key: ssh-add one");
	if (c->which && !c->tried)
		return kan_fail(err, KAN_EUSAGE, "the agent does not have %.100s; it has %s",
				c->which, kan_buf_str(&c->told));
	return kan_fail(err, KAN_EUSAGE, "no key of the agent can sign: %s", kan_buf_str(&c->told));
}

/* "ssh-ed25519 AAAA... comment": what ssh-keygen puts beside a key. */
static int read_public(struct kan_buf *blob, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(PUBLIC_FILE_MAX);
	const char *type, *key, *line;
	struct kan_wire w;

	if (kan_read_file(&text, AT_FDCWD, path, err) < 0)
		return -1;
	type = kan_buf_str(&text);
	key = type + strcspn(type, " \n");
	line = key + strspn(key, " ");
	w.bad = kan_base64_decode(
			blob, (struct kan_bytes){(const uint8_t *)line, strcspn(line, " \t\r\n")},
			NULL) < 0;
	w.rest = kan_buf_bytes(blob);
	if (w.bad || !kan_bytes_eq(kan_wire_str(&w),
				   (struct kan_bytes){(const uint8_t *)type, (size_t)(key - type)}))
		return kan_fail(err, KAN_EUSAGE, "%s is no public key of SSH", path);
	return 0;
}

/* sshd makes such sockets for agents that are forwarded; so did ssh-agent itself up to 10.0. */
static bool looks_forwarded(const struct kan_agent *a)
{
	kan_auto_close int fd = -1;
	kan_auto_buf struct kan_buf name = KAN_BUF(64);
	struct ucred peer = {0};
	socklen_t n = sizeof(peer);
	char comm[64];

	if (fnmatch("/tmp/ssh-*/agent.*", a->socket, FNM_PATHNAME) == 0)
		return true;
	if (connect_to(&fd, a, NULL) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.pid <= 0)
		return false;
	snprintf(comm, sizeof(comm), "/proc/%d/comm", (int)peer.pid);
	return kan_read_pseudo(&name, AT_FDCWD, comm, NULL) == 0 &&
	       kan_bytes_starts(kan_buf_bytes(&name), "sshd");
}

static int open_chosen(struct kan_agent **out, const char *path, struct choice *c, int wait_s,
		       struct kan_err *err)
{
	struct kan_agent *a = kan_xalloc(sizeof(*a));

	a->wait_s = wait_s;
	memcpy(a->socket, path, strlen(path) + 1);
	if (choose(a, c, err) < 0) {
		kan_agent_free(a);
		return -1;
	}
	a->forwarded = looks_forwarded(a);
	*out = a;
	return 0;
}

int kan_agent_open(struct kan_agent **out, const char *path, const char *which, int wait_s,
		   struct kan_err *err)
{
	struct choice c = {which, KAN_BUF(KAN_KEY_BLOB), KAN_BUF(4096), 0};
	int rc = 0;

	if (!path || !*path)
		return kan_fail(err, KAN_EUSAGE,
				"SSH_AUTH_SOCK names no agent (sudo keeps it with "
				"--preserve-env=SSH_AUTH_SOCK)");
	if (path[0] != '/' || strlen(path) >= PATH_OCTETS)
		return kan_fail(err, KAN_EUSAGE, "SSH_AUTH_SOCK is no path of a socket: %.120s",
				path);
	if (which && strncmp(which, "SHA256:", 7) != 0)
		rc = read_public(&c.blob, which, err);
	if (rc == 0)
		rc = open_chosen(out, path, &c, wait_s, err);
	choice_free(&c);
	return rc;
}
