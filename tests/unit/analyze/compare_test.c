/* Comparisons of folders laid out like bundles with their image. */
#include "compare_folder.h"

#include "base/row.h"

static struct kan_compared *with_image(struct folder *f, const char *changes, unsigned words)
{
	struct kan_err err = {0};
	struct kan_compared *c = NULL;
	put(f, CHANGES, changes);
	open_folder(f);
	cr_assert_eq(kan_compare_image(&c, f->side, words, &err), 0, "%s", err.text);
	return c;
}

static const struct kan_delta *delta(const struct kan_change_line *l, const char *what)
{
	for (size_t i = 0; i < l->n_deltas; i++)
		if (strcmp(l->deltas[i].what, what) == 0)
			return &l->deltas[i];
	return NULL;
}

static void path_is(const struct kan_compared *c, size_t i, const char *path)
{
	cr_assert_lt(i, c->n);
	cr_assert(kan_bytes_eq(c->lines[i].path, kan_bytes_of(path)), "%zu is %s", i,
		  (const char *)c->lines[i].path.p);
}

Test(compare, changes_stand_by_word_and_directory_whatever_their_order)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/b/z\",\"type\":\"file\",\"change\":\"changed\"}\n"
			   "{\"path\":\"/b\",\"type\":\"dir\",\"change\":\"parent\"}\n"
			   "{\"path\":\"/b/x/1\",\"type\":\"file\",\"change\":\"added\"}\n"
			   "{\"path\":\"/b/y\",\"type\":\"file\",\"change\":\"added\"}\n"
			   "{\"path\":\"/a/q\",\"type\":\"file\",\"change\":\"added\"}\n",
			   ~0U & ~(1U << kan_change_word("parent", 6)));
	cr_assert_eq(c->n, 4);
	path_is(c, 0, "/a/q");
	path_is(c, 1, "/b/y");
	path_is(c, 2, "/b/x/1");
	path_is(c, 3, "/b/z");
	cr_assert_eq(c->counts[kan_change_word("parent", 6)], 1);
	kan_compared_free(c);
	leave(&f);
}

Test(compare, only_what_differs_has_a_before_and_an_after)
{
	struct folder f = folder();
	struct kan_compared *c = with_image(
		&f,
		"{\"path\":\"/a\",\"type\":\"file\",\"change\":\"metadata\",\"mode\":\"0104755\","
		"\"uid\":0,\"gid\":0,\"size\":5,\"mtime_ns\":7000000000,\"capability\":{"
		"\"permitted\":[\"cap_net_raw\",\"cap_bpf\"],\"effective\":true,"
		"\"inheritable\":[]},\"acl\":\"u::rw-\",\"xattrs\":[{\"name\":\"user.x\","
		"\"value\":\"1\"},{\"name\":\"trusted.overlay.origin\",\"value\":\"\"}]," BELOW(
			"\"mode\":\"0100755\",\"uid\":0,\"gid\":0,\"size\":5,\"mtime_ns\":"
			"7000000000,\"acl\":\"u::rw-\"") "}\n",
		~0U);
	const struct kan_change_line *l = &c->lines[0];
	cr_assert_str_eq(delta(l, "mode")->before, "0755");
	cr_assert_str_eq(delta(l, "mode")->after, "4755");
	cr_assert_str_eq(delta(l, "size")->before, "5");
	cr_assert_str_eq(delta(l, "capability")->after, "cap_net_raw,cap_bpf+ep");
	cr_assert_null(delta(l, "capability")->before);
	cr_assert_str_eq(delta(l, "xattrs")->after, "user.x");
	cr_assert_null(delta(l, "mtime"));
	cr_assert_null(delta(l, "acl"));
	cr_assert_null(delta(l, "type"));
	kan_compared_free(c);
	leave(&f);
}

Test(compare, attributes_that_only_look_like_overlays_are_told_and_its_own_are_not)
{
	struct folder f = folder();
	struct kan_compared *c = with_image(
		&f,
		"{\"path\":\"/a\",\"type\":\"file\",\"change\":\"metadata\",\"differs\":["
		"\"xattrs\"],\"xattrs\":[{\"name\":\"trusted.overlay.overlay.opaque\"},{\"name\":"
		"\"trusted.overlay.origin\"},{\"name\":\"user.overlay.overlay.x\"},{\"name\":"
		"\"user.overlay.redirect\"}],\"below\":{\"type\":\"file\"}}\n",
		~0U);
	cr_assert_str_eq(delta(&c->lines[0], "xattrs")->after,
			 "trusted.overlay.overlay.opaque,user.overlay.overlay.x");
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_label_is_told_once_whichever_module_made_it)
{
#define LABEL(path, name) \
	"{\"path\":\"" path "\",\"type\":\"file\",\"change\":\"added\",\"label\":\"l\"," \
	"\"xattrs\":[{\"name\":\"" name "\",\"value\":\"l\"}]}\n"
	struct folder f = folder();
	struct kan_compared *c = with_image(
		&f,
		LABEL("/a", "security.selinux") LABEL("/b", "security.SMACK64")
			LABEL("/c", "security.apparmor") LABEL("/d", "security.SMACK64EXEC"),
		~0U);
	for (size_t i = 0; i < 3; i++) {
		cr_expect_str_eq(delta(&c->lines[i], "label")->after, "l");
		cr_expect_null(delta(&c->lines[i], "xattrs"), "%zu", i);
	}
	cr_expect_str_eq(delta(&c->lines[3], "xattrs")->after, "security.SMACK64EXEC");
	kan_compared_free(c);
	leave(&f);
}

