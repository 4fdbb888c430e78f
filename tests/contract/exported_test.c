/* What the filesystem collector makes of an engine alone: its list of changes beside its export,
 * made by the test; whole, refused, cut, and lying. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replayed.h"

#define NAME "docker-20.10/running"

static const char list[] =
	"[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\":\"/etc/passwd\",\"Kind\":0},"
	"{\"Path\":\"/etc/link\",\"Kind\":1},{\"Path\":\"/opt\",\"Kind\":0},"
	"{\"Path\":\"/opt/x\\ufffd\",\"Kind\":1},{\"Path\":\"/opt/s\",\"Kind\":1},"
	"{\"Path\":\"/opt/dir\",\"Kind\":0},{\"Path\":\"/opt/tool\",\"Kind\":1},"
	"{\"Path\":\"/var/log/dpkg.log\",\"Kind\":2}]\n";

static const char tree[] =
	"import io, sys, tarfile\n"
	"t = tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT)\n"
	"def add(name, body=b'', **k):\n"
	"    i = tarfile.TarInfo(name)\n"
	"    i.size = len(body)\n"
	"    for key, value in k.items(): setattr(i, key, value)\n"
	"    t.addfile(i, io.BytesIO(body))\n"
	"add('etc/', type=b'5', mode=0o755)\n"
	"add('etc/group', b'of the image')\n"
	"add('etc/passwd', b'root', mode=0o4644, uid=7, gid=3000000, mtime=1700000000)\n"
	"add('etc/link', type=b'1', linkname='etc/passwd')\n"
	"add('opt/', type=b'5', mode=0o755)\n"
	"add('opt/dir/', type=b'5', mode=0o700)\n"
	"add('opt/s', type=b'2', linkname='/etc/passwd')\n"
	"add('opt/tool', b't', pax_headers={'SCHILY.xattr.security.capability': "
	"b'\\x01\\x00\\x00\\x02\\x00\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
	"\\x00\\x00\\x00\\x00'.decode('latin-1')})\n"
	"add('opt/x\\udcff', b'odd')\n";

/* The recorded engine with this list and an export made of tree and more. */
static struct replayed *engine(const char *changes, const char *more)
{
	struct kan_err err = {0};
	struct replayed *r = replayed_new(NAME);
	char script[160], command[800], path[256];
	(void)snprintf(script, sizeof(script), "%s/export.py", r->top);
	FILE *f = fopen(script, "we");
	cr_assert_not_null(f);
	(void)fprintf(f, "%s%st.close()\n", tree, more);
	cr_assert_eq(fclose(f), 0);
	(void)snprintf(path, sizeof(path), "%s/containers-%s-export", r->answers, r->id);
	(void)snprintf(command, sizeof(command), "python3 %s %s", script, path);
	cr_assert_eq(system(command), 0);
	replayed_put(r, "containers-ID-changes", changes);
	cr_assert_eq(replayed_open(r, &err), 0, "%s", err.text);
	return r;
}

static json_t *rows_of(const struct replayed *r)
{
	json_t *rows = json_object();
	struct kan_buf text = replayed_artefact(r, "changes.ndjson");
	char *save = NULL;
	(void)strtok_r((char *)text.data, "\n", &save); /* the header */
	for (char *line; (line = strtok_r(NULL, "\n", &save)) != NULL;) {
		json_t *row = json_loads(line, 0, NULL);
		cr_assert_not_null(row, "%s", line);
		const char *path = json_string_value(json_object_get(row, "path"));
		cr_assert_not_null(path, "%s", line);
		json_object_set_new(rows, path, row);
	}
	kan_buf_free(&text);
	return rows;
}

static const char *str(const json_t *rows, const char *path, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(rows, path), key));
	return s ? s : "";
}

static json_int_t num(const json_t *rows, const char *path, const char *key)
{
	const json_t *v = json_object_get(json_object_get(rows, path), key);
	return json_is_integer(v) ? json_integer_value(v) : -1;
}

static size_t gaps(const struct replayed *r, const char *what, enum kan_gap code)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->words[i].type == KAN_MSG_GAP && strcmp(r->words[i].what, what) == 0 &&
		     (enum kan_gap)r->words[i].code == code;
	return n;
}

