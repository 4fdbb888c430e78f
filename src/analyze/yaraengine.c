/* A user's YARA rules by libyara: compiled from source, and one piece of bytes against them. */
#include "analyze/yaraengine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yara.h>

#include "analyze/yarasource.h"
#include "base/checksum.h"
#include "base/digest.h"
#include "base/row.h"

enum {
	PROBE_S = 10,
	META_MAX = 4096,
	STRINGS_SHOWN = 16,
	TAGS_SHOWN = 16,
	MD5_SIZE = 16,
	MD5_HEX = 33,
	MESSAGE_MAX = 256,
	MATCH_DATA = 0, /* of matching bytes libyara keeps a copy: they are never shown */
};

/* Arithmetic over the bytes of the file, and nothing else. The others parse formats in C (pe, elf,
 * dotnet, macho, dex, magic), read a report of another tool (cuckoo), print (console) or ask the
 * clock (time), which would make two runs differ. */
static const char *const modules[] = {"math", "hash", "string"};
static const char *const externals[] = {"filename", "filepath", "extension",
					"filetype", "owner",    "md5"};
enum { EXTERNALS = sizeof externals / sizeof *externals };

struct kan_yara {
	struct kan_yara_sources *sources;
	YR_RULES *rules;
	bool begun;
};

/* --- compiling --- */

struct fault {
	const char *name;
	int line;
	char text[MESSAGE_MAX];
};

/* The first one counts: what follows is often its consequence. */
static void on_message(int level, const char *file, int line, const YR_RULE *rule,
		       const char *message, void *arg)
{
	struct fault *f = arg;
	(void)file;
	(void)rule;
	if (level != YARA_ERROR_LEVEL_ERROR || f->text[0])
		return;
	f->line = line;
	(void)snprintf(f->text, sizeof f->text, "%s", *message ? message : "refused");
}

static int add_source(YR_COMPILER *c, const struct kan_yara_source *s, struct kan_err *err)
{
	struct fault f = {.name = s->name};
	yr_compiler_set_callback(c, on_message, &f);
	/* An include would be opened by its name, from wherever the rules say. */
	yr_compiler_set_include_callback(c, NULL, NULL, NULL);
	if (yr_compiler_add_string(c, kan_buf_str(&s->text), s->name) > 0)
		return kan_fail(err, KAN_EUSAGE, "%s:%d: %s", s->name, f.line,
				f.text[0] ? f.text : "refused");
	return 0;
}

static int fill(YR_COMPILER *c, const struct kan_yara_sources *all, struct kan_err *err)
{
	for (size_t i = 0; i < EXTERNALS; i++)
		if (yr_compiler_define_string_variable(c, externals[i], "") != ERROR_SUCCESS)
			return kan_fail(err, KAN_ELIMIT, "libyara: no memory");
	for (size_t i = 0; i < all->n; i++)
		if (add_source(c, &all->v[i], err) < 0)
			return -1;
	return 0;
}

static int compile(YR_RULES **out, const struct kan_yara_sources *all, struct kan_err *err)
{
	YR_COMPILER *c = NULL;
	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return kan_fail(err, KAN_ELIMIT, "libyara: no memory");
	int rc = fill(c, all, err);
	if (rc == 0 && yr_compiler_get_rules(c, out) != ERROR_SUCCESS)
		rc = kan_fail(err, KAN_ELIMIT, "libyara: no memory for the rules");
	yr_compiler_destroy(c);
	return rc;
}

/* --- what a rule says of itself --- */

static void add_meta(json_t *row, const YR_RULE *rule, const char *key, const char *const *names)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(META_MAX);
	const YR_META *m = NULL;
	for (; *names && !text.len; names++)
		yr_rule_metas_foreach(rule, m)
		{
			if (m->type != META_TYPE_STRING || strcmp(m->identifier, *names) != 0)
				continue;
			kan_buf_adds(&text, text.len ? "; " : "");
			size_t left = text.max - text.len, n = strlen(m->string);
			kan_buf_add(&text, m->string, n < left ? n : left);
		}
	if (text.len)
		kan_json_set_bytes(row, key, kan_buf_bytes(&text));
}

static bool marks_itself_high(const YR_RULE *rule)
{
	const YR_META *m = NULL;
	yr_rule_metas_foreach(rule, m)
	{
		if (m->type == META_TYPE_STRING && strcmp(m->identifier, "severity") == 0 &&
		    (strcasecmp(m->string, "high") == 0 || strcasecmp(m->string, "critical") == 0))
			return true;
	}
	return false;
}

static void add_tags(json_t *row, const YR_RULE *rule)
{
	json_t *tags = json_array();
	const char *tag = NULL;
	yr_rule_tags_foreach(rule, tag)
	{
		if (json_array_size(tags) < TAGS_SHOWN)
			json_array_append_new(tags, json_string(tag));
	}
	if (json_array_size(tags))
		json_object_set(row, "tags", tags);
	json_decref(tags);
}

