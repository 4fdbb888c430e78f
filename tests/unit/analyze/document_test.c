/* The analysis document: the joins it rests on, its named caps, the same bytes for the same input.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/analyze.h"
#include "base/file.h"
#include "base/row.h"

#define FIXTURES TOP "/tests/fixtures/rules"

static json_t *analysis_of(const char *dir, const char *below)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, dir, below, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	return doc;
}

static json_t *hostile(void)
{
	return analysis_of(TOP "/tests/fixtures/report/hostile", NULL);
}

/* A folder that only has this one file, over the common base. */
static json_t *over_base(const char *path, struct kan_bytes content)
{
	struct kan_err err = {0};
	char dir[64] = "/tmp/kanshiki-doc-XXXXXX", whole[512];
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(whole, sizeof whole, "%s/%s", dir, path);
	for (char *slash = strchr(whole + strlen(dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		cr_assert_eq(mkdir(whole, 0700), 0);
		*slash = '/';
	}
	cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, content, &err), 0, "%s", err.text);
	return analysis_of(dir, FIXTURES "/base");
}

static const json_t *row_of(const json_t *doc, const char *section, const char *key,
			    json_int_t value)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, section), "rows"), i, row)
		if (json_integer_value(json_object_get(row, key)) == value)
			return row;
	return NULL;
}

static const json_t *change_of(const json_t *doc, const char *path)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "changes"), "rows"), i, row)
		if (strcmp(json_string_value(json_object_get(row, "path")), path) == 0)
			return row;
	return NULL;
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static bool seen(const json_t *doc, const char *section)
{
	return json_is_true(json_object_get(json_object_get(doc, section), "seen"));
}

Test(document, an_engine_that_lists_no_change_was_compared)
{
	json_t *doc = over_base("data/engine-after/changes.json", KAN_LIT("null\n"));
	const json_t *changes = json_object_get(doc, "changes");
	cr_assert(json_is_true(
		json_object_get(json_object_get(changes, "hidden_from_engine"), "compared")));
	json_decref(doc);
}

Test(document, no_rows_of_a_collector_that_was_cut_off_are_no_answer)
{
	static const char gap[] =
		"{\"collector\":\"filesystem\",\"what\":\"filesystem\",\"code\":\"crashed\","
		"\"why\":\"killed\"}\n";
	json_t *whole = analysis_of(FIXTURES "/base", NULL);
	json_t *cut = over_base("gaps.ndjson", kan_bytes_of(gap));
	cr_assert(seen(whole, "changes") && seen(whole, "processes"));
	cr_assert_not(seen(cut, "changes"));
	cr_assert(seen(cut, "processes"));
	json_decref(whole);
	json_decref(cut);
}

Test(document, the_ancestor_says_who_started_a_process)
{
	json_t *doc = hostile();
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4650), "ancestor"), "init");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4711), "ancestor"), "exec");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4712), "ancestor"), "orphan");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4720), "ancestor"), "exec");
	json_decref(doc);
	doc = analysis_of(FIXTURES "/exec-no-tty", FIXTURES "/base");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4711), "ancestor"), "healthcheck");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4712), "ancestor"), "exec");
	json_decref(doc);
}

#define PROC(pid, ppid, session) \
	"{\"pid\":" #pid ",\"ppid\":" #ppid ",\"session\":" #session \
	",\"argv\":[\"x\"],\"kthread\":false,\"state\":\"S\",\"uid\":[33,33,33,33]}\n"

/* 4801: of an exec's session. 4802: its session has no leader any more. 4803: rows that cannot be.
 */
