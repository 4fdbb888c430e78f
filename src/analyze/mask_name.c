/* Secrets that are known by the name in front of them. */
#include "analyze/mask_part.h"

enum { NAME_MAX_OCTETS = 64, NAME_LOOK = 256, NETRC_LOOK = 80 };

static const char name_set[] = "_-.";

static bool listed(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool ends_in(const char *text, size_t n, const char *end)
{
	size_t k = strlen(end);
	return n >= k && strcmp(text + n - k, end) == 0;
}

/* The last letters and digits of a name, small. */
static size_t letters(char text[NAME_MAX_OCTETS + 1], struct kan_bytes name)
{
	size_t n = 0, look = name.n > NAME_LOOK ? name.n - NAME_LOOK : 0;
	for (size_t i = name.n; i > look && n < NAME_MAX_OCTETS; i--)
		if (isalnum(name.p[i - 1]))
			text[n++] = (char)tolower(name.p[i - 1]);
	for (size_t i = 0; i < n / 2; i++) {
		char c = text[i];
		text[i] = text[n - 1 - i];
		text[n - 1 - i] = c;
	}
	text[n] = 0;
	return n;
}

/* Does the last word begin there: db_pass, dbPass, pass; not compass? */
static bool own_word(struct kan_bytes name, size_t k)
{
	return name.n == k || !isalnum(name.p[name.n - k - 1]) ||
	       (isupper(name.p[name.n - k]) && islower(name.p[name.n - k - 1]));
}

/* SIGNING_KEY: as variables are written; but for those that are keys of another meaning. */
static bool is_key(struct kan_bytes name, const char *text)
{
	static const char *const no[] = {"publickey", "primarykey",   "foreignkey", "sortkey",
					 "hostkey",   "partitionkey", "cachekey",   NULL};
	static const char *const yes[] = {"encryptionkey", "signingkey", "masterkey",  "accountkey",
					  "authkey",       "sharedkey",  "sessionkey", "cookiekey",
					  "jwtkey",        "sshkey",     "servicekey", "appkey",
					  "storagekey",    "licensekey", NULL};
	bool loud = name.n > 4 && memcmp(name.p + name.n - 4, "_KEY", 4) == 0;
	for (size_t i = 0; no[i]; i++)
		if (ends_in(text, strlen(text), no[i]))
			return false;
	for (size_t i = 0; yes[i]; i++)
		if (ends_in(text, strlen(text), yes[i]))
			return true;
	return loud;
}

const char *kan_mask_name(struct kan_bytes name)
{
	static const char *const words[][2] = {
		{"passw", "password"},       {"passphrase", "password"}, {"secret", "secret"},
		{"token", "token"},          {"apikey", "key"},          {"accesskey", "key"},
		{"privatekey", "key"},       {"credential", "secret"},   {"authorization", "token"},
		{"sshpass", "password"},     {"pgpass", "password"},     {"amzsignature", "token"},
		{"requirepass", "password"}, {"masterauth", "password"}};
	static const char *const ends[][2] = {
		{"pass", "password"}, {"pwd", "password"}, {"psk", "password"}};
	static const char *const innocent[] = {"pwd",       "oldpwd",  "tokentype", "maxtokens",
					       "tokenizer", "cookies", NULL};
	static const char *const cookies[] = {"cookie", "setcookie", NULL};
	char text[NAME_MAX_OCTETS + 1];
	size_t n = letters(text, name);
	/* PWD is where a shell stands; pwd=, in small letters, is a database's. */
	if (listed(text, innocent) && !(n == 3 && islower(name.p[name.n - 1])))
		return NULL;
	if (ends_in(text, n, "file") || ends_in(text, n, "path"))
		return NULL;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(text, words[i][0]))
			return words[i][1];
	if (listed(text, cookies))
		return "token";
	/* As a word of its own: a compass is none. */
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (ends_in(text, n, ends[i][0]) && own_word(name, strlen(ends[i][0])))
			return ends[i][1];
	return is_key(name, text) ? "key" : NULL;
}

static size_t blanks(struct kan_bytes t, size_t i)
{
	while (i < t.n && (t.p[i] == ' ' || t.p[i] == '\t'))
		i++;
	return i;
}

/* What may close a name: quotes, escaped or not, and brackets. */
static size_t closing(struct kan_bytes t, size_t i)
{
	while (i < t.n && t.p[i] && strchr(" \t\"'\\]", t.p[i]))
		i++;
	return i;
}

/* "name": "DB_PASSWORD", "value": ...: its value stands behind the next word. */
static size_t hop(struct kan_bytes t, size_t i)
{
	size_t k = i;
	while (k < t.n && t.p[k] && strchr(" \t\"'\\,\r\n", t.p[k]))
		k++;
	return k > i && kan_mask_reads(t, k, "value") ? closing(t, k + 5) : i;
}

/* How the value is held: by a quote, which may be escaped; by a name in quotes before it; by what
 * else ends it. */
struct held {
	uint8_t quote; /* 0: none */
	bool escaped, line, query, list, tag, word;
};

static bool closes(struct kan_bytes t, size_t i)
{
	return i >= t.n || isspace(t.p[i]) || strchr(",;}])>&", t.p[i]);
}

/* Is the quote at i the one that ends it? */
static bool at_quote(const struct held *h, struct kan_bytes t, size_t i)
{
	if (h->escaped)
		return t.p[i] == '\\' && i + 1 < t.n && t.p[i + 1] == h->quote;
	return t.p[i] == h->quote;
}

