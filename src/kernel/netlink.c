/* Dumps over netlink, by libmnl. */
#include "kernel/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

/* The longest question names a table and a set of nftables, of 256 octets each. */
enum { REQUEST_OCTETS = 1024, RECEIVE_OCTETS = 4 << 20 };

struct answer {
	uint32_t seq;
	bool done, intr, cut;
	int error; /* of NLMSG_ERROR or NLMSG_DONE */
};

int kan_netlink_prepare(int fd, struct kan_err *err)
{
	const struct timeval wait = {.tv_sec = KAN_NETLINK_WAIT_S};
	int size = RECEIVE_OCTETS;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
			 sizeof(size)); /* a smaller one is only slower */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return kan_fail_sys(err, "netlink");
	return 0;
}

static void error_of(struct answer *a, const struct nlmsghdr *h)
{
	int code = 0;
	a->done = true;
	if (h->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(h), sizeof(code));
	a->error = code < 0 ? -code : 0;
}

static bool wanted(const struct kan_netlink_some *d, const struct nlmsghdr *h)
{
	return !d->want || d->want((struct kan_bytes){(const uint8_t *)h, h->nlmsg_len}, d->arg);
}

/* One datagram: messages of this dump are kept, its end is noticed. */
static void keep(struct kan_buf *out, struct answer *a, const struct kan_netlink_some *d,
		 struct kan_bytes got)
{
	const uint8_t *data = got.p;
	size_t n = got.n;
	int left = (int)n;
	for (const struct nlmsghdr *h = (const void *)data; mnl_nlmsg_ok(h, left) && !a->done;
	     h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != a->seq)
			continue; /* of an earlier try */
		a->intr |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
			error_of(a, h);
		else if (!out->failed && wanted(d, h))
			kan_buf_add(out, h,
				    NLMSG_ALIGN(h->nlmsg_len) <= (size_t)left
					    ? NLMSG_ALIGN(h->nlmsg_len)
					    : h->nlmsg_len);
	}
}

/* -1: errno tells; 0: not the kernel's, because a privileged suspect can send to our socket. */
static ssize_t next(int fd, struct kan_buf *buffer)
{
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	ssize_t n = -1;
	do
		n = recvfrom(fd, buffer->data, buffer->cap, MSG_TRUNC, (struct sockaddr *)&from,
			     &length);
	while (n < 0 && errno == EINTR);
	return n < 0 || (length == sizeof(from) && from.nl_pid == 0) ? n : 0;
}

struct dump {
	const struct kan_netlink_some *what;
	uint16_t flags;
	size_t size; /* of the buffer */
};

/* 0 with a->cut: an answer was larger than the buffer, and the rest of this try is thrown away. */
static int receive(struct kan_buf *out, struct answer *a, const struct dump *d, struct kan_err *err)
{
	const size_t size = d->size;
	kan_auto_free uint8_t *memory = kan_io_buffer(size);
	struct kan_buf buffer = {.data = memory, .cap = size};
	while (!a->done) {
		ssize_t n = next(d->what->fd, &buffer);
		if (n < 0 && a->cut)
			return 0; /* its end may have been in what was cut */
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			kan_err_set(err, KAN_EIO, ETIMEDOUT, "netlink: no answer for %d s",
				    KAN_NETLINK_WAIT_S);
			return -1;
		}
		if (n < 0)
			return kan_fail_sys(err, "netlink");
		a->cut |= (size_t)n > size;
		keep(out, a, d->what,
		     (struct kan_bytes){memory, (size_t)n < size ? (size_t)n : size});
	}
	return 0;
}

static int ask(const struct dump *d, uint32_t seq, struct kan_err *err)
{
	const struct kan_bytes request = d->what->request;
	union {
		char data[REQUEST_OCTETS];
		struct nlmsghdr align;
	} b = {0};
	if (request.n > REQUEST_OCTETS - MNL_NLMSG_HDRLEN)
		return kan_fail(err, KAN_EUSAGE, "netlink request of %zu bytes", request.n);
	struct nlmsghdr *h = mnl_nlmsg_put_header(b.data);
	h->nlmsg_type = d->what->type;
	h->nlmsg_flags = NLM_F_REQUEST | d->flags;
	h->nlmsg_seq = seq;
	memcpy(mnl_nlmsg_put_extra_header(h, request.n), request.p, request.n);
	if (send(d->what->fd, h, h->nlmsg_len, MSG_NOSIGNAL) < 0)
		return kan_fail_sys(err, "netlink");
	return 0;
}

static int once(struct kan_buf *out, struct answer *a, const struct dump *d, struct kan_err *err)
{
	/* The kernel echoes it: answers of a try that was given up are told apart. */
	a->seq = (uint32_t)(uintptr_t)out ^ (uint32_t)out->len;
	struct timespec now;
	if (clock_gettime(CLOCK_MONOTONIC, &now) == 0)
		a->seq ^= (uint32_t)now.tv_nsec;
	kan_buf_reset(out);
	if (ask(d, a->seq, err) < 0 || receive(out, a, d, err) < 0)
		return -1;
	if (a->error == ENOENT || a->error == EOPNOTSUPP || a->error == EPROTONOSUPPORT)
		return kan_fail(err, KAN_EUNSUPPORTED, "this kernel cannot dump it (%s)",
				strerror(a->error));
	if (a->error && a->error != EINTR) {
		errno = a->error;
		return kan_fail_sys(err, "netlink dump");
	}
	a->intr |= a->error == EINTR;
	if (out->failed)
		return kan_fail(err, KAN_ELIMIT, "a dump over %zu bytes", out->max);
	return 0;
}

