/* Is an indicator in a value? Digests and addresses as wholes, names where a name begins and ends.
 */
#include "analyze/ioc_part.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 64, V4_AT = 12, PORT_MAX = 65535, FEW = 64 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* What names of files, processes and containers are made of. */
static bool in_name(uint8_t c)
{
	return is_word(c) || c == '.' || c == '-' || c == '+' || c == '%' || c >= 0x80;
}

/* In lower or in upper case, as tools write one. */
static bool digest_at(const char *digest, const uint8_t *p)
{
	bool lower = true, upper = true;
	for (size_t i = 0; i < KAN_IOC_DIGITS; i++) {
		uint8_t c = (uint8_t)digest[i];
		lower &= p[i] == c;
		upper &= p[i] == (c >= 'a' ? c - 32 : c);
	}
	return lower || upper;
}

static bool digest_in(struct kan_bytes *span, const char *digest, struct kan_bytes v)
{
	for (size_t at = 0; at + KAN_IOC_DIGITS <= v.n;) {
		size_t n = 0;
		while (at + n < v.n && is_hex(v.p[at + n]))
			n++;
		if (n == KAN_IOC_DIGITS && digest_at(digest, v.p + at)) {
			*span = (struct kan_bytes){v.p + at, n};
			return true;
		}
		at += n + 1;
	}
	return false;
}

/* A run of octets of one kind that begins at or behind *at; 0: there is none. */
static size_t run(struct kan_bytes v, size_t *at, bool (*is)(uint8_t))
{
	size_t n = 0;
	while (*at < v.n && !is(v.p[*at]))
		(*at)++;
	while (*at + n < v.n && is(v.p[*at + n]))
		n++;
	return n;
}

bool kan_ioc_in_address(uint8_t c)
{
	return is_hex(c) || c == ':' || c == '.';
}

static bool parsed(uint8_t out[KAN_IOC_ADDRESS], int family, const uint8_t *p, size_t n)
{
	static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};
	char text[HOST];
	if (!n || n >= sizeof text)
		return false;
	memcpy(text, p, n);
	text[n] = 0;
	if (family == AF_INET6)
		return inet_pton(AF_INET6, text, out) == 1;
	memcpy(out, mapped, V4_AT);
	return inet_pton(AF_INET, text, out + V4_AT) == 1;
}

static unsigned port_behind(struct kan_bytes v, size_t at)
{
	unsigned n = 0;
	if (at < v.n && v.p[at] == ']')
		at++;
	if (at >= v.n || !strchr(":/ ", v.p[at]) || !v.p[at])
		return 0;
	size_t from = ++at;
	for (; at < v.n && is_digit(v.p[at]) && n <= PORT_MAX; at++)
		n = n * 10 + (unsigned)(v.p[at] - '0');
	return at > from && n <= PORT_MAX ? n : 0;
}

static size_t count(const uint8_t *p, size_t n, uint8_t c)
{
	size_t found = 0;
	for (size_t i = 0; i < n; i++)
		found += p[i] == c;
	return found;
}

/* A whole run as IPv6. */
static size_t as_v6(uint8_t out[KAN_IOC_ADDRESS], const uint8_t *p, size_t n)
{
	while (n && p[n - 1] == '.')
		n--;
	if (parsed(out, AF_INET6, p, n))
		return n;
	return n && p[n - 1] == ':' && parsed(out, AF_INET6, p, n - 1) ? n - 1 : 0;
}

static bool in_v4(uint8_t c)
{
	return is_digit(c) || c == '.';
}

/* The first IPv4 in a run, at a place of its own: not in a version, not in a longer number. */
static size_t as_v4(uint8_t out[KAN_IOC_ADDRESS], size_t *from, struct kan_bytes v, size_t end)
{
	struct kan_bytes part = {v.p, end};
	for (size_t n = 0; (n = run(part, from, in_v4)) > 0; *from += n) {
		size_t whole = n;
		while (whole && v.p[*from + whole - 1] == '.')
			whole--;
		bool begins = *from == 0 || !is_word(v.p[*from - 1]);
		bool ends = *from + n == v.n || !is_word(v.p[*from + n]);
		if (begins && ends && parsed(out, AF_INET, v.p + *from, whole))
			return whole;
	}
	return 0;
}