/* Gaps that are no matter of the depth. */
static size_t other_gaps(const struct replayed *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->words[i].type == KAN_MSG_GAP && r->words[i].code != KAN_GAP_DENIED;
	return n;
}

static void words_are_the_engines(const json_t *rows)
{
	static const struct {
		const char *path, *change, *type;
	} expected[] = {{"/etc", "parent", "dir"},
			{"/etc/passwd", "changed", "file"},
			{"/etc/link", "added", "file"},
			{"/opt", "parent", "dir"},
			{"/opt/dir", "metadata", "dir"},
			{"/opt/s", "added", "symlink"},
			{"/opt/tool", "added", "file"},
			{"/opt/x\xef\xbf\xbd", "added", "file"},
			{"/var/log/dpkg.log", "deleted", "unknown"}};
	cr_expect_eq(json_object_size(rows), 9);
	for (size_t i = 0; i < 9; i++) {
		const char *path = expected[i].path;
		cr_expect_str_eq(str(rows, path, "change"), expected[i].change, "%s", path);
		cr_expect_str_eq(str(rows, path, "type"), expected[i].type, "%s", path);
		cr_expect_str_eq(str(rows, path, "source"), "export", "%s", path);
		cr_expect_null(json_object_get(json_object_get(rows, path), "ctime_ns"), "%s",
			       path);
	}
}

/* Digests as sha256sum has them. */
static const char of_root[] = "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2";

Test(exported, what_the_list_names_is_a_row_with_its_content_and_nothing_else_is)
{
	char command[600];
	struct replayed *r = engine(list, "");
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	json_t *rows = rows_of(r);
	words_are_the_engines(rows);
	cr_expect_str_eq(str(rows, "/etc/passwd", "mode"), "0104644");
	cr_expect_eq(num(rows, "/etc/passwd", "uid"), 7);
	cr_expect_eq(num(rows, "/etc/passwd", "gid"), 3000000);
	cr_expect_eq(num(rows, "/etc/passwd", "size"), 4);
	cr_expect_eq(num(rows, "/etc/passwd", "mtime_ns"), 1700000000000000000);
	cr_expect_str_eq(str(rows, "/etc/passwd", "sha256"), of_root);
	cr_expect_str_eq(str(rows, "/etc/passwd", "stored"), "upper.tar");
	cr_expect_str_eq(str(rows, "/etc/link", "sha256"), of_root);
	cr_expect_str_eq(str(rows, "/etc/link", "hardlink_to"), "/etc/passwd");
	cr_expect_eq(num(rows, "/etc/link", "size"), 4);
	cr_expect_str_eq(str(rows, "/opt/s", "link"), "/etc/passwd");
	cr_expect_str_eq(str(rows, "/opt/x\xef\xbf\xbd", "path_b64"), "L29wdC94/w==");
	const json_t *tool = json_object_get(rows, "/opt/tool");
	cr_expect_str_eq(
		json_string_value(json_array_get(
			json_object_get(json_object_get(tool, "capability"), "permitted"), 0)),
		"cap_net_bind_service");
	cr_expect_eq(other_gaps(r), 0);
	cr_expect_eq(gaps(r, "xattrs", KAN_GAP_DENIED), 1);
	cr_expect_eq(gaps(r, "ctime_ns", KAN_GAP_DENIED), 1);
	struct kan_buf raw = replayed_artefact(r, "engine-changes.json");
	cr_expect_str_eq(kan_buf_str(&raw), list);
	kan_buf_free(&raw);
	/* GNU tar's view of what was kept. */
	(void)snprintf(
		command, sizeof(command),
		"test \"$(tar -xOf %s/data/filesystem/upper.tar etc/passwd opt/tool)\" = roott && "
		"test \"$(tar -tf %s/data/filesystem/upper.tar | wc -l)\" = 8",
		r->bundle, r->bundle);
	cr_expect_eq(system(command), 0);
	json_decref(rows);
	replayed_free(r);
}