/* The label of a row is one module's. */
Test(compare, a_label_beside_that_of_the_module_in_force_is_an_attribute)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/"
			   "a\",\"type\":\"file\",\"change\":\"added\",\"label\":\"l\",\"xattrs\":["
			   "{\"name\":\"security.SMACK64\"},{\"name\":\"security.selinux\"}]}\n",
			   ~0U);
	cr_expect_str_eq(delta(&c->lines[0], "xattrs")->after, "security.SMACK64");
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_fact_that_is_long_or_has_no_words_of_its_own_is_told_all_the_same)
{
	struct folder f = folder();
	kan_auto_buf struct kan_buf row = KAN_BUF(64 << 10), at = KAN_BUF(16 << 10);
	for (int i = 0; i < 9000; i++)
		kan_buf_addc(&at, 'x');
	kan_buf_addf(
		&row,
		"{\"path\":\"/a\",\"type\":\"file\",\"change\":\"metadata\",\"differs\":["
		"\"xattrs\",\"acl\"],\"label\":\"%s\",\"ima\":\"digest\",\"xattrs\":[{\"name\":"
		"\"security.ima\",\"value\":\"1\"}],\"below\":{\"type\":\"file\",\"ima\":"
		"\"digest\",\"xattrs\":[{\"name\":\"security.ima\",\"value\":\"2\"}]}}\n",
		kan_buf_str(&at));
	struct kan_compared *c = with_image(&f, kan_buf_str(&row), ~0U);
	const struct kan_change_line *l = &c->lines[0];
	cr_assert_not_null(strstr(delta(l, "label")->after, "9000 bytes, SHA-256 "));
	cr_assert_str_eq(delta(l, "xattrs")->after, "security.ima=");
	cr_assert_str_eq(delta(l, "acl")->after, "another");
	cr_assert_null(delta(l, "mtime"));
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_word_that_is_not_known_and_storage_without_layers_are_gaps)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"bent\"}\n"
			   "{\"path\":\"/b\",\"type\":\"file\",\"source\":\"merged\"}\n",
			   ~0U);
	cr_assert_eq(c->strange, 1);
	cr_assert_eq(c->n_gaps, 2);
	cr_assert_eq(c->merged, 1);
	cr_assert_str_eq(kan_json_str(json_array_get(c->gaps, 0), "code"), "unsupported");
	cr_assert_str_eq(kan_json_str(json_array_get(c->gaps, 1), "code"), "malformed");
	kan_compared_free(c);
	leave(&f);
}

Test(compare, an_export_without_the_engines_list_is_not_compared_and_no_row_of_it_is_strange)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/a\",\"type\":\"file\",\"source\":\"export\"}\n"
			   "{\"path\":\"/b\",\"type\":\"file\",\"source\":\"export\"}\n"
			   "{\"path\":\"/c\",\"type\":\"file\",\"change\":\"added\",\"source\":"
			   "\"export\"}\n",
			   ~0U);
	cr_assert_eq(c->exported, 2);
	cr_assert_eq(c->strange, 0);
	cr_assert_eq(c->counts[kan_change_word("added", 5)], 1);
	cr_assert_eq(c->n_gaps, 1);
	const json_t *gap = json_array_get(c->gaps, 0);
	cr_assert_str_eq(kan_json_str(gap, "code"), "unsupported");
	cr_assert_not_null(strstr(kan_json_str(gap, "why"), "an export"));
	kan_compared_free(c);
	leave(&f);
}

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SENT(layer, path, more) \
	"{\"layer\":" layer ",\"path\":\"" path "\",\"source\":\"stream\"," more "}\n"
#define FILE_OF(sha, mode) \
	"\"type\":\"file\",\"mode\":\"" mode "\",\"uid\":0,\"gid\":0,\"size\":3," \
	"\"mtime_ns\":7000000000,\"sha256\":\"" sha "\""
