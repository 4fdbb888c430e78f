/* ls of a home: its bundles, a line each. */
#include "cli/cmd_bundles.h"

#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/row.h"
#include "cli/bundles.h"
#include "cli/pool.h"

enum { REPORT_MAX = 64 << 20, VERDICT_MAX = 4 << 20, VERDICT_DEPTH = 32, SEAL_SHOWN = 12 };

struct listing {
	struct kan_home_bundles home;
	json_t *recorded;
	bool json;
	int status;
};

/* A value of the top of a document of ours: sorted, indented by one, so no string can look like the
 * begin of a line of it. */
static struct kan_bytes top(struct kan_bytes doc, const char *key)
{
	char begin[64];
	int n = snprintf(begin, sizeof begin, "\n \"%s\": ", key);
	const uint8_t *at = doc.n ? memmem(doc.p, doc.n, begin, (size_t)n) : NULL;
	if (!at)
		return (struct kan_bytes){NULL, 0};
	at += n;
	size_t left = doc.n - (size_t)(at - doc.p);
	const uint8_t *end = *at == '{' ? memmem(at, left, "\n }", 3) : memchr(at, '\n', left);
	if (!end)
		return (struct kan_bytes){NULL, 0};
	return (struct kan_bytes){at, (size_t)(end - at) + (*at == '{' ? 3 : 0)};
}

static bool of_seal(struct kan_bytes doc, const char *seal)
{
	char want[KAN_SHA256_HEX + 4];
	(void)snprintf(want, sizeof want, "\"%s\",", seal);
	return kan_bytes_eq(top(doc, "seal"), kan_bytes_of(want));
}

/* What the report says of itself; it is not sealed. NULL: there is none of this seal. Yours. */
static json_t *verdict_of(const struct listing *l, const struct kan_bundle *b)
{
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(REPORT_MAX);
	if (!l->home.reports)
		return NULL;
	kan_auto_free char *dir = kan_path(l->home.reports, kan_bundle_name(b));
	kan_auto_free char *path = kan_path(dir, "report.json");
	if (kan_read_file(&text, AT_FDCWD, path, NULL) < 0 ||
	    !of_seal(kan_buf_bytes(&text), kan_bundle_seal(b)) ||
	    kan_json_parse(&doc, top(kan_buf_bytes(&text), "verdict"), VERDICT_MAX, VERDICT_DEPTH,
			   NULL) < 0)
		return NULL;
	json_t *level = json_object_get(doc, "level");
	level = json_is_string(level) ? json_incref(level) : NULL;
	json_decref(doc);
	return level;
}

static void describe(json_t *o, const struct listing *l, const struct kan_bundle *b)
{
	const json_t *capture = kan_bundle_capture(b), *seals = NULL;
	json_t *verdict = verdict_of(l, b);
	seals = json_object_get(json_object_get(l->recorded, kan_bundle_name(b)), "seals");
	json_object_set_new(o, "state",
			    json_string(kan_bundle_partial(b) ? "partial" : "complete"));
	json_object_set_new(o, "seal", json_string(kan_bundle_seal(b)));
	json_object_set_new(o, "container", kan_home_container(b));
	kan_json_set_bytes(o, "case", kan_bytes_of(kan_json_str(capture, "case")));
	if (json_is_integer(json_object_get(capture, "started_ns")))
		json_object_set(o, "started_ns", json_object_get(capture, "started_ns"));
	if (l->recorded)
		json_object_set_new(o, "recorded", json_boolean(seals));
	if (verdict)
		json_object_set_new(o, "verdict", verdict);
	if (!seals || kan_json_has_word(seals, kan_bundle_seal(b)))
		return;
	json_object_set_new(o, "state", json_string("altered"));
	json_object_set_new(o, "why",
			    json_string("its seal is not the one that the repository recorded"));
}

