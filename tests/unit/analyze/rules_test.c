/* Loading rules: the first fault ends it, with the file, the id and the reason. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/rules.h"
#include "base/file.h"
#include "base/row.h"

static json_t *sound_rule(void)
{
	json_t *doc = json_load_file(TOP "/rules/exe/foreign.json", 0, NULL);
	cr_assert_not_null(doc);
	return doc;
}

/* The error of loading this rule; "" when it was taken. doc is eaten. */
static void load(char *text, size_t n, json_t *doc)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	char *json = json_dumps(doc, 0);
	cr_assert_eq(kan_rules_begin(&r, &err), 0);
	text[0] = '\0';
	if (kan_rules_add(r, "family/name.json", kan_bytes_of(json), &err) < 0) {
		cr_assert_eq(err.code, KAN_EUSAGE);
		(void)snprintf(text, n, "%s", err.text);
	}
	free(json);
	json_decref(doc);
	kan_rules_free(r);
}

static void refused(json_t *doc, const char *reason)
{
	char text[KAN_ERR_TEXT];
	load(text, sizeof text, doc);
	cr_assert_not_null(strstr(text, reason), "expected \"%s\" in \"%s\"", reason, text);
	cr_assert_eq(strncmp(text, "family/name.json: ", 18), 0, "%s", text);
}

static json_t *with(const char *key, const char *value)
{
	json_t *doc = sound_rule();
	json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
	cr_assert_not_null(v, "%s", value);
	json_object_set_new(doc, key, v);
	return doc;
}

static json_t *without(const char *key)
{
	json_t *doc = sound_rule();
	json_object_del(doc, key);
	return doc;
}

Test(rules, the_sound_rule_is_taken)
{
	char text[KAN_ERR_TEXT];
	load(text, sizeof text, sound_rule());
	cr_assert_str_eq(text, "");
}

Test(rules, every_required_key_is_missed)
{
	static const char *const keys[] = {
		"schema", "id",       "version",    "class",  "title", "rows", "where",
		"key",    "severity", "confidence", "attack", "says",  "why",  "false_positives",
		"next",   "tests"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char reason[64];
		(void)snprintf(reason, sizeof reason, "no %s", keys[i]);
		refused(without(keys[i]), reason);
	}
}

Test(rules, what_is_unknown_is_named)
{
	refused(with("colour", "\"red\""), "unknown key colour");
	refused(with("rows", "\"procession\""), "unknown row kind procession");
	refused(with("where", "{\"exe.shape\":1}"), "unknown column exe.shape");
	refused(with("where", "{\"pid\":{\"near\":1}}"), "unknown operator near");
	refused(with("key", "[\"exe.shape\"]"), "unknown column exe.shape");
	refused(with("says", "\"{exe.shape}\""), "unknown column exe.shape");
	refused(with("attack", "[\"T9999\"]"), "attack: unknown T9999");
	refused(with("severity", "\"awful\""), "severity: low, medium, high or critical");
	refused(with("class", "\"opinion\""), "class:");
	refused(with("votes", "[{\"for\":\"aliens\",\"if\":{\"pid\":1},\"weight\":1}]"),
		"unknown hypothesis aliens");
	refused(with("votes", "[{\"for\":\"exec\",\"if\":{\"pid\":1},\"weight\":4}]"),
		"weight is 1 to 3");
	refused(with("join", "[{\"as\":\"x\",\"rows\":\"nothing\",\"on\":[\"pid\"]}]"),
		"unknown row kind nothing");
	refused(with("join", "[{\"as\":\"x\",\"rows\":\"socket\",\"on\":[\"pid=nothing\"]}]"),
		"unknown column");
	refused(with("join", "[{\"as\":\"x\",\"rows\":\"socket\",\"on\":[\"pid\"],\"raise\":{"
			     "\"severity\":2}}]"),
		"one step");
	refused(with("excuse", "{\"exe.shape\":1}"), "excuse: unknown column exe.shape");
	refused(with("where", "{\"count\":{\"rows\":\"socket\"}}"), "where: count: ge: a number");
	refused(with("join", "[{\"as\":\"x\",\"rows\":\"socket\",\"on\":[\"pid\"],\"where\":"
			     "{\"count\":{\"rows\":\"socket\",\"ge\":1}}}]"),
		"count: only in where, excuse and votes of a rule");
	refused(with("schema", "\"kanshiki.rule/2\""), "schema is not kanshiki.rule/1");
	refused(with("id", "\"Exe\""), "id is not family.name");
}