Test(exported, without_the_list_every_entry_is_a_row_and_none_has_a_word)
{
	struct replayed *r = engine("", "");
	replayed_put(r, "containers-ID-changes", "{\"message\":\"file name too long\"}\n");
	replayed_status(r, "containers-ID-changes", 500);
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	json_t *rows = rows_of(r), *row = NULL;
	const char *path = NULL;
	cr_expect_eq(json_object_size(rows), 9);
	json_object_foreach (rows, path, row)
		cr_expect_null(json_object_get(row, "change"), "%s", path);
	cr_expect_str_eq(str(rows, "/etc/group", "stored"), "upper.tar");
	cr_expect_eq(gaps(r, "engine-changes.json", KAN_GAP_UNSUPPORTED), 1);
	cr_expect_eq(gaps(r, "changes.ndjson", KAN_GAP_UNSUPPORTED), 1);
	json_decref(rows);
	replayed_free(r);
}

Test(exported, a_list_that_is_cut_keeps_its_words_and_says_nothing_of_the_others)
{
	struct replayed *r = engine("[{\"Path\":\"/etc/passwd\",\"Kind\":0},{\"Pa", "");
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	json_t *rows = rows_of(r);
	cr_expect_str_eq(str(rows, "/etc/passwd", "change"), "changed");
	cr_expect_str_eq(str(rows, "/etc/group", "change"), "");
	cr_expect_str_neq(str(rows, "/etc/group", "sha256"), "");
	cr_expect_eq(gaps(r, "engine-changes.json", KAN_GAP_MALFORMED), 1);
	json_decref(rows);
	replayed_free(r);
}

Test(exported, an_export_that_is_refused_or_cut_leaves_the_list_and_says_so)
{
	struct replayed *r = engine(list, "");
	replayed_put(r, "containers-ID-export", "{\"message\":\"no\"}");
	replayed_status(r, "containers-ID-export", 500);
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	json_t *rows = rows_of(r);
	cr_expect_eq(json_object_size(rows), 9);
	cr_expect_str_eq(str(rows, "/etc/passwd", "change"), "changed");
	cr_expect_str_eq(str(rows, "/etc/passwd", "type"), "unknown");
	cr_expect_eq(gaps(r, "export", KAN_GAP_UNSUPPORTED), 1);
	json_decref(rows);
	replayed_free(r);
	r = engine(list, "");
	replayed_cut(r, "containers-ID-export");
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	cr_expect_eq(gaps(r, "export", KAN_GAP_MALFORMED), 1);
	replayed_free(r);
}

Test(exported, lies_of_an_export_are_contradictions_and_no_name_leads_out)
{
	struct replayed *r = engine(list, "add('../../etc/shadow', b'x')\n"
					  "add('etc/passwd', b'other')\n"
					  "add('var/log/dpkg.log', b'here')\n"
					  "add('opt/dir/../../x', b'x')\n");
	r->target->state = KAN_STATE_EXITED; /* nothing moves */
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	cr_expect_eq(gaps(r, "/etc/passwd", KAN_GAP_CONTRADICTED), 1, "twice");
	cr_expect_eq(gaps(r, "/var/log/dpkg.log", KAN_GAP_CONTRADICTED), 1, "deleted, and there");
	cr_expect_eq(gaps(r, "export", KAN_GAP_CONTRADICTED), 1, "names that lead out");
	struct kan_buf text = replayed_artefact(r, "changes.ndjson");
	cr_expect_null(strstr(kan_buf_str(&text), ".."));
	cr_expect_null(strstr(kan_buf_str(&text), "shadow"));
	kan_buf_free(&text);
	replayed_free(r);
}

Test(exported, a_listed_entry_that_the_export_lacks_is_a_row_without_facts_and_one_gap)
{
	struct replayed *r = engine("[{\"Path\":\"/run/a.sock\",\"Kind\":1},"
				    "{\"Path\":\"/run/b.sock\",\"Kind\":1}]",
				    "");
	r->target->state = KAN_STATE_EXITED;
	cr_assert_eq(replayed_collect(r, "filesystem"), 0);
	json_t *rows = rows_of(r);
	cr_expect_eq(json_object_size(rows), 2);
	cr_expect_str_eq(str(rows, "/run/b.sock", "type"), "unknown");
	cr_expect_str_eq(str(rows, "/run/b.sock", "change"), "added");
	cr_expect_eq(gaps(r, "/run/a.sock", KAN_GAP_UNSUPPORTED), 1);
	cr_expect_eq(other_gaps(r), 1);
	json_decref(rows);
	replayed_free(r);
}
