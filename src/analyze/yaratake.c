/* Which rows are taken from a scanner that hostile bytes may have taken over. */
#include <string.h>

#include "analyze/kinds.h"
#include "analyze/yaraline.h"
#include "base/row.h"

static const struct kan_yara_place places[] = {
	{"data/filesystem/upper.tar", "file", "storage", true, false},
	{"data/filesystem/content/", "file", "storage", false, false},
	{"data/mounts/content.tar", "file", "storage", true, true},
	{"data/mounts/content/", "file", "storage", false, false},
	{"data/processes/content/", "carved", "kernel-process", false, false},
	{"data/logs/", "log", "container-text", false, false},
};

const struct kan_yara_place *kan_yara_place_of(const char *artefact)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strncmp(artefact, places[i].prefix, strlen(places[i].prefix)) == 0)
			return &places[i];
	return NULL;
}

static const char *const words_of_hit[] = {"type", "trust", "strings_count", NULL};
static const char *const words_of_gap[] = {"type", "artefact", "what", "code", "why", NULL};
static const char *const words_of_scan[] = {"type", "libyara", "rules", "sources", NULL};
static const char *const words_of_begin[] = {"artefact", "what", NULL};
static const char *const codes[] = {"limit", "malformed", "unsupported", NULL};

static bool is_column(const char *key, size_t n)
{
	for (const struct kan_column *c = kan_yara_columns; c->name; c++)
		if (strlen(c->name) == n && memcmp(c->name, key, n) == 0)
			return true;
	return false;
}

static bool is_among(const char *key, size_t n, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == n && memcmp(*words, key, n) == 0)
			return true;
	return false;
}

/* Nothing but what the scanner says when it is itself; "what_b64" goes with "what". */
static bool keys_fit(json_t *row, const char *const *words, bool columns)
{
	static const char twin[] = "_b64";
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach (row, key, v) {
		size_t n = strlen(key), t = sizeof twin - 1;
		if (n > t && strcmp(key + n - t, twin) == 0)
			n -= t;
		if (!is_among(key, n, words) && !(columns && is_column(key, n)))
			return false;
	}
	return true;
}

static bool same_bytes(const json_t *a, const char *in_a, const json_t *b, const char *in_b)
{
	kan_auto_buf struct kan_buf x = KAN_BUF(KAN_ROW_MAX), y = KAN_BUF(KAN_ROW_MAX);
	return kan_json_bytes(&x, a, in_a, NULL) == 0 && kan_json_bytes(&y, b, in_b, NULL) == 0 &&
	       kan_bytes_eq(kan_buf_bytes(&x), kan_buf_bytes(&y));
}

/* Of the subject at hand, and with the trust of the place that its bytes are from. */
static bool hit_fits(json_t *row, const json_t *subject)
{
	const struct kan_yara_place *p = kan_yara_place_of(kan_json_str(row, "artefact"));
	return p && subject && keys_fit(row, words_of_hit, true) &&
	       strcmp(kan_json_str(row, "type"), "hit") == 0 &&
	       strcmp(kan_json_str(row, "what"), p->what) == 0 &&
	       strcmp(kan_json_str(row, "trust"), p->trust) == 0 &&
	       same_bytes(row, "artefact", subject, "artefact") &&
	       same_bytes(row, "file", subject, "what");
}

static bool gap_fits(json_t *row)
{
	const char *code = kan_json_str(row, "code");
	return keys_fit(row, words_of_gap, false) &&
	       strcmp(kan_json_str(row, "type"), "gap") == 0 &&
	       kan_yara_place_of(kan_json_str(row, "artefact")) &&
	       is_among(code, strlen(code), codes) &&
	       json_is_string(json_object_get(row, "what")) &&
	       json_is_string(json_object_get(row, "why"));
}

static bool scan_fits(json_t *row)
{
	return keys_fit(row, words_of_scan, false) &&
	       strcmp(kan_json_str(row, "type"), "scan") == 0 &&
	       json_is_string(json_object_get(row, "libyara")) &&
	       json_is_integer(json_object_get(row, "rules")) &&
	       json_is_array(json_object_get(row, "sources"));
}

static bool begin_fits(json_t *row)
{
	return keys_fit(row, words_of_begin, false) &&
	       kan_yara_place_of(kan_json_str(row, "artefact")) &&
	       json_is_string(json_object_get(row, "what"));
}

static bool fits(enum kan_yara_kind kind, json_t *row, const json_t *subject)
{
	switch (kind) {
	case KAN_YARA_HIT:
		return hit_fits(row, subject);
	case KAN_YARA_GAP:
		return gap_fits(row);
	case KAN_YARA_SCAN:
		return scan_fits(row);
	case KAN_YARA_BEGIN:
		return begin_fits(row);
	default:
		return false;
	}
}

json_t *kan_yara_take(enum kan_yara_kind kind, struct kan_bytes line, const json_t *subject)
{
	struct kan_err ignored = {0};
	json_t *row = NULL;
	/* A row is one line. */
	if (!line.n || memchr(line.p, '\n', line.n) != line.p + line.n - 1 ||
	    kan_row_parse(&row, (struct kan_bytes){line.p, line.n - 1}, &ignored) < 0)
		return NULL;
	if (fits(kind, row, subject))
		return row;
	json_decref(row);
	return NULL;
}