Test(rules, every_technique_of_the_matrix_is_known_and_a_revoked_one_names_its_successor)
{
	char text[KAN_ERR_TEXT];
	load(text, sizeof text, with("attack", "[\"T1218.011\",\"T1001\",\"T1665\"]"));
	cr_assert_str_eq(text, "");
	refused(with("attack", "[\"T1002\"]"),
		"attack: T1002 (Data Compressed) is revoked, see T1560");
	refused(with("attack", "[\"T1061\"]"), "is deprecated");
	refused(with("attack", "[\"\"]"), "attack: unknown ");
}

Test(rules, the_table_of_techniques_is_in_the_order_of_its_ids)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_eq(kan_rules_begin(&r, &err), 0);
	const json_t *list = json_object_get(r->attack, "techniques");
	cr_assert_gt(json_array_size(list), 800);
	for (size_t i = 1; i < json_array_size(list); i++)
		cr_assert_lt(strcmp(kan_json_str(json_array_get(list, i - 1), "id"),
				    kan_json_str(json_array_get(list, i), "id")),
			     0, "%s", kan_json_str(json_array_get(list, i), "id"));
	kan_rules_free(r);
}

Test(rules, a_value_of_another_type_is_refused)
{
	refused(with("where", "{\"pid\":\"one\"}"), "a value of another type");
	refused(with("where", "{\"exe.link\":{\"ge\":1}}"), "compares numbers");
	refused(with("where", "{\"pid\":{\"starts\":\"4\"}}"), "compares text");
	refused(with("where", "{\"exe.link\":{\"re\":\"(\"}}"), "not a regular expression");
	refused(with("where", "{\"all\":[]}"), "1 to 256");
	refused(with("where", "{\"pid\":1,\"ppid\":1}"), "an object with one key");
	refused(with("version", "\"1\""), "version: of another type");
}

Test(rules, a_rule_without_hit_or_miss_is_refused)
{
	refused(with("tests", "{\"hit\":[\"a\"],\"miss\":[]}"), "tests: miss: at least 1");
	refused(with("tests", "{\"miss\":[\"a\"]}"), "tests: hit: at least 1");
}

Test(rules, a_suggested_command_holds_no_words_of_the_container)
{
	refused(with("next", "[\"rm {exe.link}\"]"), "only ids, digests and numbers");
	char text[KAN_ERR_TEXT];
	load(text, sizeof text,
	     with("next", "[\"look at {pid} {exe.sha256} {finding} {container}\"]"));
	cr_assert_str_eq(text, "");
}

Test(rules, conditions_deeper_than_sixteen_are_refused)
{
	kan_auto_buf struct kan_buf where = KAN_BUF(4096);
	for (int i = 0; i < 16; i++)
		kan_buf_adds(&where, "{\"not\":");
	kan_buf_adds(&where, "{\"pid\":1}");
	for (int i = 0; i < 16; i++)
		kan_buf_adds(&where, "}");
	refused(with("where", kan_buf_str(&where)), "deeper than 16");
}