Test(document, who_was_left_behind_in_a_session_comes_from_its_leader)
{
	json_t *doc =
		over_base("data/processes/processes.ndjson",
			  KAN_LIT(PROC(4650, 4600, 4650) PROC(4800, 4600, 4800)
					  PROC(4801, 4650, 4800) PROC(4802, 4650, 4790)
						  PROC(4803, 4650, 4804) PROC(4804, 4803, 4803)));
	cr_expect_str_eq(str(row_of(doc, "processes", "pid", 4800), "ancestor"), "exec");
	cr_expect_str_eq(str(row_of(doc, "processes", "pid", 4801), "ancestor"), "exec");
	cr_expect_str_eq(str(row_of(doc, "processes", "pid", 4802), "ancestor"), "orphan");
	cr_expect_str_eq(str(row_of(doc, "processes", "pid", 4803), "ancestor"), "orphan");
	json_decref(doc);
}

Test(document, the_origin_of_running_bytes_is_told_apart)
{
	json_t *doc = hostile();
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4650), "exe_origin"), "image");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4711), "exe_origin"), "gone");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4712), "exe_origin"), "memfd");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4713), "exe_origin"), "upper");
	json_decref(doc);
	doc = analysis_of(FIXTURES "/exe-foreign-shm", FIXTURES "/base");
	cr_assert_str_eq(str(row_of(doc, "processes", "pid", 4711), "exe_origin"), "tmpfs");
	json_decref(doc);
}

Test(document, how_a_change_came_about_follows_the_origin_inode)
{
	json_t *doc = hostile();
	cr_assert_str_eq(str(change_of(doc, "/usr/bin/id"), "how"), "edited");
	cr_assert_str_eq(str(change_of(doc, "/etc/passwd"), "how"), "replaced");
	cr_assert_str_eq(str(change_of(doc, "/usr/local/bin/.sshd"), "how"), "");
	json_decref(doc);
}

Test(document, a_renamed_file_names_where_it_came_from)
{
	json_t *doc =
		over_base("data/filesystem/changes.ndjson",
			  KAN_LIT("{\"path\":\"/usr/bin/"
				  ".id.real\",\"type\":\"file\",\"change\":\"added\",\"mode\":"
				  "\"0100755\",\"origin_ino\":\"262201\"}\n"));
	const json_t *row = change_of(doc, "/usr/bin/.id.real");
	cr_assert_str_eq(str(row, "how"), "renamed");
	cr_assert_str_eq(str(row, "from"), "/usr/bin/id");
	json_decref(doc);
}

#define BASELINE "data/image/baseline.ndjson"
#define CHANGES "data/filesystem/changes.ndjson"
#define LOWER(path, ino, more) \
	"{\"layer\":0,\"path\":\"" path "\",\"type\":\"file\",\"ino\":\"" ino "\"" more "}\n"
#define UPPER(path, change, more) \
	"{\"path\":\"" path "\",\"type\":\"file\",\"change\":\"" change "\"" more "}\n"
#define BELOW(nlink) ",\"below\":{\"layer\":0,\"type\":\"file\",\"nlink\":" nlink "}"

/* A folder with both sides. */
static json_t *both(const char *changes, const char *baseline)
{
	struct kan_err err = {0};
	char dir[64] = "/tmp/kanshiki-doc-XXXXXX", whole[512];
	const char *const files[][2] = {{CHANGES, changes}, {BASELINE, baseline}};
	cr_assert_not_null(mkdtemp(dir));
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(whole, sizeof whole, "%s/data", dir);
		(void)mkdir(whole, 0700);
		(void)snprintf(whole, sizeof whole, "%s/%.*s", dir,
			       (int)(strrchr(files[i][0], '/') - files[i][0]), files[i][0]);
		(void)mkdir(whole, 0700);
		(void)snprintf(whole, sizeof whole, "%s/%s", dir, files[i][0]);
		cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, kan_bytes_of(files[i][1]), &err),
			     0, "%s", err.text);
	}
	return analysis_of(dir, FIXTURES "/base");
}