static int tries(struct kan_buf *out, struct dump *d, struct kan_err *err)
{
	for (int i = 0; i <= KAN_NETLINK_TRIES; i++) {
		struct answer a = {0};
		if (d->what->again)
			d->what->again(d->what->arg);
		if (once(out, &a, d, err) < 0)
			return -1;
		if (a.cut && d->size < KAN_NETLINK_DUMP_MAX) {
			d->size *= 2;
			i--; /* bounded by the size */
			continue;
		}
		if (a.cut)
			return kan_fail(err, KAN_ELIMIT, "an answer over %zu bytes", d->size);
		if (!a.intr)
			return 0;
	}
	kan_err_set(err, KAN_EIO, EINTR, "the dump changed in each of %d tries",
		    KAN_NETLINK_TRIES + 1);
	return -1;
}

int kan_netlink_dump_some(struct kan_buf *out, const struct kan_netlink_some *what,
			  struct kan_err *err)
{
	struct dump d = {what, NLM_F_DUMP, KAN_NETLINK_BUFFER};
	return tries(out, &d, err);
}

int kan_netlink_dump(struct kan_buf *out, int fd, uint16_t type, struct kan_bytes request,
		     struct kan_err *err)
{
	const struct kan_netlink_some what = {.fd = fd, .type = type, .request = request};
	return kan_netlink_dump_some(out, &what, err);
}

/* The acknowledgement is its end: an answer alone has none. */
int kan_netlink_get(struct kan_buf *out, int fd, uint16_t type, struct kan_bytes request,
		    struct kan_err *err)
{
	const struct kan_netlink_some what = {.fd = fd, .type = type, .request = request};
	struct dump d = {&what, NLM_F_ACK, KAN_NETLINK_BUFFER};
	return tries(out, &d, err);
}

int kan_netlink_each(struct kan_bytes dump, kan_netlink_fn *fn, void *arg, struct kan_err *err)
{
	while (dump.n) {
		struct nlmsghdr h;
		if (dump.n < sizeof(h))
			return kan_fail(err, KAN_EFORMAT, "netlink: a cut header");
		memcpy(&h, dump.p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > dump.n)
			return kan_fail(err, KAN_EFORMAT, "netlink: a message of %u bytes in %zu",
					h.nlmsg_len, dump.n);
		struct kan_bytes payload = {dump.p + sizeof(h), h.nlmsg_len - sizeof(h)};
		int rc = fn(h.nlmsg_type, payload, arg, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		size_t used = NLMSG_ALIGN((size_t)h.nlmsg_len) < dump.n
				      ? NLMSG_ALIGN((size_t)h.nlmsg_len)
				      : dump.n;
		dump.p += used;
		dump.n -= used;
	}
	return 0;
}

int kan_netlink_attrs(struct kan_attrs *out, struct kan_bytes payload, size_t header,
		      struct kan_err *err)
{
	for (uint16_t i = 0; i <= out->max; i++)
		out->v[i] = (struct kan_bytes){0};
	if (payload.n < header)
		return kan_fail(err, KAN_EFORMAT, "netlink: %zu bytes, %zu wanted", payload.n,
				header);
	size_t skip = NLMSG_ALIGN(header) < payload.n ? NLMSG_ALIGN(header) : payload.n;
	struct kan_bytes rest = {payload.p + skip, payload.n - skip}, value = {0};
	uint16_t type = 0;
	while (kan_attr_next(&type, &value, &rest))
		if (type <= out->max)
			out->v[type] = value;
	if (rest.n >= sizeof(struct nlattr))
		return kan_fail(err, KAN_EFORMAT, "netlink: a cut attribute in %zu bytes", rest.n);
	return 0;
}

bool kan_attr_next(uint16_t *type, struct kan_bytes *value, struct kan_bytes *list)
{
	struct nlattr a;
	if (list->n < sizeof(a))
		return false;
	memcpy(&a, list->p, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > list->n)
		return false;
	*type = a.nla_type & NLA_TYPE_MASK;
	*value = (struct kan_bytes){list->p + sizeof(a), a.nla_len - sizeof(a)};
	size_t used =
		NLA_ALIGN((size_t)a.nla_len) < list->n ? NLA_ALIGN((size_t)a.nla_len) : list->n;
	list->p += used;
	list->n -= used;
	return true;
}

/* Netfilter's numbers are in network order. */
static bool big_endian(uint64_t *out, const struct kan_attrs *a, uint16_t type, size_t n)
{
	uint64_t v = 0;
	if (type > a->max || !a->v[type].p || a->v[type].n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | a->v[type].p[i];
	*out = v;
	return true;
}

bool kan_attr_be16(uint32_t *out, const struct kan_attrs *a, uint16_t type)
{
	uint64_t v = 0;
	if (!big_endian(&v, a, type, sizeof(uint16_t)))
		return false;
	*out = (uint32_t)v;
	return true;
}

bool kan_attr_be32(uint32_t *out, const struct kan_attrs *a, uint16_t type)
{
	uint64_t v = 0;
	if (!big_endian(&v, a, type, sizeof(uint32_t)))
		return false;
	*out = (uint32_t)v;
	return true;
}

bool kan_attr_be64(uint64_t *out, const struct kan_attrs *a, uint16_t type)
{
	return big_endian(out, a, type, sizeof(*out));
}

bool kan_attr_u32(uint32_t *out, const struct kan_attrs *a, uint16_t type)
{
	if (type > a->max || !a->v[type].p || a->v[type].n != sizeof(*out))
		return false;
	memcpy(out, a->v[type].p, sizeof(*out));
	return true;
}

bool kan_attr_u8(uint8_t *out, const struct kan_attrs *a, uint16_t type)
{
	if (type > a->max || !a->v[type].p || a->v[type].n != sizeof(*out))
		return false;
	*out = *a->v[type].p;
	return true;
}
