/* A user's YARA rules over a sealed bundle: what is told, what is refused, and that every limit
 * holds. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../evidence/world.h"
#include "analyze/analyze.h"
#include "analyze/yarascan.h"
#include "base/clock.h"
#include "base/row.h"
#include "base/tar.h"

#define MINER \
	"rule Miner : coin linux {\n" \
	" meta: author = \"A. Mori\" reference = \"https://example.org/m\" license = \"DRL " \
	"1.1\"\n" \
	" strings: $pool = \"stratum+tcp\"\n condition: $pool\n}\n"
#define HASH_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

enum { NS_PER_S = 1000000000, ROWS_MAX = 4 << 20 };

struct bag {
	struct world w;
	struct test_place rules;
	struct kan_buf upper, mounts, out;
	struct kan_tar *tar;
	struct kan_err err;
	struct kan_yara_job job;
	char unboxed[KAN_YARA_UNBOXED];
};

static int into_buf(void *arg, const void *p, size_t n, struct kan_err *err)
{
	(void)err;
	kan_buf_add(arg, p, n);
	return 0;
}

static void tar_begin(struct bag *b, struct kan_buf *to)
{
	*to = KAN_BUF(256 << 20);
	cr_assert_eq(kan_tar_new(&b->tar, into_buf, to, &b->err), 0);
}

static void tar_add(struct bag *b, const char *path, const char *bytes, size_t n)
{
	struct kan_tar_entry e = {
		.path = kan_bytes_of(path), .mode = S_IFREG | 0644, .uid = 33, .size = n};
	cr_assert_eq(kan_tar_entry(b->tar, &e, &b->err), 0, "%s", b->err.text);
	cr_assert_eq(kan_tar_data(b->tar, bytes, n, &b->err), 0);
	cr_assert_eq(kan_tar_finish(b->tar, &b->err), 0);
}

static void bag_begin(struct bag *b)
{
	*b = (struct bag){.out = KAN_BUF(ROWS_MAX)};
	world_begin(&b->w);
	b->rules = test_place();
	tar_begin(b, &b->upper);
}

static void put(struct bag *b, const char *collector, const char *name, struct kan_bytes v)
{
	const char *const artefacts[] = {name, NULL};
	struct kan_sink *s = world_sink(&b->w, collector, artefacts);
	world_collector(&b->w, collector, "begin", NULL);
	cr_assert_eq(kan_sink_put(s, name, v, &b->err), 0, "%s", b->err.text);
	kan_sink_free(s);
	world_record(&b->w);
	world_collector(&b->w, collector, "end", "ok");
}

static void carve(struct bag *b, struct kan_bytes v)
{
	static const char *const artefacts[] = {"content/", NULL};
	struct kan_artefact *a = NULL;
	char hex[65];
	struct kan_sink *s = world_sink(&b->w, "processes", artefacts);
	world_collector(&b->w, "processes", "begin", NULL);
	cr_assert_eq(kan_sink_content(&a, s, "content", &b->err), 0, "%s", b->err.text);
	cr_assert_eq(kan_artefact_write(a, v.p, v.n, &b->err), 0);
	cr_assert_eq(kan_artefact_close_content(hex, a, &b->err), 0);
	kan_sink_free(s);
	world_record(&b->w);
	world_collector(&b->w, "processes", "end", "ok");
}

static void bag_seal(struct bag *b)
{
	char seal[65];
	cr_assert_eq(kan_tar_close(b->tar, &b->err), 0);
	put(b, "filesystem", "upper.tar", kan_buf_bytes(&b->upper));
	cr_assert_eq(world_seal(&b->w, seal, NULL, &b->err), 0, "%s", b->err.text);
	world_crash(&b->w);
	b->job = (struct kan_yara_job){b->w.final, b->rules.path, kan_yara_defaults};
}

/* One file of rules, instead of the one before. */
static void rules(struct bag *b, const char *text)
{
	(void)unlinkat(b->rules.fd, "own.yar", 0);
	cr_assert_eq(kan_put_file(b->rules.fd, "own.yar", 0600, kan_bytes_of(text), &b->err), 0);
}