Test(document, two_names_of_one_inode_do_not_make_a_rename_of_an_edit)
{
	json_t *doc = both(UPPER("/a", "changed", BELOW("1") ",\"nlink\":2,\"origin_ino\":\"9\"")
				   UPPER("/b", "added",
					 ",\"nlink\":2,\"origin_ino\":\"9\",\"hardlink_to\":\"a\""),
			   LOWER("/a", "9", ""));
	cr_assert_str_eq(str(change_of(doc, "/a"), "how"), "edited");
	cr_assert_str_eq(str(change_of(doc, "/b"), "how"), "linked");
	json_decref(doc);
}

Test(document, a_second_name_of_an_image_file_is_linked_and_not_renamed)
{
	json_t *doc = both(UPPER("/a", "added", ",\"nlink\":2,\"origin_ino\":\"9\"")
				   UPPER("/bin/x", "metadata",
					 BELOW("1") ",\"nlink\":2,\"origin_ino\":\"9\","
						    "\"hardlink_to\":\"/a\""),
			   LOWER("/bin/x", "9", ""));
	cr_assert_str_eq(str(change_of(doc, "/a"), "how"), "linked");
	cr_assert_str_eq(str(change_of(doc, "/a"), "from"), "");
	cr_assert_str_eq(str(change_of(doc, "/bin/x"), "how"), "edited");
	json_decref(doc);
}

Test(document, a_missing_origin_means_a_new_inode_only_where_origins_are_kept)
{
	const char *lower = LOWER("/a", "9", "");
	json_t *doc = both(UPPER("/a", "changed", BELOW("1")), lower);
	cr_assert_str_eq(str(change_of(doc, "/a"), "how"), "replaced");
	json_decref(doc);
	doc = both(UPPER("/a", "changed", BELOW("2")), lower);
	cr_assert_str_eq(str(change_of(doc, "/a"), "how"), "unknown");
	json_decref(doc);
	doc = both("{\"path\":\"/d\",\"type\":\"dir\",\"change\":\"parent\",\"below\":{\"layer\":0,"
		   "\"type\":\"dir\",\"nlink\":2}}\n" UPPER("/a", "changed", BELOW("1")),
		   lower);
	cr_assert_str_eq(str(change_of(doc, "/a"), "how"), "unknown",
			 "a directory that was copied up has no origin either");
	json_decref(doc);
}

Test(document, below_a_renamed_directory_the_image_has_it_at_the_old_path)
{
	char sha[65];
	(void)memset(sha, 'a', 64);
	sha[64] = '\0';
	json_t *doc =
		both(UPPER("/new/f", "changed",
			   ",\"origin_ino\":\"9\",\"below\":{\"layer\":0,\"path\":\"/old/f\","
			   "\"type\":\"file\",\"nlink\":1}"),
		     LOWER("/old/f", "9",
			   ",\"sha256\":"
			   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			   "\"") LOWER("/new/f", "8", ""));
	cr_assert_str_eq(str(change_of(doc, "/new/f"), "how"), "edited");
	cr_assert_str_eq(str(change_of(doc, "/new/f"), "below_sha256"), sha);
	json_decref(doc);
}

Test(document, a_redirected_directory_and_a_changed_type_say_how)
{
	json_t *doc =
		both("{\"path\":\"/x/new\",\"type\":\"dir\",\"change\":\"added\",\"redirect\":"
		     "\"old\"}\n{\"path\":\"/t\",\"type\":\"file\",\"change\":\"changed\","
		     "\"type_changed\":true,\"below\":{\"layer\":0,\"type\":\"dir\",\"nlink\":3}}"
		     "\n",
		     LOWER("/a", "9", ""));
	cr_assert_str_eq(str(change_of(doc, "/x/new"), "how"), "renamed");
	cr_assert_str_eq(str(change_of(doc, "/x/new"), "from"), "/x/old");
	cr_assert_str_eq(str(change_of(doc, "/t"), "how"), "replaced");
	json_decref(doc);
}

