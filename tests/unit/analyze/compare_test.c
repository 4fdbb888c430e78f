/* Comparisons of folders laid out like bundles. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/compare_fleet.h"
#include "analyze/compare_pair.h"
#include "base/file.h"
#include "base/row.h"

#define BASE TOP "/tests/fixtures/rules/base"
#define CHANGES "data/filesystem/changes.ndjson"
#define BELOW(more) "\"below\":{\"layer\":0,\"type\":\"file\"," more "}"

struct folder {
	char dir[64];
	struct kan_source *source;
	struct kan_side *side;
};

static struct folder folder(void)
{
	struct folder f = {.dir = "/tmp/kanshiki-cmp-XXXXXX"};
	cr_assert_not_null(mkdtemp(f.dir));
	return f;
}

static void put(const struct folder *f, const char *path, const char *text)
{
	char whole[256];
	struct kan_err err = {0};
	(void)snprintf(whole, sizeof whole, "%s/%s", f->dir, path);
	for (char *slash = strchr(whole + strlen(f->dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(whole, 0700);
		*slash = '/';
	}
	cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, kan_bytes_of(text), &err), 0, "%s",
		     err.text);
}

static void open_over(struct folder *f, const char *base)
{
	struct kan_err err = {0};
	cr_assert_eq(kan_source_dir(&f->source, f->dir, base, &err), 0, "%s", err.text);
	cr_assert_eq(kan_side_open(&f->side, f->source, &err), 0, "%s", err.text);
}

static void open_folder(struct folder *f)
{
	open_over(f, BASE);
}

static void leave(struct folder *f)
{
	char command[128];
	kan_side_free(f->side);
	kan_source_free(f->source);
	(void)snprintf(command, sizeof command, "rm -r %s", f->dir);
	FILE *p = popen(command, "r");
	cr_assert_eq(pclose(p), 0);
}

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

static struct kan_buf told;

static void note(const struct kan_difference *d, void *arg)
{
	static const char *const sides[] = {"a", "b", "both"};
	(void)arg;
	kan_buf_addf(&told, "%s %s ", d->section, sides[d->where]);
	kan_buf_addb(&told, d->what);
	for (size_t i = 0; i < d->n_fields; i++)
		kan_buf_addf(&told, " %s=%.*s/%.*s", d->fields[i].name, (int)d->fields[i].a.n,
			     d->fields[i].a.p ? (const char *)d->fields[i].a.p : "",
			     (int)d->fields[i].b.n,
			     d->fields[i].b.p ? (const char *)d->fields[i].b.p : "");
	kan_buf_addc(&told, '\n');
}

static uint64_t pair(struct folder *a, struct folder *b)
{
	struct kan_err err = {0};
	struct kan_pair p = {0};
	open_folder(a);
	open_folder(b);
	told = KAN_BUF(1 << 20);
	cr_assert_eq(kan_compare_pair(&p, a->side, b->side, note, NULL, &err), 0, "%s", err.text);
	json_decref(p.gaps);
	cr_assert_eq(p.n_gaps, 0);
	return p.n;
}

static void done(struct folder *a, struct folder *b)
{
	kan_buf_free(&told);
	leave(a);
	leave(b);
}

static void says(const char *line)
{
	cr_assert_not_null(strstr(kan_buf_str(&told), line), "no \"%s\" in\n%s", line,
			   kan_buf_str(&told));
}

Test(compare_pair, the_order_of_rows_says_nothing)
{
	struct folder a = folder(), b = folder();
	put(&a, CHANGES,
	    "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"added\",\"ino\":\"1\"}\n"
	    "{\"path\":\"/b\",\"type\":\"file\",\"change\":\"added\"}\n");
	put(&b, CHANGES,
	    "{\"path\":\"/b\",\"type\":\"file\",\"change\":\"added\"}\n"
	    "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"added\",\"ino\":\"2\"}\n");
	cr_assert_eq(pair(&a, &b), 0, "%s", kan_buf_str(&told));
	done(&a, &b);
}

Test(compare_pair, files_of_one_side_and_files_that_differ_are_told_with_their_facts)
{
	struct folder a = folder(), b = folder();
	put(&a, CHANGES,
	    "{\"path\":\"/a\",\"type\":\"file\",\"change\":\"added\",\"size\":1}\n"
	    "{\"path\":\"/b\",\"type\":\"file\",\"change\":\"changed\",\"mode\":\"0100644\"}\n");
	put(&b, CHANGES,
	    "{\"path\":\"/b\",\"type\":\"file\",\"change\":\"changed\",\"mode\":\"0104755\"}\n"
	    "{\"path\":\"/c\",\"type\":\"file\",\"change\":\"added\"}\n");
	cr_assert_eq(pair(&a, &b), 3);
	says("files a /a change=added/ type=file/ size=1/\n");
	says("files both /b mode=0100644/0104755\n");
	says("files b /c ");
	done(&a, &b);
}

Test(compare_pair, a_process_is_its_bytes_and_its_words_and_not_its_pid)
{
	struct folder a = folder(), b = folder();
	const char *path = "data/processes/processes.ndjson";
	put(&a, path,
	    "{\"pid\":7,\"argv\":[\"sh\",\"-c\"],\"exe\":{\"link\":\"/bin/"
	    "sh\",\"sha256\":\"aa\"}}\n"
	    "{\"pid\":8,\"argv\":[\"x\"],\"exe\":{\"link\":\"/bin/x\",\"sha256\":\"bb\"}}\n");
	put(&b, path,
	    "{\"pid\":9,\"argv\":[\"sh\",\"-c\"],\"exe\":{\"link\":\"/bin/"
	    "sh\",\"sha256\":\"aa\"}}\n"
	    "{\"pid\":8,\"argv\":[\"x\"],\"exe\":{\"link\":\"/bin/x\",\"sha256\":\"cc\"}}\n"
	    "{\"pid\":6,\"argv\":[\"sh\",\"-c\"],\"exe\":{\"link\":\"/bin/"
	    "sh\",\"sha256\":\"aa\"}}\n");
	cr_assert_eq(pair(&a, &b), 3, "%s", kan_buf_str(&told));
	says("processes both sh -c count=1/2\n");
	says("processes a x exe=/bin/x/ sha256=bb/");
	says("processes b x exe=//bin/x sha256=/cc");
	done(&a, &b);
}

Test(compare_pair, of_a_variable_no_value_is_told)
{
	struct folder a = folder(), b = folder();
	const char *path = "data/processes/environ.ndjson";
	put(&a, path,
	    "{\"pid\":7,\"name\":\"TOKEN\",\"value\":\"hunter2\"}\n"
	    "{\"pid\":8,\"name\":\"SAME\",\"value\":\"x\"}\n");
	put(&b, path,
	    "{\"pid\":7,\"name\":\"TOKEN\",\"value\":\"hunter3\"}\n"
	    "{\"pid\":1,\"name\":\"SAME\",\"value\":\"x\"}\n"
	    "{\"pid\":2,\"name\":\"SAME\",\"value\":\"x\"}\n");
	cr_assert_eq(pair(&a, &b), 1, "%s", kan_buf_str(&told));
	says("environment both TOKEN\n");
	cr_assert_null(strstr(kan_buf_str(&told), "hunter"));
	done(&a, &b);
}

Test(compare_pair, listeners_and_peers_are_told_without_the_ports_that_nobody_chose)
{
	struct folder a = folder(), b = folder();
#define SOCKET(state, lport, raddr, rport) \
	"{\"family\":\"inet\",\"proto\":\"tcp\",\"state\":\"" state \
	"\",\"laddr\":\"10.0.0.2\",\"lport\":" lport ",\"raddr\":\"" raddr "\",\"rport\":" rport \
	"}\n"
	put(&a, "data/network/sockets.ndjson",
	    SOCKET("LISTEN", "80", "0.0.0.0", "0")
		    SOCKET("ESTABLISHED", "41000", "10.9.9.9", "443"));
	put(&b, "data/network/sockets.ndjson",
	    SOCKET("ESTABLISHED", "42000", "10.9.9.9", "443") SOCKET("LISTEN", "80", "0.0.0.0", "0")
		    SOCKET("LISTEN", "31337", "0.0.0.0", "0"));
	cr_assert_eq(pair(&a, &b), 1, "%s", kan_buf_str(&told));
	says("sockets b listens on tcp 10.0.0.2 port 31337\n");
	done(&a, &b);
}

Test(compare_pair, configuration_is_compared_by_its_dotted_names)
{
	struct folder a = folder(), b = folder();
	put(&a, "data/engine/inspect.json",
	    "{\"HostConfig\":{\"CapAdd\":[\"NET_RAW\"],\"Privileged\":false},\"Config\":{"
	    "\"Hostname\":\"a\",\"Env\":[\"A=1\"]},\"Mounts\":[{\"Destination\":\"/"
	    "d\",\"RW\":true}]}");
	put(&b, "data/engine/inspect.json",
	    "{\"HostConfig\":{\"CapAdd\":[\"NET_RAW\",\"SYS_ADMIN\"],\"Privileged\":true},"
	    "\"Config\":{\"Hostname\":\"b\",\"Env\":[\"A=2\"]},\"Mounts\":[{\"Destination\":\"/d\","
	    "\"RW\":false}]}");
	cr_assert_eq(pair(&a, &b), 4, "%s", kan_buf_str(&told));
	says("configuration both HostConfig.Privileged value=false/true\n");
	says("configuration both HostConfig.CapAdd value=NET_RAW/NET_RAW, SYS_ADMIN\n");
	says("configuration both Mounts[/d].RW value=true/false\n");
	says("configured environment both A\n");
	done(&a, &b);
}

Test(compare_pair, attributes_of_files_and_overlays_marks_are_compared_and_its_bookkeeping_is_not)
{
	struct folder a = folder(), b = folder();
#define DIR(path, more) "{\"path\":\"" path "\",\"type\":\"dir\",\"change\":\"metadata\"" more "}\n"
	put(&a, CHANGES,
	    DIR("/a", ",\"xattrs\":[{\"name\":\"user.x\",\"value\":\"1\"},{\"name\":\"user.y\"}]")
		    DIR("/b", ",\"acl_default\":\"u::rwx\"") DIR("/c", "") DIR("/d", "")
			    DIR("/e", ",\"xattrs\":[{\"name\":\"user.x\",\"value\":\"1\"},{"
				      "\"name\":\"trusted.overlay.origin\",\"value\":\"1\"}]"));
	put(&b, CHANGES,
	    DIR("/a", ",\"xattrs\":[{\"name\":\"user.x\",\"value\":\"2\"},{\"name\":\"user.y\"}]")
		    DIR("/b", "") DIR("/c", ",\"opaque\":\"y\"") DIR(
			    "/d", ",\"planted\":[\"user.overlay.opaque\"]")
			    DIR("/e", ",\"xattrs\":[{\"name\":\"trusted.overlay.origin\","
				      "\"value\":\"2\"},{\"name\":\"user.x\",\"value\":\"1\"}]"));
	cr_assert_eq(pair(&a, &b), 4, "%s", kan_buf_str(&told));
	says("files both /a xattrs=[{\"name\":\"user.x\",\"value\":\"1\"},{\"name\":\"user.y\"}]/"
	     "[{\"name\":\"user.x\",\"value\":\"2\"},{\"name\":\"user.y\"}]\n");
	says("files both /b acl_default=u::rwx/\n");
	says("files both /c opaque=/y\n");
	says("files both /d planted=/[\"user.overlay.opaque\"]\n");
	done(&a, &b);
}

Test(compare_pair, sockets_that_are_not_of_the_internet_are_compared)
{
	struct folder a = folder(), b = folder();
	put(&a, "data/network/sockets.ndjson", "{\"family\":\"netlink\"}\n");
	put(&b, "data/network/sockets.ndjson",
	    "{\"family\":\"packet\",\"type\":\"raw\",\"protocol\":3,\"filter\":\"28\"}\n"
	    "{\"family\":\"vsock\",\"state\":\"LISTEN\",\"laddr\":\"3\",\"lport\":99}\n"
	    "{\"family\":\"vsock\",\"state\":\"ESTABLISHED\",\"laddr\":\"3\",\"lport\":1025,"
	    "\"raddr\":\"2\",\"rport\":7}\n");
	cr_assert_eq(pair(&a, &b), 3, "%s", kan_buf_str(&told));
	says("sockets b packet socket, raw, protocol 3 filter=/28\n");
	says("sockets b listens on vsock 3 port 99\n");
	says("sockets b peer by vsock: 2 port 7\n");
	done(&a, &b);
}

Test(compare_pair, the_order_of_a_commands_words_is_a_difference_and_of_other_lists_is_none)
{
	struct folder a = folder(), b = folder();
	put(&a, "data/engine/inspect.json",
	    "{\"Args\":[\"-c\",\"-x\"],\"HostConfig\":{\"CapAdd\":[\"A\",\"B\"]},\"Config\":{"
	    "\"Cmd\":[\"a\",\"b\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"x\",\"y\"]}}}");
	put(&b, "data/engine/inspect.json",
	    "{\"Args\":[\"-x\",\"-c\"],\"HostConfig\":{\"CapAdd\":[\"B\",\"A\"]},\"Config\":{"
	    "\"Cmd\":[\"b\",\"a\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"y\",\"x\"]}}}");
	cr_assert_eq(pair(&a, &b), 3, "%s", kan_buf_str(&told));
	says("configuration both Args value=[\"-c\",\"-x\"]/[\"-x\",\"-c\"]\n");
	says("configuration both Config.Cmd value=[\"a\",\"b\"]/[\"b\",\"a\"]\n");
	says("configuration both Config.Healthcheck.Test ");
	done(&a, &b);
}

Test(compare_pair, a_side_that_lacks_a_section_is_a_gap_and_not_a_difference)
{
	struct folder a = folder(), b = folder();
	struct kan_err err = {0};
	struct kan_pair p = {0};
	put(&a, "gaps.ndjson",
	    "{\"collector\":\"processes\",\"what\":\"processes\",\"code\":\"crashed\",\"why\":"
	    "\"w\"}\n");
	put(&b, "data/processes/processes.ndjson",
	    "{\"pid\":7,\"argv\":[\"sh\"],\"exe\":{\"link\":\"/bin/sh\",\"sha256\":\"aa\"}}\n");
	open_over(&a, NULL);
	open_over(&b, NULL);
	told = KAN_BUF(1 << 20);
	cr_assert_eq(kan_compare_pair(&p, a.side, b.side, note, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(p.n, 0, "%s", kan_buf_str(&told));
	cr_assert_eq(json_array_size(p.gaps), p.n_gaps);
	cr_assert_str_eq(kan_json_str(json_array_get(p.gaps, 0), "side"), "a");
	cr_assert_str_eq(kan_json_str(json_array_get(p.gaps, 0), "collector"), "processes");
	cr_assert_str_eq(kan_json_str(json_array_get(p.gaps, 0), "code"), "crashed");
	json_decref(p.gaps);
	done(&a, &b);
}

Test(compare_fleet, an_image_is_named_by_its_reference_or_its_id)
{
	json_t *t = json_pack(
		"{s:s,s:s}", "image", "shop", "image_id",
		"sha256:53ce74db0ff4befd8e2784d56b804f4bdc640e7c7de6471c1109cfe5e9fbe1fd");
	cr_assert(kan_fleet_is_image(t, "shop"));
	cr_assert(kan_fleet_is_image(t, "shop:latest"));
	cr_assert(kan_fleet_is_image(t, "53ce74db0ff4"));
	cr_assert(kan_fleet_is_image(t, "sha256:53ce74db0ff4befd"));
	cr_assert_not(kan_fleet_is_image(t, "53ce74db0ff"), "too short to be sure");
	cr_assert_not(kan_fleet_is_image(t, "shop:2"));
	cr_assert_not(kan_fleet_is_image(t, "sho"));
	json_decref(t);
}

static struct kan_fleet_entry has(unsigned key, unsigned value, unsigned member)
{
	struct kan_fleet_entry e = {.member = member};
	e.key.v[0] = (uint8_t)key;
	e.value.v[0] = (uint8_t)value;
	return e;
}

static const struct kan_fleet_entry *judged(const struct kan_fleet_entry *e, size_t n, unsigned key,
					    unsigned member)
{
	for (size_t i = 0; i < n; i++)
		if (e[i].key.v[0] == key && e[i].member == member)
			return &e[i];
	cr_assert_fail("no entry");
	return NULL;
}

Test(compare_fleet, what_one_has_or_has_otherwise_stands_out_and_what_all_have_does_not)
{
	enum { MEMBERS = 4, N = 10 };
	struct kan_fleet_entry e[N] = {
		has(1, 7, 0), has(1, 7, 1), has(1, 7, 2), has(1, 7, 3), /* all, alike */
		has(2, 7, 0), has(2, 7, 1), has(2, 7, 2), has(2, 9, 3), /* all, one otherwise */
		has(3, 7, 2), has(4, 7, 1)};                            /* one alone */
	kan_fleet_judge(e, N, MEMBERS);
	for (unsigned m = 0; m < MEMBERS; m++) {
		cr_assert_eq(judged(e, N, 1, m)->why, KAN_FLEET_USUAL);
		cr_assert_eq(judged(e, N, 1, m)->others, 3);
		cr_assert_eq(judged(e, N, 2, m)->why, m == 3 ? KAN_FLEET_CONTENT : KAN_FLEET_USUAL);
	}
	cr_assert_eq(judged(e, N, 3, 2)->why, KAN_FLEET_ALONE);
	cr_assert_eq(judged(e, N, 4, 1)->others, 0);
}

