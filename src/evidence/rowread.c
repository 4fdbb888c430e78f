/* Reading rows: lines put together from pieces, the header compared, each row parsed under limits.
 */
#include "evidence/rowread.h"

#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "evidence/journalread.h"

enum { SCHEMA_OCTETS = 256 };

static const char suffix[] = ".ndjson";

bool kan_rowread_is(const char *path)
{
	size_t n = strlen(path), k = strlen(suffix);
	return n > k && strcmp(path + n - k, suffix) == 0;
}

void kan_rowread_init(struct kan_rowread *r, const char *path, const char *bundle, bool whole)
{
	*r = (struct kan_rowread){
		.path = path, .bundle = bundle, .whole = whole, .rest = KAN_BUF(KAN_ROW_MAX)};
}

void kan_rowread_free(struct kan_rowread *r)
{
	kan_buf_free(&r->rest);
}

/* "kanshiki.processes.processes/1" of data/processes/processes.ndjson */
static void schema_of(char out[SCHEMA_OCTETS], const char *path)
{
	const char *name = strncmp(path, "data/", 5) == 0 ? path + 5 : path;
	int n = (int)(strlen(name) - strlen(suffix));
	(void)snprintf(out, SCHEMA_OCTETS, "kanshiki.%.*s", n < 200 ? n : 200, name);
	for (char *c = out; *c; c++)
		if (*c == '/')
			*c = '.';
	(void)strncat(out, "/1", 3);
}

static void collector_of(char out[SCHEMA_OCTETS], const char *path)
{
	if (strncmp(path, "data/", 5) == 0)
		(void)snprintf(out, SCHEMA_OCTETS, "%.*s", (int)strcspn(path + 5, "/"), path + 5);
	else
		(void)snprintf(out, SCHEMA_OCTETS, "conductor");
}

static const char *header_fault(const struct kan_rowread *r, const json_t *row)
{
	char want[SCHEMA_OCTETS];
	schema_of(want, r->path);
	if (strcmp(kan_journal_text(row, "schema"), want) != 0)
		return "the header is not of this schema";
	if (strcmp(kan_journal_text(row, "bundle"), r->bundle) != 0)
		return "the header is of another bundle";
	collector_of(want, r->path);
	return strcmp(kan_journal_text(row, "collector"), want) != 0
		       ? "the header is of another collector"
		       : NULL;
}

static const char *row_fault(const struct kan_rowread *r, const json_t *row)
{
	if (r->lines == 1)
		return header_fault(r, row);
	return json_object_get(row, "schema") ? "a second header" : NULL;
}

static int one_line(struct kan_rowread *r, struct kan_bytes line, struct kan_err *err)
{
	json_t *row = NULL;
	struct kan_err why = {0};
	unsigned long long number = ++r->lines;
	if (kan_row_parse(&row, line, &why) < 0) {
		kan_err_set(&r->fault, KAN_EFORMAT, 0, "line %llu: %.200s", number, why.text);
		return 0;
	}
	const char *wrong = row_fault(r, row);
	int rc = 0;
	if (wrong)
		kan_err_set(&r->fault, KAN_EFORMAT, 0, "line %llu: %s", number, wrong);
	else if (r->fn && number > 1)
		rc = r->fn(row, number, r->arg, err);
	json_decref(row);
	return rc;
}

/* The common case is a line that lies in the piece as a whole: it is not copied. */
static int take_line(struct kan_rowread *r, struct kan_bytes line, struct kan_err *err)
{
	if (!r->rest.len)
		return one_line(r, line, err);
	kan_buf_addb(&r->rest, line);
	int rc = one_line(r, kan_buf_bytes(&r->rest), err);
	kan_buf_reset(&r->rest);
	return rc;
}

int kan_rowread_add(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_rowread *r = arg;
	while (piece.n && r->fault.code == KAN_OK) {
		const uint8_t *lf = memchr(piece.p, '\n', piece.n);
		size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
		if (r->rest.len + n >= KAN_ROW_MAX) {
			kan_err_set(&r->fault, KAN_EFORMAT, 0, "line %llu: over %d octets",
				    (unsigned long long)r->lines + 1, KAN_ROW_MAX);
			break;
		}
		if (!lf) {
			kan_buf_add(&r->rest, piece.p, n);
			break;
		}
		if (take_line(r, (struct kan_bytes){piece.p, n}, err) < 0)
			return -1;
		piece.p += n + 1;
		piece.n -= n + 1;
	}
	return 0;
}

int kan_rowread_end(struct kan_rowread *r, struct kan_err *err)
{
	if (r->fault.code == KAN_OK && r->rest.len)
		kan_err_set(&r->fault, KAN_EFORMAT, 0, "line %llu: it has no end",
			    (unsigned long long)r->lines + 1);
	if (r->fault.code == KAN_OK && r->lines == 0)
		kan_err_set(&r->fault, KAN_EFORMAT, 0, "line 1: no header");
	if (!r->whole || r->fault.code == KAN_OK)
		return 0;
	return kan_fail(err, KAN_ETAMPER, "%s: %s", r->path, r->fault.text);
}
