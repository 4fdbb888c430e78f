/* Indicators, parsed: the kind is what the word says or looks like. */
#include "analyze/ioc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

enum {
	MD5 = 32,
	SHA1 = 40,
	SHA512 = 128,
	PORT_MAX = 65535,
	TEXT = 64,
	BITS = 128,
	V4_BITS = 32,
	V4_AT = 12
};

const char *const kan_ioc_kinds[] = {"digest", "address", "name", "rule", NULL};

void kan_iocs_free(struct kan_iocs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].word);
		free(l->v[i].pattern);
	}
	free(l->v);
	*l = (struct kan_iocs){0};
}

static bool all_hex(const char *s)
{
	return strspn(s, "0123456789abcdefABCDEF") == strlen(s);
}

static int take_digest(struct kan_ioc *out, const char *word, struct kan_err *err)
{
	if (strlen(word) != KAN_SHA256_HEX - 1 || !all_hex(word))
		return kan_fail(err, KAN_EUSAGE, "a digest is SHA-256, 64 hex digits");
	for (size_t i = 0; word[i]; i++)
		out->digest[i] = (char)tolower((unsigned char)word[i]);
	return 0;
}

static bool number(unsigned *out, const char *text, unsigned max)
{
	unsigned n = 0;
	size_t i = 0;
	for (; text[i] >= '0' && text[i] <= '9' && n <= max; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	*out = n;
	return i && !text[i] && n <= max;
}

static bool parse_host(struct kan_ioc *out, const char *text)
{
	static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};
	memcpy(out->address, mapped, V4_AT);
	out->prefix = BITS;
	return inet_pton(AF_INET, text, out->address + V4_AT) == 1 ||
	       inet_pton(AF_INET6, text, out->address) == 1;
}

/* What is behind the length does not count, and is zeroed. */
static bool parse_length(struct kan_ioc *out, const char *text, bool v4)
{
	unsigned bits = 0;
	if (!number(&bits, text, v4 ? V4_BITS : BITS))
		return false;
	out->prefix = bits + (v4 ? BITS - V4_BITS : 0);
	for (unsigned i = out->prefix; i < BITS; i++)
		out->address[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return true;
}

/* 1.2.3.4, ::1, [::1], each with /length or :port; a port behind IPv6 needs the brackets. */
static bool parse_address(struct kan_ioc *out, const char *word)
{
	char host[TEXT];
	bool bracket = word[0] == '[';
	const char *from = word + bracket;
	size_t n = bracket ? strcspn(from, "]") : strcspn(from, "/");
	bool v4 = !memchr(from, ':', n) || strchr(from, ':') > strchr(from, '.');
	v4 = v4 && !bracket && memchr(from, '.', n);
	if (v4)
		n = strcspn(from, "/:");
	if (n >= sizeof host || (bracket && from[n] != ']'))
		return false;
	memcpy(host, from, n);
	host[n] = 0;
	if (!parse_host(out, host))
		return false;
	const char *rest = from + n + bracket;
	if (rest[0] == ':')
		return number(&out->port, rest + 1, PORT_MAX) && out->port;
	return rest[0] == '/' ? parse_length(out, rest + 1, v4) : !rest[0];
}

static int hex_pair(const char *s)
{
	uint8_t octet = 0;
	return kan_unhex(&octet, 1, (struct kan_bytes){(const uint8_t *)s, strnlen(s, 2)}) ? octet
											   : -1;
}

/* \xNN as terminals are shown it, and \ before any other character takes that one as it is. */
static size_t take_escape(uint16_t *out, const char *s)
{
	int octet = s[1] == 'x' ? hex_pair(s + 2) : -1;
	if (octet >= 0) {
		*out = (uint16_t)octet;
		return 4;
	}
	*out = (uint8_t)(s[1] ? s[1] : '\\');
	return s[1] ? 2 : 1;
}

static int take_name(struct kan_ioc *out, const char *word, struct kan_err *err)
{
	bool fixed = false;
	out->pattern = kan_xrealloc(NULL, strlen(word) + 1, sizeof *out->pattern);
	for (const char *s = word; *s;) {
		uint16_t *to = &out->pattern[out->n_pattern];
		size_t n = 1;
		if (*s == '\\')
			n = take_escape(to, s);
		else
			*to = *s == '*' ? KAN_IOC_ANY : *s == '?' ? KAN_IOC_ONE : (uint8_t)*s;
		fixed |= *to < KAN_IOC_ANY;
		out->n_pattern += *to != KAN_IOC_ANY || !out->n_pattern || to[-1] != KAN_IOC_ANY;
		s += n;
	}
	return fixed ? 0
		     : kan_fail(err, KAN_EUSAGE,
				"a name has something besides * and ?, or it is "
				"everything");
}

static int take_rule(const char *word, struct kan_err *err)
{
	if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(word))
		return 0;
	return kan_fail(err, KAN_EUSAGE, "not the id of a rule, such as persist.cron-changed");
}