static int scan(struct bag *b)
{
	kan_buf_reset(&b->out);
	b->err = (struct kan_err){0};
	return kan_yara_scan(&b->out, b->unboxed, &b->job, &b->err);
}

static void bag_free(struct bag *b)
{
	kan_buf_free(&b->upper);
	kan_buf_free(&b->mounts);
	kan_buf_free(&b->out);
	world_free(&b->w);
	test_empty(b->rules.fd);
}

/* Row n of a type, or NULL; yours. */
static json_t *row(const struct bag *b, const char *type, size_t n)
{
	const char *at = kan_buf_str(&b->out);
	for (; *at; at += strcspn(at, "\n") + 1) {
		json_t *o = NULL;
		struct kan_err err = {0};
		struct kan_bytes line = {(const uint8_t *)at, strcspn(at, "\n")};
		cr_assert_eq(kan_row_parse(&o, line, &err), 0, "%s", err.text);
		if (strcmp(kan_json_str(o, "type"), type) == 0 && n-- == 0)
			return o;
		json_decref(o);
	}
	return NULL;
}

static size_t count(const struct bag *b, const char *type)
{
	size_t n = 0;
	for (json_t *o = NULL; (o = row(b, type, n)) != NULL; n++)
		json_decref(o);
	return n;
}

static void expect(const struct bag *b, const char *type, size_t n, const char *key,
		   const char *value)
{
	json_t *o = row(b, type, n);
	cr_assert_not_null(o, "no %s %zu in: %s", type, n, kan_buf_str(&b->out));
	cr_expect_str_eq(kan_json_str(o, key), value, "%s of %s %zu", key, type, n);
	json_decref(o);
}

/* A gap about what, of a code, whose reason has these words. */
static void expect_gap(const struct bag *b, size_t n, const char *what, const char *code,
		       const char *words)
{
	json_t *o = row(b, "gap", n);
	cr_assert_not_null(o, "no gap %zu in: %s", n, kan_buf_str(&b->out));
	cr_expect_str_eq(kan_json_str(o, "what"), what);
	cr_expect_str_eq(kan_json_str(o, "code"), code);
	cr_expect(strstr(kan_json_str(o, "why"), words), "%s", kan_json_str(o, "why"));
	json_decref(o);
}

static void one_file(struct bag *b, const char *bytes, size_t n)
{
	bag_begin(b);
	tar_add(b, "tmp/x", bytes, n);
	tar_add(b, "tmp/y", "stratum+tcp://pool", 18);
	bag_seal(b);
}

/* n times the letter. Yours. */
static char *many(char letter, size_t n)
{
	char *s = kan_xalloc(n + 1);
	memset(s, letter, n);
	return s;
}

/* --- what is told --- */

Test(yara, changed_files_carved_bytes_logs_and_files_of_mounts_are_scanned)
{
	struct bag b;
	bag_begin(&b);
	tar_add(&b, "tmp/.x/conf", "pool = stratum+tcp://a", 22);
	tar_add(&b, "etc/motd", "hello", 5);
	cr_assert_eq(kan_tar_close(b.tar, &b.err), 0);
	tar_begin(&b, &b.mounts);
	tar_add(&b, "731/run/m", "stratum+tcp", 11);
	cr_assert_eq(kan_tar_close(b.tar, &b.err), 0);
	put(&b, "mounts", "content.tar", kan_buf_bytes(&b.mounts));
	put(&b, "logs", "json-file/0.log", KAN_LIT("{\"log\":\"stratum+tcp\\n\"}\n"));
	carve(&b, KAN_LIT("\x7f"
			  "ELF stratum+tcp"));
	put(&b, "filesystem", "upper.tar", kan_buf_bytes(&b.upper));
	char seal[65];
	cr_assert_eq(world_seal(&b.w, seal, NULL, &b.err), 0, "%s", b.err.text);
	world_crash(&b.w);
	b.job = (struct kan_yara_job){b.w.final, b.rules.path, kan_yara_defaults};
	rules(&b, MINER);
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_assert_eq(count(&b, "hit"), 4, "%s", kan_buf_str(&b.out));
	cr_assert_eq(count(&b, "gap"), 0);
	expect(&b, "hit", 0, "file", "/tmp/.x/conf");
	expect(&b, "hit", 0, "artefact", "data/filesystem/upper.tar");
	expect(&b, "hit", 0, "trust", "storage");
	expect(&b, "hit", 1, "what", "log");
	expect(&b, "hit", 1, "trust", "container-text");
	expect(&b, "hit", 2, "file", "/run/m");
	expect(&b, "hit", 3, "what", "carved");
	expect(&b, "hit", 3, "trust", "kernel-process");
	bag_free(&b);
}

