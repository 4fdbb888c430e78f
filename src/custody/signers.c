/* allowed_signers: one line names principals, options and a key. Exact names only, no patterns. */
#include "custody/signers.h"

#include "base/file.h"
#include "base/row.h"
#include "custody/key.h"
#include "custody/sshwire.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct signer {
	char *principals; /* comma-separated */
	char *namespaces; /* comma-separated, NULL: any */
	int64_t after, before;
	uint8_t key[KAN_KEY_BLOB];
	size_t key_len;
};

struct kan_signers {
	struct signer *list;
	size_t n;
};

static void signer_clear(struct signer *s)
{
	free(s->principals);
	free(s->namespaces);
}

void kan_signers_free(struct kan_signers *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		signer_clear(&s->list[i]);
	free(s->list);
	free(s);
}

void kan_signers_auto(struct kan_signers **s)
{
	kan_signers_free(*s);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next field: up to a blank that is not inside double quotes. Empty: nothing left, or open
 * quote. */
static struct kan_bytes field(struct kan_bytes *line)
{
	size_t n = 0;
	bool quoted = false;
	struct kan_bytes f;

	while (line->n && blank(*line->p)) {
		line->p++;
		line->n--;
	}
	while (n < line->n && (quoted || !blank(line->p[n])))
		if (line->p[n++] == '"')
			quoted = !quoted;
	f = (struct kan_bytes){line->p, quoted ? 0 : n};
	if (n)
		line->p += n;
	line->n -= n;
	return f;
}

static struct kan_bytes unquote(struct kan_bytes v)
{
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		return (struct kan_bytes){v.p + 1, v.n - 2};
	return v;
}

/* Names as we compare them: exact, so characters of patterns and quotes have no place in them. */
static char *names(struct kan_bytes v)
{
	char *s;

	v = unquote(v);
	if (!v.n)
		return NULL;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || strchr("*?!\"\\", v.p[i]))
			return NULL;
	s = kan_xalloc(v.n + 1);
	memcpy(s, v.p, v.n);
	return s;
}

static int digits(struct kan_bytes v, size_t at, size_t n)
{
	int value = 0;

	for (size_t i = at; i < at + n; i++)
		value = value * 10 + (v.p[i] - '0');
	return value;
}

/* YYYYMMDD[HHMM[SS]][Z]; without Z it is local time, as ssh-keygen reads it. */
static int parse_time(int64_t *out, struct kan_bytes v)
{
	struct tm tm = {.tm_isdst = -1};
	bool utc;

	v = unquote(v);
	utc = v.n && v.p[v.n - 1] == 'Z';
	v.n -= utc;
	if (v.n != 8 && v.n != 12 && v.n != 14)
		return -1;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return -1;
	tm.tm_year = digits(v, 0, 4) - 1900;
	tm.tm_mon = digits(v, 4, 2) - 1;
	tm.tm_mday = digits(v, 6, 2);
	tm.tm_hour = v.n >= 12 ? digits(v, 8, 2) : 0;
	tm.tm_min = v.n >= 12 ? digits(v, 10, 2) : 0;
	tm.tm_sec = v.n == 14 ? digits(v, 12, 2) : 0;
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	*out = utc ? timegm(&tm) : mktime(&tm);
	return 0;
}

static bool option_is(struct kan_bytes *opt, const char *name)
{
	size_t n = strlen(name);

	if (opt->n < n || strncasecmp((const char *)opt->p, name, n) != 0)
		return false;
	*opt = (struct kan_bytes){opt->p + n, opt->n - n};
	return true;
}

static int option(struct signer *s, struct kan_bytes opt, struct kan_err *err)
{
	if (option_is(&opt, "cert-authority"))
		return kan_fail(err, KAN_EUSAGE, "cert-authority is refused: list the key itself");
	if (option_is(&opt, "namespaces=")) {
		free(s->namespaces);
		s->namespaces = names(opt);
		return s->namespaces ? 0 : kan_fail(err, KAN_EUSAGE, "patterns are refused");
	}
	if (option_is(&opt, "valid-after="))
		return !parse_time(&s->after, opt) ? 0
						   : kan_fail(err, KAN_EUSAGE, "bad valid-after");
	if (option_is(&opt, "valid-before="))
		return !parse_time(&s->before, opt) ? 0
						    : kan_fail(err, KAN_EUSAGE, "bad valid-before");
	return kan_fail(err, KAN_EUSAGE, "unknown option");
}