Test(document, the_images_digest_comes_from_the_baseline_of_the_same_layer_and_path)
{
#define SHA "\"sha256\":\"1111111111111111111111111111111111111111111111111111111111111111\""
	json_t *doc = both(UPPER("/a", "changed", BELOW("1")) UPPER("/b", "changed", BELOW("1"))
				   UPPER("/c", "deleted", BELOW("1")),
			   LOWER("/a", "9", "," SHA)
				   LOWER("/c", "8", "," SHA ",\"sha256_of\":\"extents\""));
	cr_assert_eq(str(change_of(doc, "/a"), "below_sha256")[63], '1');
	cr_assert_str_eq(str(change_of(doc, "/b"), "below_sha256"), "");
	cr_assert_str_eq(str(change_of(doc, "/c"), "below_sha256"), "");
	json_decref(doc);
}

Test(document, peers_have_the_scope_of_their_network)
{
	static const struct {
		const char *address, *scope;
	} cases[] = {{"198.51.100.7", "public"},
		     {"::ffff:198.51.100.7", "public"},
		     {"2001:db8::1", "public"},
		     {"127.0.0.1", "loopback"},
		     {"::1", "loopback"},
		     {"172.17.0.2", "self"},
		     {"172.17.0.1", "gateway"},
		     {"172.17.9.9", "neighbour"},
		     {"10.1.2.3", "private"},
		     {"169.254.1.1", "private"},
		     {"169.254.169.254", "metadata"},
		     {"fd12::1", "private"},
		     {"0.0.0.0", ""},
		     {"nonsense", ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		kan_auto_buf struct kan_buf row = KAN_BUF(4096);
		kan_buf_addf(&row,
			     "{\"family\":\"inet\",\"proto\":\"tcp\",\"state\":\"ESTABLISHED\","
			     "\"laddr\":\"172.17.0.2\","
			     "\"lport\":4000,\"raddr\":\"%s\",\"rport\":443,\"ino\":\"1\","
			     "\"owners\":[[4650,3]]}\n",
			     cases[i].address);
		json_t *doc = over_base("data/network/sockets.ndjson", kan_buf_bytes(&row));
		cr_expect_str_eq(str(row_of(doc, "sockets", "lport", 4000), "peer_scope"),
				 cases[i].scope, "%s", cases[i].address);
		json_decref(doc);
	}
}

Test(document, a_connection_to_a_listening_port_came_in)
{
	json_t *doc = hostile();
	cr_assert_str_eq(str(row_of(doc, "sockets", "lport", 41022), "sock_dir"), "out");
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "sockets"), "rows"), i, row)
		if (strcmp(str(row, "raddr"), "172.17.0.1") == 0)
			cr_assert_str_eq(str(row, "sock_dir"), "in");
	json_decref(doc);
}

Test(document, what_the_engine_overlooks_is_counted_and_named)
{
	json_t *doc = hostile();
	const json_t *hidden =
		json_object_get(json_object_get(doc, "changes"), "hidden_from_engine");
	cr_assert_eq(json_integer_value(json_object_get(hidden, "count")), 1);
	cr_assert_str_eq(str(json_array_get(json_object_get(hidden, "rows"), 0), "path"),
			 "/usr/bin/id");
	cr_assert(json_is_true(json_object_get(hidden, "compared")));
	json_decref(doc);
}

/* Without a word nothing is claimed; but what differs beside the content was changed. */
Test(document, a_file_whose_content_is_not_known_is_hidden_only_where_something_differs)
{
	static const char rows[] =
		"{\"path\":\"/"
		"known\",\"type\":\"file\",\"source\":\"upper\",\"differs\":[\"mode\"],"
		"\"below\":{\"layer\":0,\"type\":\"file\"}}\n"
		"{\"path\":\"/unknown\",\"type\":\"file\",\"source\":\"upper\",\"below\":{"
		"\"layer\":0,\"type\":\"file\"}}\n";
	json_t *doc = over_base("data/filesystem/changes.ndjson", kan_bytes_of(rows));
	const json_t *hidden =
		json_object_get(json_object_get(doc, "changes"), "hidden_from_engine");
	cr_expect_eq(json_integer_value(json_object_get(hidden, "count")), 1);
	cr_expect_str_eq(str(json_array_get(json_object_get(hidden, "rows"), 0), "path"), "/known");
	cr_expect_not_null(change_of(doc, "/unknown"));
	json_decref(doc);
}