Test(yara, a_hit_says_who_wrote_the_rule_and_where_and_never_which_bytes)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER "rule Hello { meta: severity = \"Critical\" strings: $h = /h[a-z]+o/\n"
			"condition: $h }\n");
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_assert_eq(count(&b, "hit"), 2, "%s", kan_buf_str(&b.out));
	expect(&b, "hit", 0, "rule", "Hello");
	expect(&b, "hit", 0, "sha256", HASH_OF_HELLO);
	expect(&b, "hit", 0, "ruleset", "own.yar");
	expect(&b, "hit", 1, "author", "A. Mori");
	expect(&b, "hit", 1, "reference", "https://example.org/m");
	expect(&b, "hit", 1, "license", "DRL 1.1");
	json_t *o = row(&b, "hit", 0), *m = row(&b, "hit", 1);
	cr_expect(json_is_true(json_object_get(o, "marked_high")));
	cr_expect(json_is_false(json_object_get(m, "marked_high")));
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(m, "strings"), 0)),
			 "$pool: 1, first at 0x0");
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(m, "tags"), 1)), "linux");
	json_decref(o);
	json_decref(m);
	cr_expect_null(strstr(kan_buf_str(&b.out), "stratum"));
	cr_expect_null(strstr(kan_buf_str(&b.out), "hello"));
	cr_expect_str_eq(b.unboxed, "");
	bag_free(&b);
}

Test(yara, rules_see_name_folder_extension_type_owner_and_md5)
{
	struct bag b;
	bag_begin(&b);
	tar_add(&b, "tmp/run.sh", "#!/bin/sh\n", 10);
	bag_seal(&b);
	rules(&b, "import \"hash\"\nimport \"math\"\n"
		  "rule All { condition: filename == \"run.sh\" and filepath == \"/tmp\" and "
		  "extension == \".sh\" and filetype == \"SCRIPT\" and owner == \"33\" and "
		  "md5 == hash.md5(0, filesize) and math.entropy(0, filesize) > 1 }\n");
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_assert_eq(count(&b, "hit"), 1, "%s", kan_buf_str(&b.out));
	bag_free(&b);
}

Test(yara, the_same_rules_and_bundle_give_the_same_bytes)
{
	struct bag b;
	one_file(&b, "hello", 5);
	cr_assert_eq(kan_put_file(b.rules.fd, "b.yara", 0600, KAN_LIT(MINER), &b.err), 0);
	cr_assert_eq(kan_put_file(b.rules.fd, "a.yar", 0600, KAN_LIT(MINER), &b.err), 0);
	cr_assert_eq(kan_put_file(b.rules.fd, "read.me", 0600, KAN_LIT("not rules"), &b.err), 0);
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	kan_auto_free char *first = kan_xstrdup(kan_buf_str(&b.out));
	expect(&b, "hit", 0, "ruleset", "a.yar");
	expect(&b, "hit", 1, "ruleset", "b.yara");
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_assert_str_eq(kan_buf_str(&b.out), first);
	cr_expect_null(strstr(first, b.rules.path), "where the rules lie is nobody's business");
	bag_free(&b);
}

/* --- what is refused --- */

static void refused(struct bag *b, const char *text, const char *says)
{
	rules(b, text);
	cr_expect_eq(scan(b), -1, "taken: %s", text);
	cr_expect_eq(b->err.code, KAN_EUSAGE, "%s: %s", text, b->err.text);
	cr_expect(strstr(b->err.text, says), "%s: not %s", b->err.text, says);
}