#define EXPORTED(path, change, more) \
	"{\"path\":\"" path "\",\"change\":\"" change "\",\"source\":\"export\"," more "}\n"

static int keep_row(const struct kan_view *v, void *arg, struct kan_err *err)
{
	(void)err;
	json_t *row = kan_compare_row(v);
	json_object_set(arg, kan_json_str(row, "path"), json_object_get(row, "below"));
	json_decref(row);
	return 0;
}

/* Layer 1 has /a anew and takes /b away; of /c nothing is known. */
Test(compare, an_export_stands_beside_what_the_uppermost_layer_of_the_stream_has)
{
	struct folder f = folder();
	json_t *below = json_object();
	struct kan_err err = {0};
	struct kan_compared *again = NULL;
	put(&f, "data/image/baseline.ndjson",
	    SENT("0", "/a", FILE_OF(SHA_B, "0100600")) SENT("0", "/b", FILE_OF(SHA_B, "0100600"))
		    SENT("0", "/d", FILE_OF(SHA_B, "0100600"))
			    SENT("1", "/a", FILE_OF(SHA_A, "0100755"))
				    SENT("1", "/b", "\"type\":\"chr\",\"rdev\":\"0:0\""));
	struct kan_compared *c = with_image(
		&f,
		EXPORTED("/a", "changed",
			 "\"type\":\"file\",\"mode\":\"0104755\",\"uid\":0,\"gid\":0,\"size\":3,"
			 "\"mtime_ns\":7500000000,\"sha256\":\"" SHA_A "\"")
			EXPORTED("/b", "changed", "\"type\":\"file\",\"mode\":\"0100600\"")
				EXPORTED("/c", "changed", "\"type\":\"file\"")
					EXPORTED("/d", "deleted", "\"type\":\"unknown\""),
		~0U);
	cr_assert_eq(c->n, 4);
	path_is(c, 0, "/a");
	cr_assert_str_eq(delta(&c->lines[0], "mode")->before, "0755");
	cr_assert_str_eq(delta(&c->lines[0], "mode")->after, "4755");
	cr_assert_str_eq(delta(&c->lines[0], "content")->after, "the same");
	cr_assert_null(delta(&c->lines[0], "mtime"), "the header has whole seconds");
	cr_assert_null(delta(&c->lines[1], "content"));
	const struct kan_compare_ask ask = {.words = ~0U, .fn = keep_row, .arg = below};
	cr_assert_eq(kan_compare_image_rows(&again, f.side, &ask, &err), 0, "%s", err.text);
	const json_t *a = json_object_get(below, "/a"), *d = json_object_get(below, "/d");
	cr_assert_eq(json_integer_value(json_object_get(a, "layer")), 1);
	cr_assert_str_eq(kan_json_str(a, "sha256"), SHA_A);
	cr_assert_str_eq(kan_json_str(d, "sha256"), SHA_B);
	cr_assert_null(json_object_get(below, "/b"));
	cr_assert_null(json_object_get(below, "/c"));
	json_decref(below);
	kan_compared_free(again);
	kan_compared_free(c);
	leave(&f);
}

