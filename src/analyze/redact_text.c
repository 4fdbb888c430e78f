/* What is in a text that stays: names, e-mail addresses and inner addresses become numbers. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "analyze/redact_part.h"
#include "base/row.h"

enum { TOKEN_MAX = 512, NUMBER_TEXT = 32 };

/* "user-1": by first appearance. */
static void numbered(struct kan_redactor *r, struct kan_buf *out, unsigned kind, const char *value)
{
	static const char *const words[KAN_REDACT_KINDS] = {"user", "host", "addr"};
	json_t *of = kind == KAN_REDACT_USER   ? r->users
		     : kind == KAN_REDACT_HOST ? r->hosts
					       : r->addresses;
	char text[NUMBER_TEXT];
	const char *known = json_string_value(json_object_get(of, value));
	if (!known) {
		(void)snprintf(text, sizeof text, "%s-%zu", words[kind], ++r->n[kind]);
		json_object_set_new(of, value, json_string(text));
		known = text;
	}
	kan_buf_adds(out, known);
}

void kan_redact_user(struct kan_redactor *r, struct kan_buf *out, const char *name)
{
	numbered(r, out, KAN_REDACT_USER, name);
}

void kan_redact_host(struct kan_redactor *r, struct kan_buf *out, const char *name)
{
	numbered(r, out, KAN_REDACT_HOST, name);
}

/* RFC 1918, 6598, 3927. Loopback, wildcard and documentation say nothing of anybody. */
static bool is_inner4(uint32_t a)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} inner[] = {{0x0a000000, 8},
		     {0xac100000, 12},
		     {0xc0a80000, 16},
		     {0x64400000, 10},
		     {0xa9fe0000, 16}};
	if (a == 0xa9fea9fe) /* the address of every cloud's metadata */
		return false;
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (a >> (32 - inner[i].bits) == inner[i].net >> (32 - inner[i].bits))
			return true;
	return false;
}

/* RFC 4193, 4291: unique local, link local; a mapped one is what it maps. */
static bool is_inner6(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (memcmp(a, mapped, sizeof mapped) == 0)
		return is_inner4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
				 (uint32_t)a[14] << 8 | a[15]);
	return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

/* 0: no address. */
static int family_of(const char *text, bool *inner)
{
	uint8_t a[16];
	if (inet_pton(AF_INET, text, a) == 1) {
		*inner = is_inner4((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 |
				   (uint32_t)a[2] << 8 | a[3]);
		return AF_INET;
	}
	if (inet_pton(AF_INET6, text, a) == 1) {
		*inner = is_inner6(a);
		return AF_INET6;
	}
	return 0;
}

void kan_redact_hide(struct kan_redactor *r, const char *address)
{
	bool inner = false;
	if (family_of(address, &inner))
		json_object_set_new(r->hidden, address, json_true());
}

static bool address(struct kan_redactor *r, struct kan_buf *out, const char *text)
{
	bool inner = false;
	if (!family_of(text, &inner))
		return false;
	if (inner || json_object_get(r->hidden, text))
		numbered(r, out, KAN_REDACT_ADDRESS, text);
	else
		kan_buf_adds(out, text);
	return true;
}

/* "10.0.0.1:80" and "10.0.0.0/8". */
static bool address_and_more(struct kan_redactor *r, struct kan_buf *out, char *text)
{
	if (address(r, out, text))
		return true;
	char *end = strpbrk(text, "/"), *colon = strrchr(text, ':');
	end = end ? end : colon;
	if (!end)
		return false;
	char was = *end;
	*end = 0;
	bool is = address(r, out, text);
	*end = was;
	if (is)
		kan_buf_adds(out, end);
	return is;
}

static bool name(struct kan_redactor *r, struct kan_buf *out, const char *text)
{
	const char *known = json_string_value(json_object_get(r->users, text));
	if (!known)
		known = json_string_value(json_object_get(r->hosts, text));
	if (known)
		kan_buf_adds(out, known);
	return known;
}

static bool mail(struct kan_redactor *r, struct kan_buf *out, const char *text)
{
	const char *at = strchr(text, '@');
	if (!at || at == text || !strchr(at, '.') || strpbrk(text, "/:"))
		return false;
	kan_redact_user(r, out, text);
	return true;
}

/* Between dots, colons and slashes. */
static void pieces(struct kan_redactor *r, struct kan_buf *out, char *text)
{
	static const char between[] = ".:/@";
	while (*text) {
		size_t n = strcspn(text, between);
		char was = text[n];
		text[n] = 0;
		if (!name(r, out, text))
			kan_buf_adds(out, text);
		text[n] = was;
		text += n;
		n = strspn(text, between);
		kan_buf_add(out, text, n);
		text += n;
	}
}

/* As a whole; without the end of a sentence; in pieces. */
static void token(struct kan_redactor *r, struct kan_buf *out, char *text)
{
	size_t n = strlen(text), end = n;
	if (address_and_more(r, out, text) || name(r, out, text))
		return;
	while (end && strchr(".:", text[end - 1]))
		end--;
	char was = text[end];
	text[end] = 0;
	bool done =
		end && (address_and_more(r, out, text) || name(r, out, text) || mail(r, out, text));
	text[end] = was;
	if (done)
		kan_buf_adds(out, text + end);
	else
		pieces(r, out, text);
}

static bool in_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c >= 0x80 || memchr("._%+-@:/", c, 8);
}

/* "/home/NAME": the account. */
static size_t home(struct kan_redactor *r, struct kan_buf *out, struct kan_bytes v, size_t i)
{
	static const char marker[] = "/home/";
	const size_t n = sizeof marker - 1;
	char account[TOKEN_MAX];
	size_t end = i + n;
	if (v.n - i <= n || memcmp(v.p + i, marker, n) != 0)
		return 0;
	while (end < v.n && v.p[end] != '/' && v.p[end] != ' ' && end - i - n < sizeof account - 1)
		end++;
	if (end == i + n)
		return 0;
	memcpy(account, v.p + i + n, end - i - n);
	account[end - i - n] = 0;
	kan_buf_adds(out, marker);
	kan_redact_user(r, out, account);
	return end - i;
}

void kan_redact_text(struct kan_redactor *r, struct kan_buf *out, struct kan_bytes v)
{
	char text[TOKEN_MAX];
	for (size_t i = 0; i < v.n;) {
		size_t n = home(r, out, v, i);
		if (n) {
			i += n;
			continue;
		}
		while (i + n < v.n && n < sizeof text - 1 && in_token(v.p[i + n]) &&
		       !(n && v.n - i - n > 6 && memcmp(v.p + i + n, "/home/", 6) == 0))
			n++;
		if (!n) {
			kan_buf_addc(out, (char)v.p[i++]);
			continue;
		}
		memcpy(text, v.p + i, n);
		text[n] = 0;
		token(r, out, text);
		i += n;
	}
}
