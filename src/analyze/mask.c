/* Secrets in text: found by the name in front of them, or by their own form. */
#include "analyze/mask.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_OCTETS = 64, SHOWN = 4, SHOWN_FROM = 16 };

const char *kan_mask_name(struct kan_bytes name)
{
	static const char *const words[][2] = {
		{"passw", "password"}, {"passphrase", "password"}, {"secret", "secret"},
		{"token", "token"},    {"apikey", "key"},          {"accesskey", "key"},
		{"privatekey", "key"}, {"credential", "secret"},   {"authorization", "token"}};
	static const char *const ends[][2] = {{"pass", "password"}, {"pwd", "password"}};
	char text[NAME_MAX_OCTETS + 1];
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < NAME_MAX_OCTETS; i++)
		if (isalnum(name.p[i]))
			text[n++] = (char)tolower(name.p[i]);
	text[n] = 0;
	if (n >= 4 && (strcmp(text + n - 4, "file") == 0 || strcmp(text + n - 4, "path") == 0))
		return NULL;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i][0]))
			return words[i][1];
	/* As a word of its own: a compass is none. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t k = strlen(ends[i][0]);
		if (n >= k && strcmp(text + n - k, ends[i][0]) == 0 &&
		    (name.n == k || !isalnum(name.p[name.n - k - 1])))
			return ends[i][1];
	}
	return NULL;
}

void kan_mask_value(struct kan_buf *out, const char *kind, struct kan_bytes value)
{
	bool plain = value.n >= SHOWN_FROM;
	for (size_t i = 0; plain && i < SHOWN; i++)
		plain = isgraph(value.p[i]) && value.p[i] != '"';
	kan_buf_addf(out, "[%s, %zu bytes", kind, value.n);
	if (plain)
		kan_buf_addf(out, ", \"%.4s\xe2\x80\xa6\"", (const char *)value.p);
	kan_buf_addc(out, ']');
}

static bool in(uint8_t c, const char *set)
{
	return isalnum(c) || (c && strchr(set, c));
}

static size_t run_of(struct kan_bytes t, size_t at, const char *set)
{
	size_t n = 0;
	while (at + n < t.n && in(t.p[at + n], set))
		n++;
	return n;
}

static bool begins(struct kan_bytes t, size_t at, const char *word)
{
	size_t n = strlen(word);
	return t.n - at >= n && memcmp(t.p + at, word, n) == 0;
}

static bool at_word(struct kan_bytes t, size_t at)
{
	return at == 0 || !in(t.p[at - 1], "_");
}

/* Octets of a token that is known by its form; 0: none begins here. */
static size_t by_form(const char **kind, struct kan_bytes t, size_t at)
{
	static const struct {
		const char *begin, *set, *kind;
		size_t least;
	} forms[] = {{"AKIA", "", "key", 20},
		     {"ASIA", "", "key", 20},
		     {"ghp_", "_", "token", 24},
		     {"gho_", "_", "token", 24},
		     {"ghs_", "_", "token", 24},
		     {"github_pat_", "_", "token", 24},
		     {"glpat-", "_-", "token", 20},
		     {"xoxb-", "-", "token", 20},
		     {"xoxp-", "-", "token", 20},
		     {"dckr_pat_", "_-", "token", 20},
		     {"eyJ", "_-.=", "token", 40},
		     {"$1$", "./$", "password hash", 20},
		     {"$2a$", "./$", "password hash", 20},
		     {"$2b$", "./$", "password hash", 20},
		     {"$2y$", "./$", "password hash", 20},
		     {"$5$", "./$=", "password hash", 20},
		     {"$6$", "./$=", "password hash", 20},
		     {"$y$", "./$", "password hash", 20},
		     {"$7$", "./$", "password hash", 20}};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && at_word(t, at); i++) {
		if (!begins(t, at, forms[i].begin))
			continue;
		size_t from = strlen(forms[i].begin);
		size_t n = from + run_of(t, at + from, forms[i].set);
		*kind = forms[i].kind;
		if (n >= forms[i].least)
			return n;
	}
	return 0;
}