/* "$a: 3, first at 0x40". Which bytes match may be a secret, and is in the bundle. */
static json_t *place_of(YR_SCAN_CONTEXT *context, const YR_STRING *s)
{
	char text[MESSAGE_MAX];
	const YR_MATCH *m = NULL;
	long long first = 0;
	unsigned n = 0;
	yr_string_matches_foreach(context, s, m)
	{
		if (n == 0 || m->base + m->offset < first)
			first = m->base + m->offset;
		n++;
	}
	if (!n)
		return NULL;
	(void)snprintf(text, sizeof text, "%.128s: %u, first at 0x%llx", s->identifier, n, first);
	return json_string(text);
}

static void add_strings(json_t *row, YR_SCAN_CONTEXT *context, const YR_RULE *rule)
{
	json_t *list = json_array();
	const YR_STRING *s = NULL;
	json_int_t n = 0;
	yr_rule_strings_foreach(rule, s)
	{
		json_t *place = place_of(context, s);
		n += place != NULL;
		if (place && n <= STRINGS_SHOWN)
			json_array_append_new(list, place);
		else
			json_decref(place);
	}
	if (n)
		json_object_set(row, "strings", list);
	if (n > STRINGS_SHOWN)
		json_object_set_new(row, "strings_count", json_integer(n));
	json_decref(list);
}

static json_t *row_of(YR_SCAN_CONTEXT *context, const YR_RULE *rule)
{
	static const char *const author[] = {"author", NULL};
	static const char *const reference[] = {"reference", "url", "source_url", "rule_source",
						NULL};
	static const char *const license[] = {"license", "licence", NULL};
	static const char *const description[] = {"description", NULL};
	json_t *row = json_pack("{s:s,s:b}", "rule", rule->identifier, "marked_high",
				marks_itself_high(rule));
	kan_json_set_bytes(row, "ruleset", kan_bytes_of(rule->ns->name));
	add_meta(row, rule, "author", author);
	add_meta(row, rule, "reference", reference);
	add_meta(row, rule, "license", license);
	add_meta(row, rule, "description", description);
	add_tags(row, rule);
	add_strings(row, context, rule);
	return row;
}

/* --- one piece of bytes --- */

struct scan {
	const struct kan_yara *y;
	kan_yara_hit_fn *fn; /* NULL: only the modules are asked after */
	void *arg;
	struct kan_err *err;
	bool failed;
	char often[MESSAGE_MAX]; /* a string that matches so often that libyara gave it up */
};

static int allowed(struct scan *s, const char *name)
{
	for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
		if (strcmp(name, modules[i]) == 0)
			return CALLBACK_CONTINUE;
	int line = 0;
	const char *file = kan_yara_import_of(&line, s->y->sources, name);
	s->failed = true;
	kan_err_set(s->err, KAN_EUSAGE, 0,
		    "%s:%d: the module \"%.64s\" is not allowed; math, hash and string are", file,
		    line, name);
	return CALLBACK_ERROR;
}

static int told(struct scan *s, YR_SCAN_CONTEXT *context, const YR_RULE *rule)
{
	if (!s->fn)
		return CALLBACK_CONTINUE;
	json_t *row = row_of(context, rule);
	s->failed = s->fn(row, s->arg, s->err) < 0;
	json_decref(row);
	return s->failed ? CALLBACK_ERROR : CALLBACK_CONTINUE;
}

static int on_event(YR_SCAN_CONTEXT *context, int message, void *data, void *arg)
{
	struct scan *s = arg;
	switch (message) {
	case CALLBACK_MSG_RULE_MATCHING:
		return told(s, context, data);
	case CALLBACK_MSG_IMPORT_MODULE:
		return allowed(s, ((const YR_MODULE_IMPORT *)data)->module_name);
	case CALLBACK_MSG_TOO_MANY_MATCHES:
		(void)snprintf(s->often, sizeof s->often, "%.128s",
			       ((const YR_STRING *)data)->identifier);
		return CALLBACK_CONTINUE;
	default:
		return CALLBACK_CONTINUE;
	}
}