Test(document, gaps_scope_and_the_event_window_are_not_seen)
{
	json_t *doc = hostile();
	static const char *const kinds[] = {"gap", "scope", "scope", "not-applicable", "window"};
	static const char *const whats[] = {"4720/<environ>", "/backup", "memory", "memory",
					    "engine events before 2026-11-22T05:23:10Z"};
	const json_t *list = json_object_get(doc, "not_seen");
	cr_assert_eq(json_array_size(list), 5);
	for (size_t i = 0; i < 5; i++) {
		cr_assert_str_eq(str(json_array_get(list, i), "kind"), kinds[i]);
		cr_assert_str_eq(str(json_array_get(list, i), "what"), whats[i]);
	}
	json_decref(doc);
}

/* Does an event like this, alone, reach back to the creation? */
static bool window_is_open(const char *action, const char *id)
{
	char event[256];
	size_t i = 0;
	json_t *v = NULL;
	bool open = false;
	(void)snprintf(event, sizeof event,
		       "{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\"},"
		       "\"timeNano\":1794546000120394871}\n",
		       action, id);
	json_t *doc = over_base("data/engine/events.json", kan_bytes_of(event));
	json_array_foreach (json_object_get(doc, "not_seen"), i, v)
		open |= strcmp(str(v, "kind"), "window") == 0;
	json_decref(doc);
	return open;
}

/* The engine tells of a creation a moment after the time that inspect has of it. */
Test(document, the_event_of_its_creation_closes_the_window)
{
	static const char mine[] =
		"3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1";
	cr_expect(!window_is_open("create", mine));
	cr_expect(window_is_open("create", "another"));
	cr_expect(window_is_open("start", mine));
}

Test(document, the_bytes_of_the_container_stay_bytes)
{
	json_t *doc = hostile();
	const json_t *row = row_of(doc, "processes", "pid", 4720);
	kan_auto_buf struct kan_buf raw = KAN_BUF(4096);
	struct kan_err err = {0};
	const char *b64 = json_string_value(json_array_get(json_object_get(row, "argv_b64"), 3));
	cr_assert_not_null(b64);
	cr_assert_eq(kan_base64_decode(&raw, kan_bytes_of(b64), &err), 0);
	cr_assert_eq(raw.len, 13);
	cr_assert_eq(memcmp(raw.data, "\xff\xfe|`rm -rf /`", 13), 0);
	json_decref(doc);
}

Test(document, ids_are_the_first_hex_of_rule_and_key)
{
	json_t *doc = hostile();
	size_t i = 0, n = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(doc, "findings"), i, f) {
		cr_assert_eq(json_integer_value(json_object_get(f, "n")), (json_int_t)i + 1);
		if (strcmp(str(f, "rule"), "exe.memfd") == 0)
			n += strcmp(str(f, "id"), "F-ff1234a3") == 0;
	}
	cr_assert_eq(n, 1);
	json_decref(doc);
}