/* From -----BEGIN ... PRIVATE KEY to the end of its last line, or of the text. */
static size_t private_key(struct kan_bytes t, size_t at)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ", word[] = "PRIVATE KEY";
	if (!begins(t, at, begin))
		return 0;
	size_t label = at + sizeof(begin) - 1, n = run_of(t, label, " ");
	if (n < sizeof(word) - 1 ||
	    memcmp(t.p + label + n - (sizeof(word) - 1), word, sizeof(word) - 1) != 0)
		return 0;
	for (size_t i = label; i < t.n; i++)
		if (begins(t, i, end)) {
			const uint8_t *stop = memchr(t.p + i, '\n', t.n - i);
			return stop ? (size_t)(stop - t.p) - at : t.n - at;
		}
	return t.n - at;
}

/* scheme://user:PASSWORD@ : where the password is. */
static size_t in_url(size_t *n, struct kan_bytes t, size_t at)
{
	size_t colon = 0;
	if (!begins(t, at, "://"))
		return 0;
	for (size_t i = at + 3; i < t.n && !isspace(t.p[i]) && t.p[i] != '/'; i++) {
		if (t.p[i] == ':' && !colon)
			colon = i + 1;
		if (t.p[i] == '@') {
			*n = colon ? i - colon : 0;
			return *n ? colon : 0;
		}
	}
	return 0;
}

/* Where a value ends: at white space, or at the quote it began with. */
static size_t value_of(size_t *from, struct kan_bytes t, size_t at, bool whole_line)
{
	uint8_t quote = at < t.n && (t.p[at] == '"' || t.p[at] == '\'') ? t.p[at] : 0;
	size_t n = 0;
	*from = at + (quote != 0);
	for (; *from + n < t.n; n++) {
		uint8_t c = t.p[*from + n];
		bool space =
			whole_line ? c == '\n' : isspace(c) || c == ';' || c == '&' || c == ',';
		if (quote ? c == quote : space || c == '"' || c == '\'')
			break;
	}
	return n;
}

/* NAME=value, "name": "value", Authorization: Bearer value. Where the value is; 0: no secret's
 * name. */
static size_t by_name(size_t *n, const char **kind, struct kan_bytes t, size_t at)
{
	static const char name_set[] = "_-.";
	if (!at_word(t, at) || !(*n = run_of(t, at, name_set)))
		return 0;
	struct kan_bytes name = {t.p + at, *n};
	size_t i = at + *n, from = 0;
	while (i < t.n && (t.p[i] == ' ' || t.p[i] == '"' || t.p[i] == '\''))
		i++;
	if (i >= t.n || (t.p[i] != '=' && t.p[i] != ':') || !(*kind = kan_mask_name(name)))
		return 0;
	for (i++; i < t.n && t.p[i] == ' ';)
		i++;
	*n = value_of(&from, t, i, strcmp(*kind, "token") == 0 && name.n == 13);
	return *n ? from : 0;
}

/* What is secret at this place: where it begins, and *n; 0: nothing. */
static size_t secret_at(size_t *n, const char **kind, struct kan_bytes t, size_t at)
{
	*kind = "private key";
	if ((*n = private_key(t, at)))
		return at + 1;
	if ((*n = by_form(kind, t, at)))
		return at + 1;
	size_t from = by_name(n, kind, t, at);
	if (from)
		return from + 1;
	*kind = "password";
	from = in_url(n, t, at);
	return from ? from + 1 : 0;
}

size_t kan_mask_find(size_t *n, const char **kind, struct kan_bytes text, size_t at)
{
	for (size_t i = at; i < text.n; i++) {
		size_t found = secret_at(n, kind, text, i);
		if (found)
			return found;
	}
	return 0;
}

bool kan_mask_text(struct kan_buf *out, struct kan_bytes text)
{
	size_t at = 0, n = 0;
	const char *kind = NULL;
	for (size_t found = 0; (found = kan_mask_find(&n, &kind, text, at)) != 0;) {
		kan_buf_add(out, text.p + at, found - 1 - at);
		kan_mask_value(out, kind, (struct kan_bytes){text.p + found - 1, n});
		at = found - 1 + n;
	}
	if (at < text.n)
		kan_buf_add(out, text.p + at, text.n - at);
	return at > 0;
}

const char *kan_mask_behind(struct kan_bytes option, struct kan_bytes text)
{
	bool names = option.n > 2 && option.p[0] == '-' && !memchr(option.p, '=', option.n);
	return names && text.n && text.p[0] != '-' ? kan_mask_name(option) : NULL;
}

bool kan_mask_argument(struct kan_buf *out, struct kan_bytes before, struct kan_bytes text)
{
	const char *kind = kan_mask_behind(before, text);
	if (!kind)
		return kan_mask_text(out, text);
	kan_mask_value(out, kind, text);
	return true;
}
