/* A user's YARA rules, compiled, and one piece of bytes against them. The only border to libyara.
 * To be called in a child that may be ended: see analyze/yarascan.h. */
#ifndef KAN_ANALYZE_YARAENGINE_H
#define KAN_ANALYZE_YARAENGINE_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_yara;

/*
 * A file of rules as source, or a folder: its *.yar and *.yara, and those of its folders. usage:
 * "file:line: why" of the first fault; a compiled file, an include and a module that reads formats
 * or the clock are faults too. So is a build without libyara.
 */
int kan_yara_compile(struct kan_yara **out, const char *path, struct kan_err *err);
void kan_yara_free(struct kan_yara *y);
/* {"libyara", "rules", "sources": [{"name", "sha256"}]}. Yours. */
json_t *kan_yara_about(const struct kan_yara *y);

struct kan_yara_subject {
	struct kan_bytes path;  /* as rules see it: filename, filepath, extension */
	struct kan_bytes owner; /* decimal uid; or empty */
	struct kan_bytes bytes;
};
/* What a rule says of itself and where it matches: rule, ruleset, tags, author, reference, license,
 * description, marked_high, strings. Never the bytes that match. row is borrowed. */
typedef int kan_yara_hit_fn(json_t *row, void *arg, struct kan_err *err);
/* limit: it was not scanned to its end; hits that were told stand. Else -1 is fatal. */
int kan_yara_match(struct kan_yara *y, const struct kan_yara_subject *s, int seconds,
		   kan_yara_hit_fn *fn, void *arg, struct kan_err *err);

#endif