Test(document, lists_stop_at_their_caps_and_say_what_they_left_out)
{
	kan_auto_buf struct kan_buf rows = KAN_BUF(8 << 20);
	for (int i = 0; i < 1500; i++)
		kan_buf_addf(&rows,
			     "{\"path\":\"/srv/"
			     "%d\",\"name\":\"%d\",\"type\":\"file\",\"change\":\"added\",\"mode\":"
			     "\"0104755\",\"uid\":0,\"size\":1}\n",
			     i, i);
	json_t *doc = over_base("data/filesystem/changes.ndjson", kan_buf_bytes(&rows));
	const json_t *changes = json_object_get(doc, "changes");
	cr_assert_eq(json_array_size(json_object_get(changes, "rows")), KAN_LIST_CHANGES);
	cr_assert_eq(json_integer_value(json_object_get(changes, "left_out")),
		     1500 - KAN_LIST_CHANGES);
	cr_assert_eq(json_array_size(json_object_get(doc, "findings")), KAN_RUN_FINDINGS);
	size_t i = 0;
	json_t *r = NULL;
	json_array_foreach (json_object_get(doc, "rules"), i, r)
		if (strcmp(str(r, "id"), "priv.setuid-new") == 0)
			cr_assert_eq(json_integer_value(json_object_get(r, "left_out")),
				     1500 - KAN_RUN_FINDINGS);
	json_decref(doc);
}

Test(document, the_same_input_gives_the_same_bytes)
{
	json_t *a = hostile();
	cr_assert_eq(setenv("TZ", "Asia/Tokyo", 1), 0);
	json_t *b = hostile();
	kan_auto_buf struct kan_buf x = KAN_BUF(8 << 20), y = KAN_BUF(8 << 20);
	struct kan_err err = {0};
	cr_assert_eq(kan_json_dump(&x, a, &err), 0);
	cr_assert_eq(kan_json_dump(&y, b, &err), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&x), kan_buf_bytes(&y)));
	json_decref(a);
	json_decref(b);
}

Test(document, the_page_of_rows_is_the_table)
{
	kan_auto_buf struct kan_buf made = KAN_BUF(1 << 20), page = KAN_BUF(1 << 20);
	struct kan_err err = {0};
	kan_rows_document(&made);
	if (getenv("KAN_GOLDEN_WRITE")) {
		FILE *f = fopen(TOP "/docs/rows.md", "w");
		cr_assert_not_null(f);
		cr_assert_eq(fwrite(made.data, 1, made.len, f), made.len);
		cr_assert_eq(fclose(f), 0);
	}
	cr_assert_eq(kan_read_file(&page, AT_FDCWD, TOP "/docs/rows.md", &err), 0, "%s", err.text);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&made), kan_buf_bytes(&page)),
		  "docs/rows.md is not the table of kinds.c");
}

static bool unassessed(const json_t *doc, const char *rule)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(doc, "not_assessed"), i, row)
		if (strcmp(str(row, "rule"), rule) == 0)
			return true;
	return false;
}

Test(document, a_search_that_nobody_asked_for_is_no_question_that_is_open)
{
	json_t *doc = over_base("data/memory/regions.ndjson", KAN_LIT(""));
	cr_assert(!unassessed(doc, "memory.indicator"));
	json_decref(doc);
	doc = over_base("data/memory/indicators.txt", KAN_LIT("evil.example\n"));
	cr_assert(unassessed(doc, "memory.indicator"), "asked for, and no rows of it");
	json_decref(doc);
	doc = over_base(
		"gaps.ndjson",
		KAN_LIT("{\"collector\":\"memory\",\"what\":\"memory\",\"code\":\"crashed\","
			"\"why\":\"ended by signal 9\"}\n"));
	cr_assert(unassessed(doc, "memory.indicator"), "it crashed before it could say");
	json_decref(doc);
}

Test(document, memory_around_a_hit_is_in_no_report)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(8 << 20);
	json_t *doc = analysis_of(FIXTURES "/memory-hit", FIXTURES "/base");
	cr_assert_eq(kan_json_dump(&text, doc, NULL), 0);
	cr_assert_not_null(strstr(kan_buf_str(&text), "memory.indicator"));
	cr_assert_not_null(strstr(kan_buf_str(&text), "0x000055d0c0e00000"));
	cr_assert_null(strstr(kan_buf_str(&text), "GET http"));
	json_decref(doc);
}