Test(compare_fleet, a_log_that_is_another_in_each_container_does_not_stand_out)
{
	struct kan_fleet_entry e[] = {has(1, 1, 0), has(1, 2, 1), has(1, 3, 2), has(1, 4, 3)};
	kan_fleet_judge(e, 4, 4);
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(e[i].why, KAN_FLEET_USUAL);
}

Test(compare_fleet, of_many_containers_what_one_in_ten_has_is_rare)
{
	enum { MEMBERS = 40 };
	struct kan_fleet_entry e[] = {has(1, 1, 0), has(1, 1, 1), has(1, 1, 2),
				      has(1, 1, 3), has(2, 1, 0), has(2, 1, 1),
				      has(2, 1, 2), has(2, 1, 3), has(2, 1, 4)};
	kan_fleet_judge(e, 9, MEMBERS);
	cr_assert_eq(judged(e, 9, 1, 3)->why, KAN_FLEET_RARE);
	cr_assert_eq(judged(e, 9, 2, 3)->why, KAN_FLEET_USUAL);
}

Test(compare_fleet, one_container_alone_is_compared_with_nothing)
{
	struct kan_fleet_entry e[] = {has(1, 1, 0)};
	kan_fleet_judge(e, 1, 1);
	cr_assert_eq(e[0].why, KAN_FLEET_USUAL);
}
