/* Lines of the text twins of sock_diag in /proc/net: a fallback, and what another reader would have
 * seen. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sockparse.h"

enum { FIELDS = 13, NUMBER_OCTETS = 20, LISTENS = 0x10000, UNIX_CONNECTED = 3 };

struct fields {
	struct kan_bytes v[FIELDS];
	size_t n;
	struct kan_bytes rest; /* behind the last wanted field and one space */
};

static void split(struct fields *f, struct kan_bytes line, size_t wanted)
{
	*f = (struct fields){0};
	while (line.n && f->n < wanted) {
		size_t n = 0;
		for (; line.n && *line.p == ' '; line.n--)
			line.p++;
		while (n < line.n && line.p[n] != ' ')
			n++;
		if (n)
			f->v[f->n++] = (struct kan_bytes){line.p, n};
		line.p += n;
		line.n -= n;
	}
	if (line.n)
		f->rest = (struct kan_bytes){line.p + 1, line.n - 1};
}

/* The whole field is one number in this base. */
static bool number(uint64_t *out, struct kan_bytes v, int base)
{
	char text[NUMBER_OCTETS + 1], *end = NULL;
	if (v.n == 0 || v.n > NUMBER_OCTETS || *v.p == '-' || *v.p == '+')
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = 0;
	errno = 0;
	*out = strtoull(text, &end, base);
	return errno == 0 && end == text + v.n;
}

static bool number32(uint32_t *out, struct kan_bytes v, int base)
{
	uint64_t n = 0;
	if (!number(&n, v, base) || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool pair(uint32_t *a, uint32_t *b, struct kan_bytes v)
{
	const uint8_t *colon = v.n ? memchr(v.p, ':', v.n) : NULL;
	if (!colon)
		return false;
	size_t at = (size_t)(colon - v.p);
	return number32(a, (struct kan_bytes){v.p, at}, 16) &&
	       number32(b, (struct kan_bytes){colon + 1, v.n - at - 1}, 16);
}

/* "0100007F:0016": words in the order of the machine, as the kernel's printf has it. */
static bool address(char *out, uint32_t *port, const struct kan_sock_kind *k, struct kan_bytes v)
{
	uint32_t words[4] = {0};
	size_t n = k->af == AF_INET6 ? 4 : 1;
	if (v.n < n * 8 + 2)
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		if (!number32(&words[i], (struct kan_bytes){v.p + 8 * i, 8}, 16))
			return false;
	v.p += 8 * (n - 1);
	v.n -= 8 * (n - 1);
	return pair(&words[n - 1], port, v) && inet_ntop(k->af, words, out, KAN_SOCK_ADDRESS);
}

static bool inet_line(struct kan_sock *s, const struct kan_sock_kind *k, struct kan_bytes line)
{
	struct fields f;
	uint32_t state = 0, local = 0, remote = 0, ignored = 0;
	split(&f, line, 10);
	if (f.n < 10 || !address(s->laddr, &local, k, f.v[1]) ||
	    !address(s->raddr, &remote, k, f.v[2]) || !number32(&state, f.v[3], 16) ||
	    !pair(&s->wqueue, &s->rqueue, f.v[4]) || !pair(&s->timer, &ignored, f.v[5]) ||
	    !number32(&s->retrans, f.v[6], 16) || !number32(&s->uid, f.v[7], 10) ||
	    !number32(&s->ino, f.v[9], 10))
		return false;
	s->state = kan_sock_state(state);
	s->has_uid = s->has_queues = s->has_timer = true;
	kan_sock_ports(s, k, local, remote);
	return true;
}

/* A name may be anything but a NUL, which is shown as '@'. */
static bool unix_line(struct kan_sock *s, struct kan_bytes line)
{
	struct fields f;
	uint32_t flags = 0, type = 0, state = 0;
	split(&f, line, 7);
	if (f.n < 7 || !number32(&flags, f.v[3], 16) || !number32(&type, f.v[4], 16) ||
	    !number32(&state, f.v[5], 16) || !number32(&s->ino, f.v[6], 10))
		return false;
	s->type = kan_sock_type(type);
	s->state = flags & LISTENS ? "LISTEN" : state == UNIX_CONNECTED ? "ESTABLISHED" : "CLOSE";
	s->name = f.rest.n ? f.rest : (struct kan_bytes){0};
	return true;
}

static bool packet_line(struct kan_sock *s, struct kan_bytes line)
{
	struct fields f;
	uint32_t type = 0;
	split(&f, line, 9);
	if (f.n < 9 || !number32(&type, f.v[2], 10) || !number32(&s->protocol, f.v[3], 16) ||
	    !number32(&s->ifindex, f.v[4], 10) || !number32(&s->rqueue, f.v[6], 10) ||
	    !number32(&s->uid, f.v[7], 10) || !number32(&s->ino, f.v[8], 10))
		return false;
	s->type = kan_sock_type(type);
	s->has_protocol = s->has_ifindex = s->has_uid = true;
	return true;
}

static bool netlink_line(struct kan_sock *s, struct kan_bytes line)
{
	struct fields f;
	split(&f, line, 10);
	if (f.n < 10 || !number32(&s->protocol, f.v[1], 10) || !number32(&s->portid, f.v[2], 10) ||
	    !number32(&s->ino, f.v[9], 10))
		return false;
	s->has_protocol = s->has_portid = true;
	return true;
}

static bool one(struct kan_sock *s, const struct kan_sock_kind *k, struct kan_bytes line)
{
	*s = (struct kan_sock){.family = k->family, .proto = k->proto, .type = k->type};
	switch (k->af) {
	case AF_UNIX:
		return unix_line(s, line);
	case AF_PACKET:
		return packet_line(s, line);
	case AF_NETLINK:
		return netlink_line(s, line);
	default:
		return inet_line(s, k, line);
	}
}

static struct kan_bytes next_line(struct kan_bytes *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	struct kan_bytes line = {text->p, end ? (size_t)(end - text->p) : text->n};
	text->p += line.n + (end ? 1 : 0);
	text->n -= line.n + (end ? 1 : 0);
	return line;
}

int kan_sock_text(uint64_t *bad, const struct kan_sock_kind *k, struct kan_bytes text,
		  kan_sock_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_sock s;
	if (text.n)
		(void)next_line(&text); /* what the columns are */
	while (text.n) {
		struct kan_bytes line = next_line(&text);
		if (line.n > KAN_SOCK_LINE || !one(&s, k, line)) {
			++*bad;
			continue;
		}
		if (fn(&s, arg, err) < 0)
			return -1;
	}
	return 0;
}

bool kan_sock_registered(struct kan_bytes protocols, const char *name)
{
	while (protocols.n) {
		struct fields f;
		split(&f, next_line(&protocols), 1);
		if (f.n && kan_bytes_eq(f.v[0], kan_bytes_of(name)))
			return true;
	}
	return false;
}
