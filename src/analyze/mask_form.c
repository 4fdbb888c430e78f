/* Secrets that are known by their own form, whatever stands in front of them. */
#include "analyze/mask_part.h"

enum { URL_OCTETS = 1024, LONG_USER = 20, BODY_LEAST = 60, BODY_MOST = 80, BEARER_LEAST = 16 };

static bool at_word(struct kan_bytes t, size_t at)
{
	return at == 0 || !kan_mask_in(t.p[at - 1], "_");
}

static const struct {
	const char *begin, *set, *kind;
	size_t least;
} tokens[] = {{"AKIA", "", "key", 20},
	      {"ASIA", "", "key", 20},
	      {"AIza", "_-", "key", 39},
	      {"GOCSPX-", "_-", "secret", 24},
	      {"ya29.", "_-.", "token", 24},
	      {"ghp_", "_", "token", 24},
	      {"gho_", "_", "token", 24},
	      {"ghu_", "_", "token", 24},
	      {"ghs_", "_", "token", 24},
	      {"ghr_", "_", "token", 24},
	      {"github_pat_", "_", "token", 24},
	      {"glpat-", "_-.", "token", 20},
	      {"glrt-", "_-.", "token", 20},
	      {"xoxa-", "-", "token", 20},
	      {"xoxb-", "-", "token", 20},
	      {"xoxe-", "-", "token", 20},
	      {"xoxp-", "-", "token", 20},
	      {"xoxr-", "-", "token", 20},
	      {"xoxs-", "-", "token", 20},
	      {"xapp-", "-", "token", 20},
	      {"dckr_pat_", "_-", "token", 20},
	      {"npm_", "", "token", 40},
	      {"pypi-AgE", "_-", "token", 40},
	      {"hvs.", "_-", "token", 24},
	      {"hvb.", "_-", "token", 24},
	      {"SG.", "_-.", "token", 60},
	      {"dop_v1_", "", "token", 40},
	      {"sk_live_", "", "key", 24},
	      {"rk_live_", "", "key", 24},
	      {"sk_test_", "", "key", 24},
	      {"sk-ant-", "_-", "key", 32},
	      {"sk-proj-", "_-", "key", 32},
	      {"eyJ", "_-.=+/", "token", 40},
	      {"$1$", "./$", "password hash", 20},
	      {"$apr1$", "./$", "password hash", 20},
	      {"$2a$", "./$", "password hash", 20},
	      {"$2b$", "./$", "password hash", 20},
	      {"$2y$", "./$", "password hash", 20},
	      {"$5$", "./$=", "password hash", 20},
	      {"$6$", "./$=", "password hash", 20},
	      {"$y$", "./$", "password hash", 20},
	      {"$gy$", "./$", "password hash", 20},
	      {"$7$", "./$", "password hash", 20},
	      {"$argon2", "./$=,+-", "password hash", 24},
	      {"$pbkdf2", "./$=,+-", "password hash", 24},
	      {"{SSHA", "}/+=", "password hash", 24},
	      {"{CRYPT}", "./$=", "password hash", 20}};

static bool token(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		if (t.p[at] != (uint8_t)tokens[i].begin[0] ||
		    !kan_mask_begins(t, at, tokens[i].begin))
			continue;
		size_t from = strlen(tokens[i].begin);
		size_t n = from + kan_mask_run(t, at + from, tokens[i].set);
		/* The end of a sentence is none of it. */
		while (n > from && strchr(".,-", t.p[at + n - 1]))
			n--;
		*out = (struct kan_secret){at, n, tokens[i].kind};
		if (n >= tokens[i].least)
			return true;
	}
	return false;
}

/* Behind words that only introduce one: a bearer's token has a digit, a sentence has none. */
static bool introduced(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	static const char bearer[] = "bearer ", slack[] = "hooks.slack.com/services/";
	size_t from = at, n = 0;
	bool digit = false;
	if (kan_mask_reads(t, at, slack)) {
		from += sizeof slack - 1;
		n = kan_mask_run(t, from, "/_-");
		digit = n > 0;
	} else if (kan_mask_reads(t, at, bearer)) {
		from += sizeof bearer - 1;
		n = kan_mask_run(t, from, "_-.~+/=");
		for (size_t i = 0; i < n && n >= BEARER_LEAST; i++)
			digit |= isdigit(t.p[from + i]) != 0;
	}
	*out = (struct kan_secret){from, n, "token"};
	return digit;
}