Test(yara, a_faulty_rule_is_refused_with_its_file_and_line)
{
	struct bag b;
	one_file(&b, "hello", 5);
	refused(&b, "rule A {\n condition:\n  nothing\n}\n", "own.yar:3: undefined identifier");
	refused(&b, "rule A {\n", "own.yar:");
	refused(&b, MINER MINER, "own.yar:6: duplicated identifier");
	refused(&b, "rule A {\n strings:\n $a = /(/\n condition: $a }\n", "own.yar:3: ");
	refused(&b, "\n\ninclude \"/etc/passwd\"\n", "own.yar:3: ");
	refused(&b, "YARA\x01\x02\x03", "compiled rules are refused");
	bag_free(&b);
}

Test(yara, modules_that_parse_formats_or_ask_the_clock_are_refused)
{
	static const char *const bad[] = {"pe",     "elf",   "dotnet", "time",
					  "cuckoo", "magic", "console"};
	struct bag b;
	one_file(&b, "hello", 5);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[256], says[128];
		(void)snprintf(text, sizeof text, "\nimport \"%s\"\n" MINER, bad[i]);
		(void)snprintf(says, sizeof says, "own.yar:2: the module \"%s\" is not allowed",
			       bad[i]);
		refused(&b, text, says);
	}
	bag_free(&b);
}

Test(yara, what_is_no_source_of_rules_is_refused)
{
	struct bag b;
	one_file(&b, "hello", 5);
	cr_assert_eq(scan(&b), -1);
	cr_expect(strstr(b.err.text, "has no *.yar"), "%s", b.err.text);
	cr_assert_eq(symlinkat("/etc/passwd", b.rules.fd, "own.yar"), 0);
	cr_assert_eq(scan(&b), -1);
	cr_expect_eq(b.err.code, KAN_EUSAGE);
	(void)unlinkat(b.rules.fd, "own.yar", 0);
	cr_assert_eq(mkfifoat(b.rules.fd, "own.yar", 0600), 0);
	cr_assert_eq(scan(&b), -1);
	cr_expect_eq(b.err.code, KAN_EUSAGE);
	(void)unlinkat(b.rules.fd, "own.yar", 0);
	cr_assert_eq(kan_put_file(b.rules.fd, "own.yar", 0600, KAN_LIT("rule\0x"), &b.err), 0);
	cr_assert_eq(scan(&b), -1);
	cr_expect(strstr(b.err.text, "a NUL"), "%s", b.err.text);
	b.job.rules = "/nowhere/at/all";
	cr_assert_eq(scan(&b), -1);
	cr_expect_eq(b.err.code, KAN_EUSAGE, "%s", b.err.text);
	cr_expect(strstr(b.err.text, "no file or folder of YARA rules"), "%s", b.err.text);
	bag_free(&b);
}

/* --- limits --- */

Test(yara, a_file_over_the_limit_is_a_gap_and_the_next_is_scanned)
{
	struct bag b;
	one_file(&b, "0123456789012345678901234567890123456789", 40);
	rules(&b, MINER);
	b.job.limits.file_octets = 39;
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	expect_gap(&b, 0, "/tmp/x", "limit", "40 octets: more than 39 are not scanned");
	cr_expect_eq(count(&b, "hit"), 1);
	bag_free(&b);
}

Test(yara, hits_and_gaps_beyond_their_limits_are_counted)
{
	struct bag b;
	bag_begin(&b);
	for (int i = 0; i < 5; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "h%d", i);
		tar_add(&b, name, "stratum+tcp", 11);
		(void)snprintf(name, sizeof name, "g%d", i);
		tar_add(&b, name, "123456789012", 12);
	}
	bag_seal(&b);
	rules(&b, MINER);
	b.job.limits.file_octets = 11;
	b.job.limits.hits = 2;
	b.job.limits.gaps = 3;
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_expect_eq(count(&b, "hit"), 2);
	cr_expect_eq(count(&b, "gap"), 3);
	json_t *end = row(&b, "end", 0);
	cr_expect_eq(kan_json_int(end, "hits_left_out"), 3);
	cr_expect_eq(kan_json_int(end, "gaps_left_out"), 2);
	json_decref(end);
	bag_free(&b);
}

