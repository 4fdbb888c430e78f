/* Rows of a scan by a user's YARA rules: its hits, and what it says of itself. */
#include "analyze/yararows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/kinds.h"
#include "analyze/yarascan.h"
#include "base/digest.h"

enum { SENTENCE_MAX = 256 };

const struct kan_column kan_yara_columns[] = {
	BYTES("rule", "its name"),
	BYTES("ruleset", "the file that it is from"),
	LIST(KAN_TYPE_BYTES, "tags", "of the rule"),
	BYTES("author", "of the rule, as it says"),
	BYTES("reference", "of the rule, as it says"),
	BYTES("license", "of the rule, as it says"),
	BYTES("description", "of the rule, as it says"),
	BOOL("marked_high", "the rule says severity high or critical of itself"),
	LIST(KAN_TYPE_BYTES, "strings", "which match, how often, and where first; never what"),
	WORD("what", "file, carved, log"),
	BYTES("file", "path of a file; of carved bytes and logs, the artefact"),
	INT("mnt_id", "mount, of a file of one; its path is below the mount point"),
	WORD("artefact", "that has the bytes"),
	INT("size", "octets"),
	HEX("sha256", "of what was scanned"),
	END,
};
const char *const kan_yara_identity[] = {"rule",   "ruleset",     "author",  "reference", "license",
					 "file",   "what",        "strings", "size",      "sha256",
					 "mnt_id", "description", "tags",    NULL};

struct reading {
	const char *type;
	kan_derive_row_fn *fn;
	void *arg;
};

static int on_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const struct reading *r = arg;
	return strcmp(kan_json_str(row, "type"), r->type) == 0 ? r->fn(row, line, r->arg, err) : 0;
}

static int each(const struct kan_facts *f, const char *type, kan_derive_row_fn *fn, void *arg,
		struct kan_err *err)
{
	struct reading r = {type, fn, arg};
	if (!kan_source_has(f->source, KAN_YARA_ROWS))
		return 0;
	return kan_source_rows(f->source, KAN_YARA_ROWS, on_row, &r, err);
}

int kan_derive_yara(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		    struct kan_err *err)
{
	return each(f, "hit", fn, arg, err);
}

static int on_digest(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const char *hex = kan_json_str(row, "sha256");
	bool high = json_is_true(json_object_get(row, "marked_high"));
	(void)line;
	(void)err;
	/* A log is the container's own words: they raise nothing. */
	if (!kan_is_sha256_hex(hex) || strcmp(kan_json_str(row, "what"), "log") == 0)
		return 0;
	if (!json_is_true(json_object_get(arg, hex)))
		json_object_set_new(arg, hex, json_boolean(high));
	return 0;
}

int kan_yara_digests(json_t **out, const struct kan_facts *f, struct kan_err *err)
{
	json_t *o = json_object();
	if (each(f, "hit", on_digest, o, err) < 0) {
		json_decref(o);
		return -1;
	}
	*out = o;
	return 0;
}

/* --- what it says of itself --- */

static int on_count(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)row;
	(void)line;
	(void)err;
	++*(json_int_t *)arg;
	return 0;
}

static int on_keys(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	static const char *const keys[] = {"libyara", "rules",         "sources",
					   "files",   "hits_left_out", "gaps_left_out"};
	(void)line;
	(void)err;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		json_t *v = json_object_get(row, keys[i]);
		if (v)
			json_object_set_new(arg, keys[i], json_deep_copy(v));
	}
	return 0;
}

static void add_sentence(json_t *o)
{
	char text[SENTENCE_MAX];
	json_int_t hits = kan_json_int(o, "hits") + kan_json_int(o, "hits_left_out"),
		   gaps = kan_json_int(o, "gaps") + kan_json_int(o, "gaps_left_out");
	(void)snprintf(text, sizeof text,
		       "%" PRId64 " YARA rules in %zu files, by libyara %.32s, over %" PRId64
		       " files, carved bytes and logs: %" JSON_INTEGER_FORMAT
		       " hits; %" JSON_INTEGER_FORMAT " could not be scanned to the end",
		       kan_json_int(o, "rules"), json_array_size(json_object_get(o, "sources")),
		       kan_json_str(o, "libyara"), kan_json_int(o, "files"), hits, gaps);
	json_object_set_new(o, "says", json_string(text));
}

json_t *kan_yara_document(const struct kan_facts *f)
{
	json_int_t hits = 0, gaps = 0;
	struct kan_err ignored = {0};
	if (!kan_source_has(f->source, KAN_YARA_ROWS))
		return NULL;
	json_t *o = json_object();
	/* The rows were read before this: a fault in them has ended the analysis. */
	(void)each(f, "scan", on_keys, o, &ignored);
	(void)each(f, "end", on_keys, o, &ignored);
	(void)each(f, "hit", on_count, &hits, &ignored);
	(void)each(f, "gap", on_count, &gaps, &ignored);
	json_object_set_new(o, "hits", json_integer(hits));
	json_object_set_new(o, "gaps", json_integer(gaps));
	add_sentence(o);
	return o;
}

/* --- what was not scanned --- */

static json_t *unseen(const json_t *row)
{
	json_t *named = json_copy((json_t *)(uintptr_t)row);
	json_object_set_new(named, "collector", json_string("yara"));
	json_t *o = kan_cover_reason(named);
	json_decref(named);
	json_object_set_new(o, "kind", json_string("gap"));
	json_object_set_new(o, "could_show", json_string("hits of the user's YARA rules"));
	return o;
}

static int on_gap(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	json_array_append_new(arg, unseen(row));
	return 0;
}

/* Those beyond the limits, as one. */
static int on_end(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)line;
	(void)err;
	if (kan_get_int(row, "hits_left_out", 0) + kan_get_int(row, "gaps_left_out", 0) == 0)
		return 0;
	json_t *o = json_pack("{s:s,s:s,s:s}", "what", "hits beyond the limit", "code", "limit",
			      "why", "more hits or gaps than are kept: see yara in report.json");
	json_array_append_new(arg, unseen(o));
	json_decref(o);
	return 0;
}

void kan_yara_not_seen(json_t *list, const struct kan_facts *f)
{
	struct kan_err ignored = {0};
	(void)each(f, "gap", on_gap, list, &ignored);
	(void)each(f, "end", on_end, list, &ignored);
}

json_t *kan_yara_unseen(const struct kan_facts *f)
{
	json_t *list = json_array();
	kan_yara_not_seen(list, f);
	json_t *first = json_incref(json_array_get(list, 0));
	json_decref(list);
	return first;
}
