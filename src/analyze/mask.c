/* Secrets in text: found by the name in front of them, by the option of a tool, or by their own
 * form. */
#include "analyze/mask_part.h"

enum { SHOWN = 4, SHOWN_FROM = 16 };

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

size_t kan_mask_find(size_t *n, const char **kind, struct kan_bytes text, size_t at)
{
	for (size_t i = at; i < text.n; i++) {
		struct kan_secret s = {0};
		if (!kan_mask_form(&s, text, i) && !kan_mask_option(&s, text, i) &&
		    !kan_mask_named(&s, text, i))
			continue;
		*n = s.n;
		*kind = s.kind;
		return s.from + 1;
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

/* -p X, and -pX, of a tool that is known for it. */
static size_t of_tool(size_t *n, struct kan_bytes tool, struct kan_bytes before,
		      struct kan_bytes text)
{
	bool apart = before.n == 2 && before.p[0] == '-' && text.n && text.p[0] != '-';
	bool joined = text.n > 2 && text.p[0] == '-' && text.p[1] != '-';
	uint8_t letter = apart ? before.p[1] : joined ? text.p[1] : 0;
	const char *how = letter ? kan_mask_takes(tool, letter) : NULL;
	size_t from = apart ? 0 : 2;
	if (!how)
		return 0;
	if (*how) {
		const uint8_t *mark = memchr(text.p + from, *how, text.n - from);
		if (!mark)
			return 0;
		from = (size_t)(mark - text.p) + 1;
	}
	*n = text.n - from;
	return *n ? from + 1 : 0;
}

size_t kan_mask_argument_at(size_t *n, const char **kind, struct kan_bytes tool,
			    struct kan_bytes before, struct kan_bytes text)
{
	*n = text.n;
	*kind = kan_mask_behind(before, text);
	if (*kind)
		return 1;
	*kind = "password";
	return of_tool(n, tool, before, text);
}

bool kan_mask_argument(struct kan_buf *out, struct kan_bytes tool, struct kan_bytes before,
		       struct kan_bytes text)
{
	size_t n = 0;
	const char *kind = NULL;
	size_t from = kan_mask_argument_at(&n, &kind, tool, before, text);
	if (!from)
		return kan_mask_text(out, text);
	kan_buf_add(out, text.p, from - 1);
	kan_mask_value(out, kind, (struct kan_bytes){text.p + from - 1, n});
	return true;
}

bool kan_mask_is_tool(struct kan_bytes word)
{
	static const char letters[] = "pauUwsP";
	for (const char *c = letters; *c; c++)
		if (kan_mask_takes(word, (uint8_t)*c))
			return true;
	return false;
}