Test(compare, files_whose_content_was_not_read_are_a_gap_and_no_row_of_them_is_strange)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/a\",\"type\":\"file\",\"source\":\"upper\"," BELOW(
				   "\"size\":5") "}\n"
						 "{\"path\":\"/b\",\"type\":\"file\",\"change\":"
						 "\"added\",\"source\":\"upper\"}\n",
			   ~0U);
	cr_assert_eq(c->unread, 1);
	cr_assert_eq(c->strange, 0);
	cr_assert_eq(c->n, 1);
	cr_assert_eq(c->n_gaps, 1);
	const json_t *gap = json_array_get(c->gaps, 0);
	cr_assert_not_null(strstr(kan_json_str(gap, "why"), "not read on both sides"));
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_gap_behind_very_many_of_another_collector_counts_and_very_many_are_one)
{
	struct folder f = folder();
	kan_auto_buf struct kan_buf gaps = KAN_BUF(4 << 20);
	for (int i = 0; i < KAN_COVER_GAPS + 5; i++)
		kan_buf_addf(&gaps,
			     "{\"collector\":\"memory\",\"what\":\"%d\",\"code\":\"denied\","
			     "\"why\":\"w\"}\n",
			     i);
	kan_buf_adds(&gaps, "{\"collector\":\"filesystem\",\"what\":\"/x\",\"code\":\"changed\","
			    "\"why\":\"w\"}\n");
	put(&f, "gaps.ndjson", kan_buf_str(&gaps));
	struct kan_compared *c =
		with_image(&f, "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"added\"}\n", ~0U);
	cr_assert_eq(c->n_gaps, 1);
	cr_assert(kan_cover_gaps(f.side->cover, "memory"));
	cr_assert_eq(kan_cover_of(f.side->cover, f.source, "memory", "data/memory/hits.ndjson"),
		     KAN_COVER_NONE);
	cr_assert_eq(json_array_size(f.side->cover->gaps), KAN_COVER_GAPS + 2);
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_time_that_differs_by_less_than_a_second_is_told_with_its_fraction)
{
	struct folder f = folder();
	struct kan_compared *c =
		with_image(&f,
			   "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"metadata\","
			   "\"mtime_ns\":7000000002," BELOW("\"mtime_ns\":7000000001") "}\n",
			   ~0U);
	cr_assert_str_eq(delta(&c->lines[0], "mtime")->before, "1970-01-01T00:00:07.000000001Z");
	cr_assert_str_eq(delta(&c->lines[0], "mtime")->after, "1970-01-01T00:00:07.000000002Z");
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_row_as_json_has_the_joined_columns_in_their_place)
{
	json_t *row = json_loads("{\"path\":\"/a\",\"change\":\"changed\"," BELOW("\"size\":1") "}",
				 0, NULL);
	json_t *extra = json_pack("{s:s,s:s,s:b,s:s,s:n}", "how", "edited", "below.sha256", "ab",
				  "file.hidden_from_engine", 1, "package.name", "coreutils",
				  "package_verdict");
	const struct kan_view v = {kan_kind_find("change"), row, extra, 3};
	json_t *made = kan_compare_row(&v);
	char *text = json_dumps(made, JSON_SORT_KEYS | JSON_COMPACT);
	cr_assert_str_eq(text,
			 "{\"below\":{\"layer\":0,\"sha256\":\"ab\",\"size\":1,\"type\":"
			 "\"file\"},\"change\":\"changed\",\"hidden_from_engine\":true,"
			 "\"how\":\"edited\",\"package\":\"coreutils\",\"path\":\"/a\",\"row\":3}");
	cr_assert_null(json_object_get(json_object_get(row, "below"), "sha256"));
	free(text);
	json_decref(made);
	json_decref(row);
	json_decref(extra);
}

Test(compare, a_gap_of_the_layer_is_counted_and_one_of_another_collector_is_not)
{
	struct folder f = folder();
	put(&f, "gaps.ndjson",
	    "{\"collector\":\"filesystem\",\"what\":\"/x\",\"code\":\"changed\",\"why\":\"w\"}\n"
	    "{\"collector\":\"logs\",\"what\":\"logs\",\"code\":\"denied\",\"why\":\"w\"}\n");
	struct kan_compared *c =
		with_image(&f, "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"added\"}\n", ~0U);
	cr_assert_eq(c->n_gaps, 1);
	cr_assert_eq(json_array_size(c->gaps), 1);
	kan_compared_free(c);
	leave(&f);
}

#define LIST "data/engine-after/changes.json"
#define GONE(path, by) \
	"{\"path\":\"" path "\",\"type\":\"file\",\"change\":\"deleted\",\"deleted_by\":\"" by \
	"\"}\n"

Test(compare, only_a_deleted_directory_of_the_engines_list_stands_for_what_was_in_it)
{
	struct folder f = folder();
	put(&f, LIST,
	    " [ {\"Path\":\"/gone\",\"Kind\":2} ,{\"Path\":\"/d\",\"Kind\":0},\n"
	    "{\"Path\":\"/was}{\\\"dir\",\"Kind\":0}]\n");
	struct kan_compared *c = with_image(&f,
					    GONE("/gone/a", "whiteout") GONE("/d/b", "whiteout")
						    GONE("/was}{\\\"dir/c", "type"),
					    ~0U);
	cr_assert(c->know_engine);
	cr_assert_eq(c->n, 3);
	for (size_t i = 0; i < c->n; i++)
		cr_assert_eq(c->lines[i].hidden, kan_bytes_eq(c->lines[i].path, KAN_LIT("/d/b")),
			     "%s", (const char *)c->lines[i].path.p);
	kan_compared_free(c);
	leave(&f);
}

Test(compare, a_list_of_the_engines_that_is_none_is_a_gap)
{
	static const char *const broken[] = {"{}", "[{\"Path\":\"/a\"}", "[{\"Path\":\"/a\"},]",
					     "[{\"Path\":\"/a\"}]]", "[1]"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct folder f = folder();
		put(&f, LIST, broken[i]);
		struct kan_compared *c = with_image(&f, GONE("/x", "whiteout"), ~0U);
		cr_assert_not(c->know_engine, "%s", broken[i]);
		cr_assert_eq(c->n_gaps, 1, "%s", broken[i]);
		cr_assert_str_eq(kan_json_str(json_array_get(c->gaps, 0), "collector"),
				 "engine-after");
		kan_compared_free(c);
		leave(&f);
	}
}