/* From -----BEGIN ... PRIVATE KEY to the end of its last line's mark, or of the text. */
static bool private_key(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ", word[] = "PRIVATE KEY";
	if (!kan_mask_begins(t, at, begin))
		return false;
	size_t label = at + sizeof begin - 1, n = kan_mask_run(t, label, " ");
	bool named = false;
	for (size_t i = 0; i < n && !named; i++)
		named = kan_mask_begins(t, label + i, word);
	if (!named)
		return false;
	*out = (struct kan_secret){at, t.n - at, "private key"};
	for (size_t i = label; i < t.n; i++)
		if (t.p[i] == '-' && kan_mask_begins(t, i, end)) {
			size_t stop = i + sizeof end - 1;
			stop += kan_mask_run(t, stop, " ");
			while (stop < t.n && t.p[stop] == '-')
				stop++;
			out->n = stop - at;
			break;
		}
	return true;
}

/* A line of base64 and of nothing else, as text that is shown by lines has them of a key: 64 to 76
 * characters a line. A digest is hexadecimal; a last, short line does not look like one. */
static bool key_line(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	bool upper = false, lower = false, digit = false, beyond = false;
	bool begins = at == 0 || t.p[at - 1] == '\n' ||
		      (strchr("+- ", t.p[at - 1]) && (at == 1 || t.p[at - 2] == '\n'));
	size_t n = 0;
	if (!begins || t.p[at] == '+') /* the mark of a text difference */
		return false;
	for (; at + n < t.n && n <= BODY_MOST && kan_mask_in(t.p[at + n], "+/="); n++) {
		uint8_t c = t.p[at + n];
		upper |= isupper(c) != 0;
		lower |= islower(c) != 0;
		digit |= isdigit(c) != 0;
		beyond |= !isxdigit(c);
	}
	*out = (struct kan_secret){at, n, "private key"};
	bool ends = at + n == t.n || t.p[at + n] == '\n' || t.p[at + n] == '\r';
	return ends && n >= BODY_LEAST && n <= BODY_MOST && upper && lower && digit && beyond;
}

/* host:80/ is no user with a password. */
static bool is_port(struct kan_bytes t, size_t colon, size_t slash)
{
	for (size_t i = colon; i < slash; i++)
		if (!isdigit(t.p[i]))
			return false;
	return true;
}

/* Where the userinfo of a URL ends, at its last @; *colon: behind its first one. 0: it has none. */
static size_t userinfo(size_t *colon, struct kan_bytes t, size_t from)
{
	size_t at = 0, max = t.n - from > URL_OCTETS ? from + URL_OCTETS : t.n;
	bool path = false;
	*colon = 0;
	for (size_t i = from; i < max && !isspace(t.p[i]) && !strchr("\"'<>\\", t.p[i]); i++) {
		uint8_t c = t.p[i];
		if (c == ':' && !*colon && !path)
			*colon = i + 1;
		/* A slash that was not escaped is in many a password. */
		if ((c == '/' || c == '?' || c == '#') && !path) {
			if (at || !*colon || is_port(t, *colon, i))
				break;
			path = true;
		}
		if (c == '@') {
			at = i;
			if (path)
				break;
		}
	}
	if (*colon > at) /* token@host:80 */
		*colon = 0;
	return at;
}

/* http://token@host: a browser's user has a password. git@ and its like are no secrets. */
static bool in_url(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	size_t colon = 0, from = at + 3;
	if (!kan_mask_begins(t, at, "://"))
		return false;
	size_t end = userinfo(&colon, t, from);
	if (!end)
		return false;
	size_t user = (colon ? colon - 1 : end) - from;
	bool web = (at >= 4 && kan_mask_reads(t, at - 4, "http")) ||
		   (at >= 5 && kan_mask_reads(t, at - 5, "https"));
	bool whole = web && (!colon || colon == end || user >= LONG_USER);
	*out = whole ? (struct kan_secret){from, end - from, "token"}
		     : (struct kan_secret){colon, colon ? end - colon : 0, "password"};
	return out->n > 0;
}

bool kan_mask_form(struct kan_secret *out, struct kan_bytes t, size_t at)
{
	uint8_t c = t.p[at];
	if (c == ':')
		return in_url(out, t, at);
	if (c == '-')
		return private_key(out, t, at);
	if (!at_word(t, at))
		return false;
	return token(out, t, at) || introduced(out, t, at) || key_line(out, t, at);
}