static json_t *look(size_t i, void *arg)
{
	const struct listing *l = arg;
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	const char *code = NULL;
	json_t *o = json_object();
	if (kan_home_bundle(&b, &code, &l->home, l->home.names[i], &err) == 0) {
		describe(o, l, b);
	} else {
		json_object_set_new(o, "state", json_string(code));
		kan_json_set_bytes(o, "why", kan_bytes_of(err.text));
	}
	kan_bundle_free(b);
	return o;
}

static void column(const json_t *o, const char *key, int width)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(1 << 20), clean = KAN_BUF(4 << 20);
	(void)kan_json_bytes(&v, o, key, NULL);
	kan_escape_terminal(&clean, v.len ? kan_buf_bytes(&v) : KAN_LIT("-"));
	(void)fwrite(clean.data, 1, clean.len, stdout);
	size_t n = kan_columns(kan_buf_bytes(&clean));
	(void)printf("%*s", n < (size_t)width ? width - (int)n + 2 : 2, "");
}

static void print(const json_t *o, const char *name)
{
	char started[KAN_RFC3339] = "-";
	const json_t *container = json_object_get(o, "container");
	if (json_object_get(o, "started_ns"))
		kan_rfc3339_s(started, kan_json_int(o, "started_ns"));
	kan_print(stdout, kan_bytes_of(name));
	(void)printf("  %s  ", started);
	column(o, "state", 8);
	column(o, "verdict", 10);
	column(container, "name", 16);
	column(container, "image", 20);
	column(o, "case", 16);
	(void)printf("%.*s", SEAL_SHOWN, *kan_json_str(o, "seal") ? kan_json_str(o, "seal") : "-");
	(void)fputc('\n', stdout);
}

/* A child may be in the hands of who made the bundle: only the words that there are. */
static const char *state_of(const json_t *o)
{
	static const char *const words[] = {"complete", "partial", "unsealed", "altered",
					    "unreadable"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(kan_json_str(o, "state"), words[i]) == 0)
			return words[i];
	return "unreadable";
}

static void take(size_t i, const json_t *answer, const char *why, void *arg)
{
	struct listing *l = arg;
	const char *name = l->home.names[i];
	struct kan_err err = {0};
	json_t *o = answer ? json_copy((json_t *)(uintptr_t)answer) : json_object();
	const char *state = state_of(o);
	if (!answer)
		json_object_set_new(o, "why", json_string(why));
	json_object_set_new(o, "state", json_string(state));
	if (l->json) {
		json_object_set_new(o, "schema", json_string("kanshiki.bundles/1"));
		kan_json_set_bytes(o, "bundle", kan_bytes_of(name));
		(void)kan_print_line(o, true, &err); /* main looks whether it was written */
	} else {
		print(o, name);
	}
	if (*kan_json_str(o, "why"))
		kan_say("%s: %s: %s", name, state, kan_json_str(o, "why"));
	if (strcmp(state, "altered") == 0)
		l->status = kan_status_worst(l->status, KAN_EXIT_TAMPERED);
	if (strcmp(state, "unreadable") == 0)
		l->status = kan_status_worst(l->status, KAN_EXIT_MISSING);
	json_decref(o);
}

int kan_list_bundles(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct listing l = {.json = kan_flag(a, "json")};
	if (kan_home_bundles(&l.home, a, &err) < 0)
		return kan_say_err(&err);
	const char *readable[] = {l.home.dir, l.home.reports ? l.home.reports : l.home.dir, NULL};
	const struct kan_pool pool = {l.home.n, readable, look, take, &l};
	if (kan_home_recorded(&l.recorded, l.home.home, NULL, NULL, &err) < 0) {
		kan_say("warning: the repository is not read, so no seal was compared with it: %s",
			err.text);
		l.status = err.code == KAN_ETAMPER ? KAN_EXIT_TAMPERED : KAN_EXIT_MISSING;
	}
	if (kan_pool_run(&pool, &err) < 0)
		l.status = kan_say_err(&err);
	if (!l.home.n)
		kan_say("no bundle in %s", l.home.dir);
	kan_home_bundles_free(&l.home);
	json_decref(l.recorded);
	return l.status;
}
