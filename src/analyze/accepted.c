/* Findings that a user has accepted: no judgement of ours, and never out of sight. */
#include "analyze/accepted.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/rules.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/row.h"

enum { DEPTH = 4, TEXT_MAX = 1000, DATE_TEXT = 10, WHEN_TEXT = 32 };
static const int64_t day_ns = 86400LL * 1000000000;

struct entry {
	json_t *doc, *key; /* key: list of texts, in either case */
	int64_t until_ns;  /* the end of the day that it expires on */
	bool fitted, expired;
};
struct kan_accepted {
	struct entry entries[KAN_ACCEPTED_ENTRIES];
	size_t n;
};

static const char *const required[] = {"rule", "key", "image", "reason", "by", "added", "expires"};
enum { REQUIRED = sizeof required / sizeof *required };

static bool is_required(const char *key)
{
	for (size_t i = 0; i < REQUIRED; i++)
		if (strcmp(key, required[i]) == 0)
			return true;
	return false;
}

static int check_keys(const json_t *o, struct kan_err *err)
{
	const char *key = NULL;
	json_t *v = NULL;
	if (!json_is_object(o))
		return kan_fail(err, KAN_EUSAGE, "not an object");
	json_object_foreach ((json_t *)(uintptr_t)o, key, v)
		if (!is_required(key))
			return kan_fail(err, KAN_EUSAGE, "unknown key %.64s", key);
	for (size_t i = 0; i < REQUIRED; i++) {
		const char *text = kan_json_str(o, required[i]);
		if (!json_object_get(o, required[i]))
			return kan_fail(err, KAN_EUSAGE, "no %s", required[i]);
		if (strcmp(required[i], "key") != 0 && (!*text || strlen(text) > TEXT_MAX))
			return kan_fail(err, KAN_EUSAGE, "%s: a text of 1 to %d octets",
					required[i], TEXT_MAX);
	}
	return 0;
}

static int take_key(struct entry *e, struct kan_err *err)
{
	size_t i = 0;
	json_t *v = json_object_get(e->doc, "key"), *one = NULL;
	e->key = json_is_array(v) ? json_incref(v) : json_pack("[O]", v);
	if (json_array_size(e->key) < 1 || json_array_size(e->key) > KAN_RULE_KEYS)
		return kan_fail(err, KAN_EUSAGE, "key: a text, or 1 to %d texts", KAN_RULE_KEYS);
	json_array_foreach (e->key, i, one)
		if (!json_is_string(one) || json_string_length(one) > KAN_ACCEPTED_KEY_MAX)
			return kan_fail(err, KAN_EUSAGE, "key: a text, or 1 to %d texts",
					KAN_RULE_KEYS);
	return 0;
}