Test(rules, duplicate_keys_are_refused)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_eq(kan_rules_begin(&r, &err), 0);
	cr_assert_eq(kan_rules_add(r, "f", KAN_LIT("{\"id\":\"a.b\",\"id\":\"a.c\"}"), &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	kan_rules_free(r);
}

static void put(const char *dir, const char *name, struct kan_bytes content)
{
	struct kan_err err = {0};
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	cr_assert_eq(kan_put_file(AT_FDCWD, path, 0600, content, &err), 0, "%s", err.text);
}

static void load_dir(const char *dir, const char *reason)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_eq(kan_rules_load(&r, dir, &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	cr_assert_not_null(strstr(err.text, reason), "expected \"%s\" in \"%s\"", reason, err.text);
}

static char *temporary(char *text)
{
	strcpy(text, "/tmp/kanshiki-rules-XXXXXX");
	return mkdtemp(text);
}

Test(rules, an_id_may_occur_once_in_a_directory)
{
	char dir[64];
	json_t *rule = sound_rule();
	char *json = json_dumps(rule, 0);
	json_decref(rule);
	cr_assert_not_null(temporary(dir));
	put(dir, "a.json", kan_bytes_of(json));
	put(dir, "b.json", kan_bytes_of(json));
	load_dir(dir, "duplicate id");
	free(json);
}

Test(rules, a_link_or_a_large_file_is_no_rule)
{
	char dir[64], path[128];
	kan_auto_buf struct kan_buf large = KAN_BUF(KAN_RULE_FILE_MAX * 2);
	cr_assert_not_null(temporary(dir));
	(void)snprintf(path, sizeof path, "%s/a.json", dir);
	cr_assert_eq(symlink(TOP "/rules/exe/foreign.json", path), 0);
	load_dir(dir, "not a regular file");
	cr_assert_eq(unlink(path), 0);
	while (large.len <= KAN_RULE_FILE_MAX)
		kan_buf_adds(&large, "                                ");
	put(dir, "a.json", kan_buf_bytes(&large));
	load_dir(dir, "not a regular file of at most 65536 octets");
}

Test(rules, the_shipped_rules_are_those_of_the_directory)
{
	struct kan_err err = {0};
	struct kan_rules *shipped = NULL, *files = NULL;
	cr_assert_eq(kan_rules_shipped(&shipped, &err), 0, "%s", err.text);
	cr_assert_eq(kan_rules_load(&files, TOP "/rules", &err), 0, "%s", err.text);
	cr_assert_geq(kan_rules_count(shipped), 10);
	cr_assert_eq(kan_rules_count(shipped), kan_rules_count(files));
	for (size_t i = 0; i < kan_rules_count(shipped); i++)
		cr_assert_str_eq(shipped->rules[i].sha256, files->rules[i].sha256, "%s",
				 shipped->rules[i].id);
	kan_rules_free(shipped);
	kan_rules_free(files);
}

/* --- a user's own beside the shipped ones --- */

static json_t *shipped_doc(const char *id)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	json_t *found = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->rules[i].id, id) == 0)
			found = json_incref(r->rules[i].doc);
	kan_rules_free(r);
	cr_assert_not_null(found);
	return found;
}

static void put_rule(const char *dir, const char *name, const char *of, const char *id,
		     const char *title)
{
	json_t *shipped = shipped_doc(of), *rule = json_deep_copy(shipped);
	json_decref(shipped);
	json_object_set_new(rule, "id", json_string(id));
	json_object_set_new(rule, "title", json_string(title));
	char *text = json_dumps(rule, 0);
	put(dir, name, kan_bytes_of(text));
	free(text);
	json_decref(rule);
}

static const struct kan_rule *rule_of(const struct kan_rules *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->rules[i].id, id) == 0)
			return &r->rules[i];
	return NULL;
}