#define ENDLESS \
	"rule Endless { condition: filename == \"x\" and " \
	"for all i in (0..4000000000000) : ( i >= 0 ) }\n"

Test(yara, a_condition_without_end_is_a_gap_and_the_next_file_is_scanned)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER ENDLESS);
	b.job.limits.file_s = 1;
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	expect_gap(&b, 0, "/tmp/x", "limit", "longer than 1 s");
	cr_expect_eq(count(&b, "hit"), 1);
	bag_free(&b);
}

/* A scan that never looks at its clock: 0 is libyara's word for that. */
Test(yara, a_scan_that_does_not_end_is_ended_and_the_next_file_is_scanned)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER ENDLESS);
	b.job.limits.file_s = 0;
	b.job.limits.grace_s = 1;
	int64_t begun = kan_boot_ns();
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_expect_lt(kan_boot_ns() - begun, 20LL * NS_PER_S);
	expect_gap(&b, 0, "/tmp/x", "timeout", "did not end in its time");
	cr_expect_eq(count(&b, "gap"), 1);
	expect(&b, "hit", 0, "file", "/tmp/y");
	bag_free(&b);
}

Test(yara, after_too_many_ends_the_rest_is_a_gap)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER ENDLESS);
	b.job.limits.file_s = 0;
	b.job.limits.grace_s = 1;
	b.job.limits.restarts = 0;
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	expect_gap(&b, 1, "all that follows", "limit", "started again too often");
	cr_expect_eq(count(&b, "hit"), 0);
	bag_free(&b);
}

Test(yara, the_time_of_all_scans_has_an_end)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER ENDLESS);
	b.job.limits.file_s = 0;
	b.job.limits.grace_s = 60;
	b.job.limits.total_s = 2;
	int64_t begun = kan_boot_ns();
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	cr_expect_lt(kan_boot_ns() - begun, 20LL * NS_PER_S);
	expect_gap(&b, 0, "/tmp/x", "timeout", "the time of all scans was up");
	bag_free(&b);
}

Test(yara, a_string_that_matches_everywhere_is_a_gap)
{
	struct bag b;
	kan_auto_free char *a = many('a', 1100000);
	one_file(&b, a, 1100000);
	rules(&b, MINER "rule Often { strings: $a = \"aaaa\" condition: #a > 2000000 }\n");
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	expect_gap(&b, 0, "/tmp/x", "limit", "$a matches too often");
	cr_expect_eq(count(&b, "hit"), 1);
	bag_free(&b);
}

#ifndef KAN_SANITIZED /* no limit of memory there: the shadow is larger than any */
Test(yara, matches_beyond_the_memory_of_the_child_are_a_gap_and_not_its_end)
{
	struct bag b;
	kan_auto_free char *a = many('a', 999000);
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	one_file(&b, a, 999000);
	kan_buf_adds(&text, MINER "rule Many { strings:\n");
	for (int i = 0; i < 24; i++)
		kan_buf_addf(&text, "$s%d = \"aaaa%.*s\"\n", i, i, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	kan_buf_adds(&text, "condition: all of them }\n");
	rules(&b, kan_buf_str(&text));
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	json_t *gap = row(&b, "gap", 0);
	cr_assert_not_null(gap, "%s", kan_buf_str(&b.out));
	cr_expect_str_eq(kan_json_str(gap, "what"), "/tmp/x");
	cr_expect(strstr(kan_json_str(gap, "why"), "memory") ||
			  strcmp(kan_json_str(gap, "code"), "crashed") == 0,
		  "%s", kan_json_str(gap, "why"));
	json_decref(gap);
	expect(&b, "hit", count(&b, "hit") - 1, "file", "/tmp/y");
	bag_free(&b);
}
#endif

/* --- hostile rules, files and bundles --- */

Test(yara, regular_expressions_that_explode_elsewhere_do_not_hang)
{
	static const char *const bad[] = {
		"/(a+)+b/",
		"/(a|aa)+$/",
		"/(a|a?)+b/",
		"/a.*a.*a.*a.*a.*a.*b/",
		"/((a{1,9}){1,9}){1,9}b/",
		"/(.*)*x{3,}$/",
	};
	kan_auto_free char *a = many('a', 200000);
	struct bag b;
	one_file(&b, a, 200000);
	b.job.limits.file_s = 2;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[256];
		(void)snprintf(text, sizeof text,
			       MINER "rule R { strings: $r = %s condition: $r }\n", bad[i]);
		rules(&b, text);
		int64_t begun = kan_boot_ns();
		int rc = scan(&b);
		cr_expect_lt(kan_boot_ns() - begun, 40LL * NS_PER_S, "%s", bad[i]);
		if (rc < 0)
			cr_expect_eq(b.err.code, KAN_EUSAGE, "%s: %s", bad[i], b.err.text);
		else
			expect(&b, "hit", count(&b, "hit") - 1, "file", "/tmp/y");
	}
	bag_free(&b);
}

