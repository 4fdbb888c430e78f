/* The exact bytes of the custody repository, written and recognised in one place. */
#include "custody/form.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CASE_KEPT = 48, CASE_DIGEST = 8, BUNDLE_LEN = 34 };

const char kan_form_attributes[] =
	"* -text -ident -diff -merge -working-tree-encoding -export-subst\n"
	"cases/*/bundles/*/data/** filter=lfs diff=lfs merge=lfs -text\n"
	"cases/*/derived/** filter=lfs diff=lfs merge=lfs -text\n";

static const char pointer_head[] = "version https://git-lfs.github.com/spec/v1\noid sha256:";
static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static const char *const types[] = {
	"collect",  "import", "derive", "act",     "verify", "note",
	"transfer", "ack",    "anchor", "dispose", "close",
};

bool kan_form_type_ok(const char *type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

bool kan_form_case_ok(const char *name)
{
	return strlen(name) <= KAN_FORM_CASE_TEXT && kan_name_ok(name);
}

static char case_char(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')
		return (char)c;
	return '-';
}

/* A made name must be a component too, so its first character is a letter or a digit. */
static void made_case(char out[KAN_FORM_CASE], struct kan_bytes text)
{
	char digest[KAN_SHA256_HEX];
	size_t n = text.n < CASE_KEPT ? text.n : CASE_KEPT;
	size_t at = 0;

	kan_sha256_hex(digest, text);
	for (size_t i = 0; i < n; i++)
		out[at++] = case_char(text.p[i]);
	if (!at)
		out[at++] = '0';
	if (strchr(".-_", out[0]))
		out[0] = '0';
	snprintf(out + at, KAN_FORM_CASE - at, "-%.*s", CASE_DIGEST, digest);
	/* Reserved before a dot ("con.x"): then the dots go, which is enough. */
	if (!kan_name_ok(out))
		for (char *dot = out; (dot = strchr(dot, '.'));)
			*dot = '-';
}

void kan_form_case(char out[KAN_FORM_CASE], struct kan_bytes text)
{
	char plain[KAN_FORM_CASE_TEXT + 1] = "";

	if (text.n && text.n <= KAN_FORM_CASE_TEXT && !memchr(text.p, 0, text.n)) {
		memcpy(plain, text.p, text.n);
		if (kan_form_case_ok(plain)) {
			memcpy(out, plain, sizeof(plain));
			return;
		}
	}
	made_case(out, text);
}

void kan_form_host(char out[KAN_FORM_HOST], const char *host)
{
	char name[65];
	size_t n = 0;

	for (const char *p = host; *p && n + 1 < sizeof(name); p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || (n && strchr("-.", *p) && p[1]);

		name[n++] = plain ? *p : '0';
	}
	name[n] = 0;
	snprintf(out, KAN_FORM_HOST, "kanshiki@%s", n ? name : "localhost");
}

static bool all_of(const char *s, size_t n, const char *set)
{
	return strspn(s, set) >= n;
}

bool kan_form_bundle_ok(const char *name)
{
	static const char digit[] = "0123456789", hex[] = "0123456789abcdef";

	return strlen(name) == BUNDLE_LEN && all_of(name, 8, digit) && name[8] == 't' &&
	       all_of(name + 9, 6, digit) && name[15] == 'z' && name[16] == '-' &&
	       all_of(name + 17, 12, hex) && name[29] == '-' && all_of(name + 30, 4, hex);
}

static int two(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

int kan_form_case_of_bundle(char out[KAN_FORM_CASE], const char *bundle, struct kan_err *err)
{
	if (!kan_form_bundle_ok(bundle))
		return kan_fail(err, KAN_EFORMAT, "not a bundle's name: give a case");
	snprintf(out, KAN_FORM_CASE, "case-%.8s-%.12s", bundle, bundle + 17);
	return 0;
}

void kan_form_pointer(struct kan_buf *out, const char *oid, uint64_t size)
{
	if (size)
		kan_buf_addf(out, "%s%s\nsize %" PRIu64 "\n", pointer_head, oid, size);
}

int kan_form_pointer_parse(char oid[KAN_SHA256_HEX], uint64_t *size, struct kan_bytes text,
			   struct kan_err *err)
{
	kan_auto_buf struct kan_buf again = KAN_BUF(KAN_FORM_POINTER_MAX);
	char hex[KAN_SHA256_HEX] = "";
	const size_t head = sizeof(pointer_head) - 1;
	uint64_t value = 0;

	if (!text.n) {
		memcpy(oid, empty_sha256, sizeof(empty_sha256));
		*size = 0;
		return 0;
	}
	if (text.n > KAN_FORM_POINTER_MAX || text.n < head + 64 ||
	    !kan_bytes_starts(text, pointer_head))
		return kan_fail(err, KAN_EFORMAT, "not an LFS pointer");
	memcpy(hex, text.p + head, 64);
	for (size_t i = head + 64 + 6; i + 1 < text.n && i < head + 64 + 6 + 19; i++)
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	if (kan_is_sha256_hex(hex))
		kan_form_pointer(&again, hex, value);
	/* Written again it must be the same bytes: no second reading of a pointer. */
	if (!kan_bytes_eq(kan_buf_bytes(&again), text))
		return kan_fail(err, KAN_EFORMAT, "not an LFS pointer");
	memcpy(oid, hex, sizeof(hex));
	*size = value;
	return 0;
}

void kan_form_message(struct kan_buf *out, const struct kan_form_commit *c)
{
	bool with = c->bundle && *c->bundle;

	kan_buf_addf(out, "kanshiki: %s %s %s\n\nKanshiki-Event: %u\nKanshiki-Event-SHA256: %s\n",
		     c->type, c->case_id, with ? c->bundle : "-", c->seq, c->event_sha256);
	if (with)
		kan_buf_addf(out, "Kanshiki-Seal: %s\n", c->seal);
}

void kan_form_event_path(struct kan_buf *out, const char *case_id, unsigned seq, const char *type)
{
	kan_buf_addf(out, "cases/%s/events/%06u-%s.json", case_id, seq, type);
}

void kan_form_anchor_path(struct kan_buf *out, const char *case_id, const char *commit)
{
	kan_buf_addf(out, "cases/%s/anchors/%s.tsr", case_id, commit);
}

bool kan_form_event_name(unsigned *seq, char type[KAN_FORM_TYPE], const char *name)
{
	char again[64];
	size_t n = strlen(name);

	if (n < 6 + 1 + 1 + 5 || n >= 6 + 1 + KAN_FORM_TYPE + 5 || !all_of(name, 6, "0123456789"))
		return false;
	*seq = (unsigned)(two(name) * 10000 + two(name + 2) * 100 + two(name + 4));
	snprintf(type, KAN_FORM_TYPE, "%.*s", (int)(n - 12), name + 7);
	snprintf(again, sizeof(again), "%06u-%s.json", *seq, type);
	return *seq && strcmp(again, name) == 0 && kan_form_type_ok(type);
}

/* The bytes up to the next stop, as text of at most size - 1. */
static bool word(char *out, size_t size, struct kan_bytes *rest, char stop)
{
	const uint8_t *end = rest->n ? memchr(rest->p, stop, rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : 0;

	if (!end || n >= size)
		return false;
	memcpy(out, rest->p, n);
	out[n] = 0;
	rest->p += n + 1;
	rest->n -= n + 1;
	return strlen(out) == n;
}

bool kan_form_message_parse(char type[KAN_FORM_TYPE], char case_id[KAN_FORM_CASE], unsigned *seq,
			    struct kan_bytes message)
{
	char skipped[KAN_FORM_BUNDLE], number[8];

	if (!word(skipped, sizeof(skipped), &message, ' ') || strcmp(skipped, "kanshiki:") != 0 ||
	    !word(type, KAN_FORM_TYPE, &message, ' ') ||
	    !word(case_id, KAN_FORM_CASE, &message, ' ') ||
	    !word(skipped, sizeof(skipped), &message, '\n') ||
	    !word(skipped, sizeof(skipped), &message, '\n') || *skipped ||
	    !word(skipped, sizeof(skipped), &message, ' ') ||
	    !word(number, sizeof(number), &message, '\n') ||
	    !all_of(number, strlen(number), "0123456789"))
		return false;
	*seq = (unsigned)strtoul(number, NULL, 10);
	return *seq && kan_form_type_ok(type) && kan_form_case_ok(case_id);
}

bool kan_form_event_at(const char *path, char case_id[KAN_FORM_CASE], unsigned *seq,
		       char type[KAN_FORM_TYPE])
{
	const char *slash;

	if (strncmp(path, "cases/", 6) != 0)
		return false;
	slash = strchr(path + 6, '/');
	if (!slash || slash - path - 6 >= KAN_FORM_CASE || strncmp(slash, "/events/", 8) != 0)
		return false;
	snprintf(case_id, KAN_FORM_CASE, "%.*s", (int)(slash - path - 6), path + 6);
	return kan_form_event_name(seq, type, slash + 8);
}