/* Other digests would be names that nothing has: who hunts for one is told. */
static int guess(enum kan_ioc_kind *out, const char *word, const struct kan_ioc_rules *rules,
		 struct kan_err *err)
{
	struct kan_ioc probe = {0};
	size_t n = strlen(word);
	if (all_hex(word) && (n == MD5 || n == SHA1 || n == SHA512))
		return kan_fail(err, KAN_EUSAGE,
				"a digest of %zu digits: bundles have SHA-256 alone; name: before "
				"a name of these letters",
				n);
	if (all_hex(word) && n == KAN_SHA256_HEX - 1)
		*out = KAN_IOC_DIGEST;
	else if (parse_address(&probe, word))
		*out = KAN_IOC_ADDRESS_KIND;
	else
		*out = rules && rules->is && rules->is(word, rules->arg) ? KAN_IOC_RULE
									 : KAN_IOC_NAME;
	return 0;
}

static bool prefixed(const char **word, const char *kind)
{
	size_t n = strlen(kind);
	if (strncmp(*word, kind, n) != 0 || (*word)[n] != ':')
		return false;
	*word += n + 1;
	return true;
}

static int take(struct kan_ioc *out, const char *word, const struct kan_ioc_rules *rules,
		struct kan_err *err)
{
	int forced = prefixed(&word, "sha256") ? KAN_IOC_DIGEST : -1;
	for (int k = 0; forced < 0 && kan_ioc_kinds[k]; k++)
		if (prefixed(&word, kan_ioc_kinds[k]))
			forced = k;
	if (!*word)
		return kan_fail(err, KAN_EUSAGE, "an indicator is not empty");
	if (forced >= 0)
		out->kind = (enum kan_ioc_kind)forced;
	else if (guess(&out->kind, word, rules, err) < 0)
		return -1;
	out->word = kan_xstrdup(word);
	switch (out->kind) {
	case KAN_IOC_DIGEST:
		(void)prefixed(&word, "sha256");
		return take_digest(out, word, err);
	case KAN_IOC_ADDRESS_KIND:
		return parse_address(out, word)
			       ? 0
			       : kan_fail(err, KAN_EUSAGE,
					  "not an address: 192.0.2.1, 192.0.2.0/24, "
					  "192.0.2.1:443, 2001:db8::1, [2001:db8::1]:443");
	case KAN_IOC_NAME:
		return take_name(out, word, err);
	case KAN_IOC_RULE:
		return take_rule(word, err);
	}
	return 0;
}

static bool known(const struct kan_iocs *l, const struct kan_ioc *ioc)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == ioc->kind && strcmp(l->v[i].word, ioc->word) == 0)
			return true;
	return false;
}

static int add(struct kan_iocs *to, struct kan_ioc *ioc, struct kan_err *err)
{
	if (known(to, ioc)) {
		free(ioc->word);
		free(ioc->pattern);
		return 0;
	}
	if (to->n == to->cap) {
		to->cap = to->cap ? to->cap * 2 : 16;
		to->v = kan_xrealloc(to->v, to->cap, sizeof *to->v);
	}
	to->rows |= ioc->kind != KAN_IOC_RULE;
	to->rules |= ioc->kind == KAN_IOC_RULE;
	to->v[to->n++] = *ioc;
	(void)err;
	return 0;
}

int kan_iocs_add(struct kan_iocs *to, struct kan_bytes word, const struct kan_ioc_rules *rules,
		 struct kan_err *err)
{
	struct kan_ioc ioc = {0};
	if (word.n > KAN_IOC_LONGEST || (word.n && memchr(word.p, 0, word.n)))
		return kan_fail(err, KAN_EUSAGE,
				"an indicator has at most %d octets, none of them a NUL (\\x00 "
				"stands for one)",
				KAN_IOC_LONGEST);
	if (to->n == KAN_IOCS_MAX)
		return kan_fail(err, KAN_EUSAGE, "more than %d indicators", KAN_IOCS_MAX);
	kan_auto_free char *text = kan_xalloc(word.n + 1);
	if (word.n)
		memcpy(text, word.p, word.n);
	struct kan_err why = {0};
	if (take(&ioc, text, rules, &why) < 0) {
		free(ioc.word);
		free(ioc.pattern);
		return kan_fail(err, KAN_EUSAGE, "%.200s: %s", text, why.text);
	}
	return add(to, &ioc, err);
}

static struct kan_bytes trimmed(struct kan_bytes line)
{
	while (line.n && strchr(" \t\r", line.p[line.n - 1]))
		line.n--;
	while (line.n && (*line.p == ' ' || *line.p == '\t')) {
		line.p++;
		line.n--;
	}
	return line;
}

int kan_iocs_lines(struct kan_iocs *to, struct kan_bytes text, const struct kan_ioc_rules *rules,
		   struct kan_err *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* that some editors write */
	unsigned line = 0;
	if (kan_bytes_starts(text, mark)) {
		text.p += sizeof mark - 1;
		text.n -= sizeof mark - 1;
	}
	while (text.n) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t n = lf ? (size_t)(lf - text.p) : text.n;
		struct kan_bytes word = trimmed((struct kan_bytes){text.p, n});
		line++;
		if (word.n && *word.p != '#' && kan_iocs_add(to, word, rules, err) < 0)
			return kan_wrap(err, "line %u", line);
		text.p += n + (lf != NULL);
		text.n -= n + (lf != NULL);
	}
	return 0;
}