Test(yara, rules_that_are_nested_or_large_beyond_sense_are_refused_or_taken_and_never_hang)
{
	struct bag b;
	one_file(&b, "hello", 5);
	kan_auto_free char *open = many('(', 200000);
	kan_auto_buf struct kan_buf text = KAN_BUF(8 << 20);
	kan_buf_addf(&text, "rule A { condition: %s", open);
	rules(&b, kan_buf_str(&text));
	cr_expect_eq(scan(&b), -1);
	kan_buf_reset(&text);
	kan_buf_addf(&text, "rule A { strings: $a = /%s/ condition: $a }", open);
	rules(&b, kan_buf_str(&text));
	cr_expect_eq(scan(&b), -1);
	kan_buf_reset(&text);
	kan_buf_adds(&text, "rule A { strings:\n");
	for (int i = 0; i < 30000; i++)
		kan_buf_addf(&text, "$s%d = \"string number %d\"\n", i, i);
	kan_buf_adds(&text, "condition: any of them }\n");
	rules(&b, kan_buf_str(&text));
	if (scan(&b) < 0)
		cr_expect_eq(b.err.code, KAN_EUSAGE, "%s", b.err.text);
	bag_free(&b);
}

Test(yara, words_of_rules_and_names_of_files_that_are_no_text_stay_bytes)
{
	struct bag b;
	bag_begin(&b);
	tar_add(&b, "tmp/\xff\x1b[31m\n", "stratum+tcp", 11);
	bag_seal(&b);
	rules(&b, "rule A { meta: author = \"\\xff\\x1b[0m<script>\" "
		  "strings: $a = \"stratum\" condition: $a }\n");
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	json_t *hit = row(&b, "hit", 0);
	kan_auto_buf struct kan_buf file = KAN_BUF(4096), author = KAN_BUF(4096);
	cr_assert_eq(kan_json_bytes(&file, hit, "file", &b.err), 0);
	cr_expect_str_eq(kan_buf_str(&file), "/tmp/\xff\x1b[31m\n");
	cr_assert_eq(kan_json_bytes(&author, hit, "author", &b.err), 0);
	cr_expect_str_eq(kan_buf_str(&author), "\xff\x1b[0m<script>");
	json_decref(hit);
	bag_free(&b);
}

Test(yara, a_tar_that_breaks_off_is_a_gap_and_the_other_artefacts_are_scanned)
{
	struct bag b;
	char seal[65];
	bag_begin(&b);
	tar_add(&b, "tmp/a", "stratum+tcp", 11);
	tar_add(&b, "tmp/b", "hello", 5);
	cr_assert_eq(kan_tar_close(b.tar, &b.err), 0);
	put(&b, "filesystem", "upper.tar", (struct kan_bytes){b.upper.data, 1500});
	put(&b, "logs", "json-file/0.log", KAN_LIT("stratum+tcp\n"));
	cr_assert_eq(world_seal(&b.w, seal, NULL, &b.err), 0, "%s", b.err.text);
	world_crash(&b.w);
	b.job = (struct kan_yara_job){b.w.final, b.rules.path, kan_yara_defaults};
	rules(&b, MINER);
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	expect_gap(&b, 0, "data/filesystem/upper.tar", "malformed", "");
	expect(&b, "hit", count(&b, "hit") - 1, "what", "log");
	bag_free(&b);
}

