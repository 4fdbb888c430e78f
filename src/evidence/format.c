/* Another version of the format is refused in one sentence, not misread and not called tampered. */
#include "evidence/format.h"

#include <string.h>

#include "base/row.h"
#include "evidence/tags.h"

enum { SHOWN = 64 };

/* A word of this family, and not the one that we read. */
static int known(struct kan_bytes is, const char *family, const char *ours, const char *path,
		 struct kan_err *err)
{
	if (!kan_bytes_starts(is, family) || kan_bytes_eq(is, kan_bytes_of(ours)))
		return 0;
	return kan_fail(err, KAN_EFORMAT,
			"%s: it is of format %.*s, and this kanshiki reads %s alone: use the "
			"version that wrote it",
			path, (int)(is.n < SHOWN ? is.n : SHOWN), (const char *)is.p, ours);
}

/* Wherever the label stands: another version may have other labels before it. */
static struct kan_bytes label(struct kan_bytes text, const char *name)
{
	while (text.n) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t n = lf ? (size_t)(lf - text.p) : text.n, skip = strlen(name);
		if (n >= skip && kan_bytes_starts(text, name))
			return (struct kan_bytes){text.p + skip, n - skip};
		text.p += n + (lf != NULL);
		text.n -= n + (lf != NULL);
	}
	return text;
}

static int capture(struct kan_bytes text, struct kan_err *err)
{
	json_auto_t *doc = NULL;
	struct kan_err ignored = {0};
	if (kan_json_parse(&doc, text, KAN_BAG_CAPTURE_CAP, KAN_BAG_CAPTURE_DEPTH, &ignored) < 0)
		return 0;
	return known(kan_bytes_of(kan_json_str(doc, "schema")), "kanshiki.acquisition/",
		     "kanshiki.acquisition/1", "capture.json", err);
}

int kan_format_known(size_t tag, struct kan_bytes text, struct kan_err *err)
{
	if (tag == KAN_TAG_INFO)
		return known(label(text, "Kanshiki-Format: "), "kanshiki-bag/", "kanshiki-bag/1",
			     "bag-info.txt", err);
	return tag == KAN_TAG_CAPTURE ? capture(text, err) : 0;
}