/* Options are separated by commas outside quotes. */
static int options(struct signer *s, struct kan_bytes text, struct kan_err *err)
{
	while (text.n) {
		size_t n = 0;
		bool quoted = false;

		while (n < text.n && (quoted || text.p[n] != ','))
			if (text.p[n++] == '"')
				quoted = !quoted;
		if (option(s, (struct kan_bytes){text.p, n}, err) < 0)
			return -1;
		n += n < text.n;
		text.p += n;
		text.n -= n;
	}
	return 0;
}

static bool key_type(struct kan_bytes f)
{
	return kan_bytes_starts(f, "ssh-") || kan_bytes_starts(f, "ecdsa-") ||
	       kan_bytes_starts(f, "sk-");
}

static int parse_key(struct signer *s, struct kan_bytes type, struct kan_bytes text,
		     struct kan_err *err)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(KAN_KEY_BLOB);
	struct kan_wire w;

	if (!text.n || kan_base64_decode(&blob, text, NULL) < 0 || !blob.len)
		return kan_fail(err, KAN_EUSAGE, "the key is not base64");
	w = (struct kan_wire){.rest = kan_buf_bytes(&blob)};
	if (!kan_bytes_eq(kan_wire_str(&w), type))
		return kan_fail(err, KAN_EUSAGE, "the key is of another type than its line says");
	memcpy(s->key, blob.data, blob.len);
	s->key_len = blob.len;
	return 0;
}

static int parse_line(struct signer *s, struct kan_bytes line, struct kan_err *err)
{
	struct kan_bytes who = field(&line), f = field(&line);

	s->before = INT64_MAX;
	s->after = INT64_MIN;
	s->principals = names(who);
	if (!s->principals)
		return kan_fail(err, KAN_EUSAGE,
				"principals are exact names, patterns are refused");
	if (!key_type(f)) {
		if (options(s, f, err) < 0)
			return -1;
		f = field(&line);
	}
	if (!key_type(f))
		return kan_fail(err, KAN_EUSAGE, "no key");
	return parse_key(s, f, field(&line), err);
}

static int add_line(struct kan_signers *s, struct kan_bytes line, struct kan_err *err)
{
	struct kan_bytes probe = line;
	struct kan_bytes first = field(&probe);

	if (!line.n || (!first.n && !probe.n) || (first.n && first.p[0] == '#'))
		return 0;
	if (s->n >= KAN_SIGNERS_MAX)
		return kan_fail(err, KAN_ELIMIT, "more than %d signers", KAN_SIGNERS_MAX);
	s->list = kan_xrealloc(s->list, s->n + 1, sizeof(*s->list));
	memset(&s->list[s->n], 0, sizeof(*s->list));
	return parse_line(&s->list[s->n++], line, err);
}

int kan_signers_parse(struct kan_signers **out, struct kan_bytes text, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *s = kan_xalloc(sizeof(*s));

	for (unsigned no = 1; text.n; no++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		if (add_line(s, (struct kan_bytes){text.p, n}, err) < 0)
			return kan_wrap(err, "line %u", no);
		n += end != NULL;
		text.p += n;
		text.n -= n;
	}
	*out = kan_take_ptr(s);
	return 0;
}

int kan_signers_load(struct kan_signers **out, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_SIGNERS_FILE_MAX);

	if (kan_read_file(&text, AT_FDCWD, path, err) < 0)
		return -1;
	if (kan_signers_parse(out, kan_buf_bytes(&text), err) < 0)
		return kan_wrap(err, "%s", path);
	return 0;
}

/* Is name one of the comma-separated list? */
static bool listed(const char *list, const char *name)
{
	size_t want = strlen(name);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");

		if (n == want && memcmp(p, name, n) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* Why this line does not vouch; NULL: it does. */
static const char *refusal(const struct signer *s, const struct kan_signers_ask *ask)
{
	if (ask->principal && !listed(s->principals, ask->principal))
		return "its key is trusted for another name";
	if (s->namespaces && !listed(s->namespaces, ask->ns))
		return "its key is not trusted for this purpose";
	if (ask->at < s->after)
		return "signed before its key became valid";
	if (ask->at > s->before)
		return "signed after its key was no longer valid";
	return NULL;
}

const char *kan_signers_find(const struct kan_signers *s, const struct kan_signers_ask *ask,
			     const char **why)
{
	*why = "its key is not in the trust file";
	for (size_t i = 0; i < s->n; i++) {
		const char *no;

		if (!kan_bytes_eq((struct kan_bytes){s->list[i].key, s->list[i].key_len}, ask->key))
			continue;
		no = refusal(&s->list[i], ask);
		if (!no)
			return s->list[i].principals;
		*why = no;
	}
	return NULL;
}