Test(yara, bytes_that_are_not_what_was_sealed_are_not_scanned)
{
	struct bag b;
	one_file(&b, "hello", 5);
	rules(&b, MINER);
	world_shell(b.w.final, 0,
		    "f=data/filesystem/upper.tar; chmod u+w $f; sed -i s/hello/hullo/ $f");
	cr_assert_eq(scan(&b), -1);
	cr_assert_eq(b.err.code, KAN_ETAMPER, "%s", b.err.text);
	bag_free(&b);
}

/* --- in the analysis --- */

static json_t *analysed(struct bag *b)
{
	struct kan_bundle *bundle = NULL;
	struct kan_rules *shipped = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_bundle_open(&bundle, b->w.final, false, &b->err), 0, "%s", b->err.text);
	cr_assert_eq(kan_rules_shipped(&shipped, &b->err), 0);
	cr_assert_eq(kan_analyze_with(&doc, bundle, shipped, kan_buf_bytes(&b->out), &b->err), 0,
		     "%s", b->err.text);
	kan_rules_free(shipped);
	kan_bundle_free(bundle);
	return doc;
}

static const json_t *with(const json_t *list, const char *key, const char *value)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (strcmp(kan_json_str(v, key), value) == 0)
			return v;
	return NULL;
}

Test(yara, a_hit_is_a_finding_with_its_artefact_and_what_was_not_scanned_is_not_seen)
{
	struct bag b;
	one_file(&b, "0123456789012345678901234567890123456789", 40);
	rules(&b, MINER);
	b.job.limits.file_octets = 39;
	cr_assert_eq(scan(&b), 0, "%s", b.err.text);
	json_t *doc = analysed(&b);
	const json_t *f = with(json_object_get(doc, "findings"), "rule", "foreign-pack.yara");
	cr_assert_not_null(f);
	cr_expect_str_eq(kan_json_str(f, "severity"), "medium");
	cr_expect_str_eq(kan_json_str(f, "says"),
			 "/tmp/y matches the YARA rule Miner (author A. Mori; reference "
			 "https://example.org/m; license DRL 1.1)");
	const json_t *e = json_array_get(json_object_get(f, "evidence"), 0);
	cr_expect_str_eq(kan_json_str(e, "artefact"), "data/filesystem/upper.tar");
	cr_expect_eq(strlen(kan_json_str(e, "sha256")), 64);
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(f, "classes"), 0)),
			 "storage");
	const json_t *unseen = with(json_object_get(doc, "not_seen"), "collector", "yara");
	cr_assert_not_null(unseen);
	cr_expect_str_eq(kan_json_str(unseen, "what"), "/tmp/x");
	cr_expect_not_null(
		with(json_object_get(doc, "not_assessed"), "rule", "foreign-pack.yara-high"),
		"a file that was not scanned may hold what is grave");
	const json_t *yara = json_object_get(doc, "yara");
	cr_expect_eq(kan_json_int(yara, "hits"), 1);
	cr_expect_eq(kan_json_int(yara, "files"), 1);
	cr_expect_eq(kan_json_int(yara, "gaps"), 1);
	json_decref(doc);
	bag_free(&b);
}

Test(yara, who_did_not_ask_for_it_is_told_nothing_of_it)
{
	struct bag b;
	one_file(&b, "hello", 5);
	json_t *doc = analysed(&b);
	cr_expect_null(json_object_get(doc, "yara"));
	cr_expect_null(with(json_object_get(doc, "not_seen"), "collector", "yara"));
	cr_expect_null(with(json_object_get(doc, "not_assessed"), "rule", "foreign-pack.yara"));
	json_decref(doc);
	bag_free(&b);
}