/* 2026-10-01: its first moment. */
static int date(int64_t *ns, const json_t *o, const char *key, struct kan_err *err)
{
	char when[WHEN_TEXT], back[KAN_RFC3339];
	struct kan_err ignored = {0};
	const char *text = kan_json_str(o, key);
	(void)snprintf(when, sizeof when, "%.10sT00:00:00Z", text);
	if (strlen(text) != DATE_TEXT || kan_rfc3339_parse(ns, when, &ignored) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: a date, YYYY-MM-DD", key);
	kan_rfc3339_s(back, *ns);
	/* A thirtieth of February is none. */
	return strncmp(back, text, DATE_TEXT) == 0
		       ? 0
		       : kan_fail(err, KAN_EUSAGE, "%s: there is no such day", key);
}

static int take_dates(struct entry *e, struct kan_err *err)
{
	int64_t added = 0, expires = 0;
	if (date(&added, e->doc, "added", err) < 0 || date(&expires, e->doc, "expires", err) < 0)
		return -1;
	if (expires < added)
		return kan_fail(err, KAN_EUSAGE, "expires: before added");
	if ((expires - added) / day_ns > KAN_ACCEPTED_DAYS)
		return kan_fail(err, KAN_EUSAGE, "expires: more than %d days after added",
				KAN_ACCEPTED_DAYS);
	e->until_ns = expires + day_ns;
	return 0;
}

static int check_image(const char *image, struct kan_err *err)
{
	static const char algorithm[] = "sha256:";
	const size_t n = sizeof algorithm - 1;
	if (strcmp(image, "*") == 0 ||
	    (strncmp(image, algorithm, n) == 0 && kan_is_sha256_hex(image + n)))
		return 0;
	return kan_fail(err, KAN_EUSAGE, "image: the image's id, sha256:..., or *");
}

static bool same(const struct entry *a, const struct entry *b)
{
	return strcmp(kan_json_str(a->doc, "rule"), kan_json_str(b->doc, "rule")) == 0 &&
	       strcmp(kan_json_str(a->doc, "image"), kan_json_str(b->doc, "image")) == 0 &&
	       json_equal(a->key, b->key);
}

static int take(struct kan_accepted *a, json_t *o, struct kan_err *err)
{
	struct entry *e = &a->entries[a->n];
	if (check_keys(o, err) < 0)
		return -1;
	*e = (struct entry){.doc = json_incref(o)};
	a->n++;
	if (take_key(e, err) < 0 || take_dates(e, err) < 0 ||
	    check_image(kan_json_str(o, "image"), err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < a->n; i++)
		if (same(&a->entries[i], e))
			return kan_fail(err, KAN_EUSAGE,
					"the same rule, key and image as entry %zu", i + 1);
	return 0;
}

static int take_all(struct kan_accepted *a, const char *file, const json_t *list,
		    struct kan_err *err)
{
	struct kan_err why = {0};
	size_t i = 0;
	json_t *o = NULL;
	if (!json_is_array(list))
		return kan_fail(err, KAN_EUSAGE, "%s: not a list of entries", file);
	if (json_array_size(list) > KAN_ACCEPTED_ENTRIES)
		return kan_fail(err, KAN_EUSAGE, "%s: more than %d entries", file,
				KAN_ACCEPTED_ENTRIES);
	json_array_foreach ((json_t *)(uintptr_t)list, i, o)
		if (take(a, o, &why) < 0)
			return kan_fail(err, KAN_EUSAGE, "%s: entry %zu: %s", file, i + 1,
					why.text);
	return 0;
}

int kan_accepted_parse(struct kan_accepted **out, const char *file, struct kan_bytes text,
		       struct kan_err *err)
{
	struct kan_err why = {0};
	json_t *list = NULL;
	if (kan_json_parse(&list, text, KAN_ACCEPTED_FILE_MAX, DEPTH, &why) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: %s", file, why.text);
	struct kan_accepted *a = kan_xalloc(sizeof *a);
	int rc = take_all(a, file, list, err);
	json_decref(list);
	if (rc < 0)
		kan_accepted_free(a);
	else
		*out = a;
	return rc;
}

int kan_accepted_load(struct kan_accepted **out, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_ACCEPTED_FILE_MAX);
	struct kan_err why = {0};
	kan_auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: %s", path, strerror(errno));
	if (kan_read_all(&text, fd, &why) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: not a file of at most %d octets: %s", path,
				KAN_ACCEPTED_FILE_MAX, why.text);
	return kan_accepted_parse(out, path, kan_buf_bytes(&text), err);
}

void kan_accepted_free(struct kan_accepted *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		json_decref(a->entries[i].doc);
		json_decref(a->entries[i].key);
	}
	free(a);
}

void kan_accepted_value(struct kan_buf *out, struct kan_bytes v, bool element)
{
	size_t from = 0;
	for (size_t i = 0; i <= v.n; i++) {
		if (i < v.n && v.p[i] != '\\' && !(element && v.p[i] == ','))
			continue;
		kan_escape_terminal(out, (struct kan_bytes){v.p + from, i - from});
		if (i < v.n)
			kan_buf_addf(out, "\\x%02x", v.p[i]);
		from = i + 1;
	}
}

static bool fits(const struct entry *e, const struct kan_acceptable *f)
{
	const char *image = kan_json_str(e->doc, "image");
	return strcmp(kan_json_str(e->doc, "rule"), f->rule) == 0 &&
	       (strcmp(image, "*") == 0 || strcmp(image, f->image) == 0) &&
	       json_equal(e->key, f->key);
}

const json_t *kan_accepted_find(struct kan_accepted *a, const struct kan_acceptable *f)
{
	for (size_t i = 0; a && i < a->n; i++) {
		struct entry *e = &a->entries[i];
		if (!fits(e, f))
			continue;
		e->expired = f->captured_ns >= e->until_ns;
		e->fitted |= !e->expired;
		if (!e->expired)
			return e->doc;
	}
	return NULL;
}

void kan_accepted_idle(json_t *list, const struct kan_accepted *a)
{
	for (size_t i = 0; a && i < a->n; i++) {
		const struct entry *e = &a->entries[i];
		if (e->fitted)
			continue;
		json_t *o = json_copy(e->doc);
		json_object_set(o, "key", e->key);
		json_object_set_new(o, "state", json_string(e->expired ? "expired" : "unmatched"));
		json_array_append_new(list, o);
	}
}