bool kan_ioc_next_address(uint8_t out[KAN_IOC_ADDRESS], struct kan_bytes *span, unsigned *port,
			  struct kan_bytes v, size_t *at)
{
	for (size_t n = 0; (n = run(v, at, kan_ioc_in_address)) > 0;) {
		size_t from = *at, end = *at + n, whole = 0;
		bool alone = (from == 0 || !is_word(v.p[from - 1])) &&
			     (end == v.n || !is_word(v.p[end]));
		if (alone && count(v.p + from, n, ':') >= 2)
			whole = as_v6(out, v.p + from, n);
		if (!whole && count(v.p + from, n, '.') >= 3)
			whole = as_v4(out, &from, v, end);
		*at = whole ? from + whole : end;
		if (!whole)
			continue;
		*span = (struct kan_bytes){v.p + from, whole};
		*port = port_behind(v, from + whole);
		return true;
	}
	return false;
}

bool kan_ioc_same_network(const struct kan_ioc *ioc, const uint8_t *address)
{
	size_t octets = ioc->prefix / 8;
	unsigned bits = ioc->prefix % 8;
	if (memcmp(ioc->address, address, octets) != 0)
		return false;
	return !bits || ((ioc->address[octets] ^ address[octets]) >> (8 - bits)) == 0;
}

static bool address_in(struct kan_bytes *span, const struct kan_ioc *ioc, struct kan_bytes v,
		       unsigned beside)
{
	uint8_t address[KAN_IOC_ADDRESS];
	unsigned port = 0;
	for (size_t at = 0; kan_ioc_next_address(address, span, &port, v, &at);)
		if (kan_ioc_same_network(ioc, address) &&
		    (!ioc->port || ioc->port == port || ioc->port == beside))
			return true;
	return false;
}

/* Every place where the pattern may stand is followed at once: time is that of value times pattern,
 * whatever they are. st[k]: 1 + where a match began that has come to its k-th part. */
static void keep_first(uint32_t *to, uint32_t from)
{
	if (from && (!*to || from < *to))
		*to = from;
}

static void skip_stars(uint32_t *st, const struct kan_ioc *ioc)
{
	for (size_t k = 0; k < ioc->n_pattern; k++)
		if (ioc->pattern[k] == KAN_IOC_ANY)
			keep_first(&st[k + 1], st[k]);
}

static void step(uint32_t *to, const uint32_t *st, const struct kan_ioc *ioc, uint8_t c)
{
	memset(to, 0, (ioc->n_pattern + 1) * sizeof *to);
	for (size_t k = 0; k < ioc->n_pattern; k++) {
		uint16_t p = ioc->pattern[k];
		if (p == KAN_IOC_ANY && in_name(c))
			keep_first(&to[k], st[k]);
		else if (p == c || (p == KAN_IOC_ONE && in_name(c)))
			keep_first(&to[k + 1], st[k]);
	}
}

/* A pattern that ends in / or a blank asks for nothing behind it. */
static bool may_end(const struct kan_ioc *ioc, struct kan_bytes v, size_t i)
{
	uint16_t last = ioc->pattern[ioc->n_pattern - 1];
	return i == v.n || !in_name(v.p[i]) || (last < KAN_IOC_ANY && !in_name((uint8_t)last));
}

static bool follow(struct kan_bytes *span, const struct kan_ioc *ioc, struct kan_bytes v,
		   uint32_t *st, uint32_t *next)
{
	for (size_t i = 0; i <= v.n && i < UINT32_MAX - 1; i++) {
		if (i == 0 || !in_name(v.p[i - 1]))
			keep_first(&st[0], (uint32_t)i + 1);
		skip_stars(st, ioc);
		uint32_t began = st[ioc->n_pattern];
		if (began && began <= i && may_end(ioc, v, i)) {
			*span = (struct kan_bytes){v.p + began - 1, i - (began - 1)};
			return true;
		}
		if (i == v.n)
			break;
		step(next, st, ioc, v.p[i]);
		uint32_t *old = st;
		st = next;
		next = old;
	}
	return false;
}

static bool name_in(struct kan_bytes *span, const struct kan_ioc *ioc, struct kan_bytes v)
{
	uint32_t few[2 * FEW] = {0};
	size_t n = ioc->n_pattern + 1;
	kan_auto_free uint32_t *many = n > FEW ? kan_xalloc(2 * n * sizeof *many) : NULL;
	uint32_t *st = many ? many : few;
	return follow(span, ioc, v, st, st + n);
}

bool kan_ioc_in(struct kan_bytes *span, const struct kan_ioc *ioc, struct kan_bytes v,
		unsigned port)
{
	switch (ioc->kind) {
	case KAN_IOC_DIGEST:
		return digest_in(span, ioc->digest, v);
	case KAN_IOC_ADDRESS_KIND:
		return address_in(span, ioc, v, port);
	case KAN_IOC_NAME:
		return name_in(span, ioc, v);
	case KAN_IOC_RULE:
		break;
	}
	return false;
}
