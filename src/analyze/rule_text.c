/* The sentences of a rule: literals and columns in turn. */
#include <string.h>

#include "analyze/rules.h"

enum { NAME_MAX_TEXT = 80 };

static int add(struct kan_text *t, struct kan_piece p, struct kan_err *err)
{
	if (t->n == KAN_TEXT_PIECES)
		return kan_fail(err, KAN_EUSAGE, "a sentence of more than %d pieces",
				KAN_TEXT_PIECES);
	t->pieces[t->n++] = p;
	return 0;
}

/* A suggested command must not carry the container's words: a name there could be another command.
 */
static bool is_id(const struct kan_column *c)
{
	return c->type == KAN_TYPE_INT || c->type == KAN_TYPE_HEX;
}

static int add_name(struct kan_text *t, const char *name, size_t n, const struct kan_scope *s,
		    bool ids_only, struct kan_err *err)
{
	static const char *const words[] = {"finding", "container"};
	char text[NAME_MAX_TEXT];
	if (n == 0 || n >= sizeof text)
		return kan_fail(err, KAN_EUSAGE, "an empty or long name in braces");
	memcpy(text, name, n);
	text[n] = '\0';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0)
			return add(t, (struct kan_piece){.text = words[i], .n = n, .word = true},
				   err);
	struct kan_piece p = {.text = name, .n = n};
	p.ref.column = kan_scope_find(&p.ref.which, s, text);
	if (!p.ref.column)
		return kan_fail(err, KAN_EUSAGE, "unknown column %s in a sentence", text);
	if (ids_only && !is_id(p.ref.column))
		return kan_fail(err, KAN_EUSAGE, "%s in next: only ids, digests and numbers", text);
	return add(t, p, err);
}

int kan_text_parse(struct kan_text *out, const char *text, const struct kan_scope *s, bool ids_only,
		   struct kan_err *err)
{
	struct kan_text t = {.n = 0};
	while (*text) {
		size_t n = strcspn(text, "{");
		if (n && add(&t, (struct kan_piece){.text = text, .n = n}, err) < 0)
			return -1;
		text += n;
		if (!*text)
			break;
		const char *end = strchr(text, '}');
		if (!end)
			return kan_fail(err, KAN_EUSAGE, "a brace that nothing closes");
		if (add_name(&t, text + 1, (size_t)(end - text) - 1, s, ids_only, err) < 0)
			return -1;
		text = end + 1;
	}
	*out = t;
	return 0;
}