static const char *type_of(struct kan_bytes b)
{
	static const struct {
		const char *magic, *word;
	} known[] = {{"\x7f"
		      "ELF",
		      "ELF"},
		     {"MZ", "EXE"},
		     {"PK\x03\x04", "ZIP"},
		     {"\x1f\x8b", "GZIP"},
		     {"%PDF", "PDF"},
		     {"#!", "SCRIPT"}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (kan_bytes_starts(b, known[i].magic))
			return known[i].word;
	return "";
}

static void md5_of(char hex[MD5_HEX], struct kan_bytes b)
{
	uint8_t raw[KAN_CHECKSUM_MAX];
	struct kan_checksum *c = kan_checksum_new(MD5_SIZE);
	hex[0] = 0;
	if (!c)
		return;
	kan_checksum_start(c);
	kan_checksum_add(c, b);
	kan_checksum_finish(raw, c);
	kan_checksum_free(c);
	kan_hex(hex, (struct kan_bytes){raw, MD5_SIZE});
}

static char *text_of(struct kan_bytes b)
{
	char *s = kan_xalloc(b.n + 1);
	if (b.n)
		memcpy(s, b.p, b.n);
	return s;
}

/* Of "/a/b.sh": "b.sh", "/a", ".sh". */
static int define(YR_SCANNER *scanner, const struct kan_yara_subject *s)
{
	char md5[MD5_HEX];
	kan_auto_free char *path = text_of(s->path), *owner = text_of(s->owner);
	char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
	md5_of(md5, s->bytes);
	kan_auto_free char *file = kan_xstrdup(name);
	kan_auto_free char *extension = kan_xstrdup(dot && dot != name ? dot : "");
	if (slash)
		*slash = 0;
	const char *const values[EXTERNALS] = {
		file, slash ? path : "", extension, type_of(s->bytes), owner, md5};
	for (size_t i = 0; i < EXTERNALS; i++)
		if (yr_scanner_define_string_variable(scanner, externals[i], values[i]) !=
		    ERROR_SUCCESS)
			return -1;
	return 0;
}

static int ended(const struct scan *s, int rc, int seconds, struct kan_err *err)
{
	if (s->failed)
		return -1;
	if (rc == ERROR_SCAN_TIMEOUT)
		return kan_fail(err, KAN_ELIMIT, "its scan took longer than %d s", seconds);
	if (rc == ERROR_INSUFFICIENT_MEMORY)
		return kan_fail(err, KAN_ELIMIT, "its scan needed more memory than it may have");
	if (rc != ERROR_SUCCESS)
		return kan_fail(err, KAN_ELIMIT, "libyara gave it up (its error %d)", rc);
	if (s->often[0])
		return kan_fail(err, KAN_ELIMIT, "%s matches too often in it to be counted",
				s->often);
	return 0;
}

static int run(struct scan *s, const struct kan_yara_subject *subject, int seconds)
{
	YR_SCANNER *scanner = NULL;
	if (yr_scanner_create(s->y->rules, &scanner) != ERROR_SUCCESS)
		return ERROR_INSUFFICIENT_MEMORY;
	/* A fault in libyara ends this process, and is told: it is not to be caught here. */
	yr_scanner_set_flags(scanner, SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH);
	yr_scanner_set_callback(scanner, on_event, s);
	yr_scanner_set_timeout(scanner, seconds);
	int rc = define(scanner, subject) < 0 ? ERROR_INSUFFICIENT_MEMORY : ERROR_SUCCESS;
	if (rc == ERROR_SUCCESS)
		rc = yr_scanner_scan_mem(scanner, subject->bytes.p, subject->bytes.n);
	yr_scanner_destroy(scanner);
	return rc;
}

int kan_yara_match(struct kan_yara *y, const struct kan_yara_subject *subject, int seconds,
		   kan_yara_hit_fn *fn, void *arg, struct kan_err *err)
{
	struct scan s = {.y = y, .fn = fn, .arg = arg, .err = err};
	return ended(&s, run(&s, subject, seconds), seconds, err);
}

/* --- --- */

/* Which modules the rules import is known when they run. */
static int probe(struct kan_yara *y, struct kan_err *err)
{
	const struct kan_yara_subject nothing = {.bytes = KAN_LIT("\n")};
	struct kan_err why = {0};
	if (kan_yara_match(y, &nothing, PROBE_S, NULL, NULL, &why) == 0 || why.code != KAN_EUSAGE)
		return 0;
	return kan_fail(err, KAN_EUSAGE, "%s", why.text);
}

int kan_yara_compile(struct kan_yara **out, const char *path, struct kan_err *err)
{
	struct kan_yara *y = kan_xalloc(sizeof *y);
	uint32_t none = MATCH_DATA;
	int rc = kan_yara_sources_load(&y->sources, path, err);
	if (rc == 0 && (yr_initialize() != ERROR_SUCCESS ||
			yr_set_configuration(YR_CONFIG_MAX_MATCH_DATA, &none) != ERROR_SUCCESS))
		rc = kan_fail(err, KAN_ELIMIT, "libyara does not begin");
	y->begun = rc == 0;
	if (rc == 0)
		rc = compile(&y->rules, y->sources, err);
	if (rc == 0)
		rc = probe(y, err);
	if (rc == 0)
		*out = kan_take_ptr(y);
	kan_yara_free(y);
	return rc;
}

void kan_yara_free(struct kan_yara *y)
{
	if (!y)
		return;
	if (y->rules)
		yr_rules_destroy(y->rules);
	if (y->begun)
		(void)yr_finalize();
	kan_yara_sources_free(y->sources);
	free(y);
}

json_t *kan_yara_about(const struct kan_yara *y)
{
	json_int_t n = 0;
	const YR_RULE *rule = NULL;
	yr_rules_foreach(y->rules, rule) n++;
	json_t *o = json_pack("{s:s,s:I}", "libyara", YR_VERSION, "rules", n), *list = json_array();
	for (size_t i = 0; i < y->sources->n; i++) {
		char hex[KAN_SHA256_HEX];
		json_t *one = json_object();
		kan_sha256_hex(hex, kan_buf_bytes(&y->sources->v[i].text));
		kan_json_set_bytes(one, "name", kan_bytes_of(y->sources->v[i].name));
		json_object_set_new(one, "sha256", json_string(hex));
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "sources", list);
	return o;
}