Test(rules, a_users_rules_add_to_the_shipped_ones_replace_them_and_turn_them_off)
{
	char dir[64];
	struct kan_err err = {0};
	struct kan_rules *r = NULL, *shipped = NULL;
	cr_assert_not_null(temporary(dir));
	put_rule(dir, "a.json", "exe.foreign", "own.foreign", "mine");
	put_rule(dir, "b.json", "exe.memfd", "exe.memfd", "another title");
	put(dir, "c.json", KAN_LIT("{\"id\":\"net.tunnel\",\"disabled\":\"our VPN sidecar\"}"));
	cr_assert_eq(kan_rules_with(&r, dir, &err), 0, "%s", err.text);
	cr_assert_eq(kan_rules_with(&shipped, NULL, &err), 0, "%s", err.text);
	cr_expect_eq(r->n, shipped->n, "one more, one less");
	cr_expect_eq(rule_of(r, "own.foreign")->origin, KAN_RULE_OWN);
	cr_expect_eq(rule_of(r, "exe.foreign")->origin, KAN_RULE_SHIPPED);
	cr_expect_eq(rule_of(r, "exe.memfd")->origin, KAN_RULE_REPLACES);
	cr_expect_str_eq(kan_json_str(rule_of(r, "exe.memfd")->doc, "title"), "another title");
	cr_expect_null(rule_of(r, "net.tunnel"));
	json_t *changed = kan_rules_changed(r);
	json_t *want = json_pack("{s:[s],s:[{s:s,s:O,s:s}],s:[{s:s,s:s}]}", "added", "own.foreign",
				 "replaced", "id", "exe.memfd", "version",
				 json_object_get(rule_of(shipped, "exe.memfd")->doc, "version"),
				 "sha256", rule_of(shipped, "exe.memfd")->sha256, "disabled", "id",
				 "net.tunnel", "reason", "our VPN sidecar");
	cr_expect(json_equal(changed, want));
	cr_expect_null(kan_rules_changed(shipped));
	json_decref(changed);
	json_decref(want);
	kan_rules_free(r);
	kan_rules_free(shipped);
}

static void refused_beside(const char *text, const char *reason)
{
	char dir[64];
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_not_null(temporary(dir));
	put_rule(dir, "a.json", "exe.memfd", "exe.memfd", "mine");
	put(dir, "b.json", kan_bytes_of(text));
	cr_assert_eq(kan_rules_with(&r, dir, &err), -1, "%s", text);
	cr_expect_eq(err.code, KAN_EUSAGE);
	cr_expect_not_null(strstr(err.text, reason), "expected \"%s\" in \"%s\"", reason, err.text);
}

Test(rules, what_cannot_be_turned_off_is_refused_with_file_and_reason)
{
	refused_beside("{\"id\":\"no.such\",\"disabled\":\"x\"}",
		       "b.json: no.such: disabled: no shipped rule has this id");
	refused_beside("{\"id\":\"exe.memfd\",\"disabled\":\"x\"}",
		       "b.json: exe.memfd: duplicate id, also in ");
	refused_beside("{\"id\":\"net.tunnel\",\"disabled\":\"\"}",
		       "b.json: net.tunnel: disabled: the reason");
	refused_beside("{\"id\":\"net.tunnel\",\"disabled\":true}", "disabled: the reason");
	refused_beside("{\"id\":\"net.tunnel\",\"disabled\":\"x\",\"title\":\"y\"}",
		       "and nothing else");
	refused_beside("{\"disabled\":\"x\"}", "with disabled goes id");
	refused_beside("{\"id\":\"net.tunnel\",\n \"disabled\":}",
		       "not a rule: JSON: line 2 column 13");
}

Test(rules, one_rule_is_turned_off_once)
{
	char dir[64];
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_not_null(temporary(dir));
	put(dir, "a.json", KAN_LIT("{\"id\":\"net.tunnel\",\"disabled\":\"x\"}"));
	put(dir, "b.json", KAN_LIT("{\"id\":\"net.tunnel\",\"disabled\":\"y\"}"));
	cr_assert_eq(kan_rules_with(&r, dir, &err), -1);
	cr_expect_not_null(strstr(err.text, "b.json: net.tunnel: duplicate id, also in "), "%s",
			   err.text);
}
