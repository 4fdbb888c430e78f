/* Reading the journal: the chain, the records, and the gap rows that follow from them. */
#include "evidence/journalread.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"

const char *kan_journal_text(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(record, key));
	return s ? s : "";
}

const char *kan_journal_type(const json_t *record)
{
	return kan_journal_text(record, "type");
}

uint64_t kan_journal_number(const json_t *record, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(record, key));
	return n > 0 ? (uint64_t)n : 0;
}

uint64_t kan_journal_counts(const json_t *record)
{
	if (strcmp(kan_journal_type(record), "gap") == 0)
		return strcmp(kan_journal_text(record, "code"), "not-applicable") != 0;
	if (strcmp(kan_journal_type(record), "limit") != 0)
		return 0;
	return json_object_get(record, "folded") ? kan_journal_number(record, "folded") : 1;
}

static const char *fault(const struct kan_journal_end *at, const json_t *record)
{
	if (kan_journal_number(record, "seq") != at->lines + 1)
		return "seq is not the next one";
	if (strcmp(kan_journal_text(record, "prev"), at->prev) != 0)
		return "prev is not the digest of the line before";
	if (!json_is_integer(json_object_get(record, "t_ns")) || !kan_journal_type(record)[0])
		return "t_ns or type is not there";
	bool first = at->lines == 0;
	if (!first && json_object_get(record, "schema"))
		return "a second header";
	if (first && (strcmp(kan_journal_text(record, "schema"), "kanshiki.journal/1") != 0 ||
		      strcmp(kan_journal_text(record, "collector"), "conductor") != 0))
		return "no header of schema kanshiki.journal/1";
	return NULL;
}

static int one_line(struct kan_journal_end *at, struct kan_bytes line, kan_journal_record_fn *fn,
		    void *arg, struct kan_err *err)
{
	json_t *record = NULL;
	struct kan_err why = {0};
	unsigned long long number = at->lines + 1;
	if (kan_row_parse(&record, (struct kan_bytes){line.p, line.n - 1}, &why) < 0)
		return kan_fail(err, KAN_ETAMPER, "line %llu: %.200s", number, why.text);
	const char *wrong = fault(at, record);
	int rc = wrong ? kan_fail(err, KAN_ETAMPER, "line %llu: %s", number, wrong) : 0;
	if (rc == 0 && at->lines == 0)
		(void)snprintf(at->bundle, sizeof(at->bundle), "%s",
			       kan_journal_text(record, "bundle"));
	if (rc == 0) {
		at->lines++;
		kan_sha256_hex(at->prev, line);
		(void)snprintf(at->last_type, sizeof(at->last_type), "%s",
			       kan_journal_type(record));
		rc = fn ? fn(record, arg, err) : 0;
	}
	json_decref(record);
	return rc;
}

int kan_journal_read(struct kan_journal_end *out, struct kan_bytes text, kan_journal_record_fn *fn,
		     void *arg, struct kan_err *err)
{
	struct kan_journal_end at = {0};
	memset(at.prev, '0', sizeof(at.prev) - 1);
	while (text.n) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t n = lf ? (size_t)(lf - text.p) + 1 : text.n;
		if (!lf) {
			at.torn = text;
			break;
		}
		if (one_line(&at, (struct kan_bytes){text.p, n}, fn, arg, err) < 0)
			return -1;
		text.p += n;
		text.n -= n;
	}
	*out = at;
	return 0;
}

static int add_gap_row(const json_t *record, void *arg, struct kan_err *err)
{
	static const char *const ours[] = {"seq", "prev", "t_ns", "boot_ns", "schema", "bundle"};
	struct kan_buf *out = arg;
	const char *type = kan_journal_type(record);
	if (strcmp(type, "gap") != 0 && strcmp(type, "limit") != 0)
		return 0;
	json_auto_t *row =
		json_copy((json_t *)(uintptr_t)record); /* jansson's copy takes no const */
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		(void)json_object_del(row, ours[i]);
	char *text = json_dumps(row, JSON_COMPACT);
	if (!text)
		return kan_fail(err, KAN_EFORMAT, "gaps: a record cannot be written");
	kan_buf_adds(out, text);
	kan_buf_addc(out, '\n');
	kan_auto_free_fn(&text);
	return 0;
}

int kan_journal_gap_rows(struct kan_buf *out, struct kan_bytes journal, const char *bundle,
			 struct kan_err *err)
{
	struct kan_journal_end end;
	kan_buf_addf(
		out,
		"{\"schema\":\"kanshiki.gaps/1\",\"bundle\":\"%s\",\"collector\":\"conductor\"}\n",
		bundle);
	if (kan_journal_read(&end, journal, add_gap_row, out, err) < 0)
		return -1;
	return out->failed ? kan_fail(err, KAN_ELIMIT, "gaps: over %zu octets", out->max) : 0;
}

static int add_artefact(const json_t *record, void *arg, struct kan_err *err)
{
	const char *path = kan_journal_text(record, "path");
	if (strcmp(kan_journal_type(record), "artefact") != 0)
		return 0;
	if (strncmp(path, "data/", 5) != 0 || !kan_path_ok(path) ||
	    !kan_is_sha256_hex(kan_journal_text(record, "sha256")))
		return kan_fail(err, KAN_ETAMPER, "line %llu: no artefact of a bundle",
				(unsigned long long)kan_journal_number(record, "seq"));
	return json_object_set(
		arg, path, (json_t *)(uintptr_t)record); /* counts a reference, changes nothing */
}

int kan_journal_artefacts(json_t **out, struct kan_bytes journal, struct kan_err *err)
{
	json_auto_t *map = json_object();
	struct kan_journal_end end;
	if (kan_journal_read(&end, journal, add_artefact, map, err) < 0)
		return -1;
	*out = json_incref(map);
	return 0;
}