/* From at to the quote that it began with; without one, to the end. */
static size_t quoted(const struct held *h, struct kan_bytes t, size_t at)
{
	size_t i = at;
	while (i < t.n && !at_quote(h, t, i))
		i += t.p[i] == '\\' && !h->escaped && i + 1 < t.n ? 2 : 1;
	return i;
}

/* A quote that something else follows on is of the value. */
static bool ends_bare(struct kan_bytes t, size_t i)
{
	size_t k = i + (t.p[i] == '\\');
	return k < t.n && (t.p[k] == '"' || t.p[k] == '\'') && closes(t, k + 1);
}

static size_t bare(const struct held *h, struct kan_bytes t, size_t at)
{
	size_t i = at;
	for (; i < t.n; i++) {
		uint8_t c = t.p[i];
		if (h->line ? c == '\n' : isspace(c))
			break;
		if ((h->query && c == '&') || (h->list && c == ';') || (h->tag && c == '<') ||
		    ends_bare(t, i))
			break;
	}
	while (!h->line && i > at && strchr(",;", t.p[i - 1]))
		i--;
	return i;
}

static void value(struct kan_secret *out, struct held *h, struct kan_bytes t, size_t i)
{
	h->escaped = i + 1 < t.n && t.p[i] == '\\' && (t.p[i + 1] == '"' || t.p[i + 1] == '\'');
	size_t open = i + h->escaped;
	bool quote = open < t.n && (t.p[open] == '"' || t.p[open] == '\'');
	h->quote = quote ? t.p[open] : 0;
	out->from = quote ? open + 1 : i;
	size_t end = quote ? quoted(h, t, out->from) : bare(h, t, out->from);
	/* "a"b is one word of a shell. */
	if (quote && end < t.n && !h->escaped && !closes(t, end + 1) &&
	    !strchr("\"'\\", t.p[end + 1]))
		end = bare(h, t, end + 1);
	out->n = end - out->from;
}

/* machine HOST login USER password SECRET, as .netrc has it. */
static bool in_netrc(struct kan_bytes t, size_t at)
{
	static const char login[] = "login ";
	size_t low = at > NETRC_LOOK ? at - NETRC_LOOK : 0;
	for (size_t i = at; i > low; i--)
		if (kan_mask_begins(t, i - 1, login))
			return true;
	return false;
}

/* Names whose value may follow without a sign: --password x, ENV DB_PASSWORD x, a tab. */
static bool follows(struct kan_bytes t, size_t at, size_t n, size_t gap)
{
	bool loud = memchr(t.p + at, '_', n) != NULL, tab = false;
	for (size_t i = at; i < at + n; i++)
		loud &= !islower(t.p[i]);
	for (size_t i = at + n; i < gap; i++)
		tab |= t.p[i] == '\t';
	if (gap >= t.n || gap == at + n || t.p[gap] == '-' || t.p[gap] == '\n')
		return false;
	return loud || tab || t.p[at] == '-' ||
	       (n == 8 && kan_mask_reads(t, at, "password") && in_netrc(t, at));
}

/* Behind the sign between a name and its value; 0: there is none. */
static size_t sign(struct kan_bytes t, size_t i)
{
	size_t from = i;
	while (i < t.n && i < from + 2 && (t.p[i] == '=' || t.p[i] == ':'))
		i++;
	return i == from ? 0 : blanks(t, i + (i < t.n && t.p[i] == '>'));
}

/* Where the value begins; 0: nothing says that there is one. */
static size_t begins(struct held *h, struct kan_bytes t, size_t at, size_t n)
{
	size_t after = at + n, i = sign(t, closing(t, after));
	uint8_t before = at ? t.p[at - 1] : 0;
	if (i)
		return i;
	if (before == '<' && after < t.n && t.p[after] == '>') {
		h->tag = true;
		return after + 1;
	}
	i = blanks(t, after);
	return follows(t, at, n, i) ? i : sign(t, hop(t, after));
}

/* PWD=/app and OLDPWD are places; /etc/passwd: is a file that something is said of. */
static bool is_place(struct kan_bytes t, size_t at, size_t n, size_t from)
{
	if (at && t.p[at - 1] == '/' && n >= 6 && kan_mask_reads(t, at, "passwd"))
		return true;
	return n == 3 && from < t.n && t.p[from] == '/';
}

bool kan_mask_named(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	/* The true start: a run is looked at once. */
	if (!kan_mask_in(t.p[at], name_set) || (at && kan_mask_in(t.p[at - 1], name_set)))
		return false;
	size_t n = kan_mask_run(t, at, name_set);
	const char *kind = kan_mask_name((struct kan_bytes){t.p + at, n});
	bool upper = n == 3 && memcmp(t.p + at, "PWD", 3) == 0;
	out->kind = kind ? kind : "password";
	if (!kind && !upper)
		return false;
	uint8_t before = at ? t.p[at - 1] : 0;
	struct held h = {.query = before == '?' || before == '&',
			 .list = before == ';',
			 .line = strcmp(out->kind, "token") == 0 &&
				 kan_mask_reads(t, at + n, ":") &&
				 (kan_mask_reads(t, at + n - (n < 6 ? n : 6), "cookie") ||
				  kan_mask_reads(t, at + n - (n < 13 ? n : 13), "authorization"))};
	size_t from = begins(&h, t, at, n);
	/* user[password]=x&a=b is of a form. */
	h.query |= before == '[';
	if (!from || is_place(t, at, n, from))
		return false;
	value(out, &h, t, from);
	return out->n > 0;
}
