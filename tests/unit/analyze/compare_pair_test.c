/* Two folders laid out like bundles, beside each other. */
#include "compare_folder.h"

#include "analyze/compare_pair.h"
#include "base/row.h"

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
				      "\"name\":\"trusted.overlay.origin\",\"value\":\"1\"}]")
				    DIR("/f", ",\"xattrs\":[{\"name\":\"user.overlay.overlay.x\","
					      "\"value\":\"1\"}]")
					    DIR("/g", ",\"label\":\"a\",\"xattrs\":[{\"name\":"
						      "\"security.SMACK64\",\"value\":\"a\"}]"));
	put(&b, CHANGES,
	    DIR("/a", ",\"xattrs\":[{\"name\":\"user.x\",\"value\":\"2\"},{\"name\":\"user.y\"}]")
		    DIR("/b", "") DIR("/c", ",\"opaque\":\"y\"")
			    DIR("/d", ",\"planted\":[\"user.overlay.opaque\"]") DIR(
				    "/e", ",\"xattrs\":[{\"name\":\"trusted.overlay.origin\","
					  "\"value\":\"2\"},{\"name\":\"user.x\",\"value\":\"1\"}]")
				    DIR("/f", ",\"xattrs\":[{\"name\":\"user.overlay.overlay.x\","
					      "\"value\":\"2\"}]")
					    DIR("/g", ",\"label\":\"b\",\"xattrs\":[{\"name\":"
						      "\"security.SMACK64\",\"value\":\"b\"}]"));
	cr_assert_eq(pair(&a, &b), 6, "%s", kan_buf_str(&told));
	says("files both /a xattrs=[{\"name\":\"user.x\",\"value\":\"1\"},{\"name\":\"user.y\"}]/"
	     "[{\"name\":\"user.x\",\"value\":\"2\"},{\"name\":\"user.y\"}]\n");
	says("files both /b acl_default=u::rwx/\n");
	says("files both /c opaque=/y\n");
	says("files both /d planted=/[\"user.overlay.opaque\"]\n");
	says("files both /f xattrs=[{\"name\":\"user.overlay.overlay.x\",\"value\":\"1\"}]/");
	says("files both /g label=a/b\n");
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

/* An inspect with two labels whose names are alike for so many characters. */
static void long_labels(const struct folder *f, const char *one, const char *two)
{
	kan_auto_buf struct kan_buf name = KAN_BUF(4096), text = KAN_BUF(16384);
	for (int i = 0; i < 2000; i++)
		kan_buf_addc(&name, 'n');
	kan_buf_addf(&text, "{\"Config\":{\"Labels\":{\"%s1\":\"%s\",\"%s2\":\"%s\"}}}",
		     kan_buf_str(&name), one, kan_buf_str(&name), two);
	put(f, "data/engine/inspect.json", kan_buf_str(&text));
}

Test(compare_pair, names_of_the_configuration_are_compared_to_their_end)
{
	struct folder a = folder(), b = folder();
	long_labels(&a, "x", "y");
	long_labels(&b, "y", "x");
	cr_assert_eq(pair(&a, &b), 2, "%s", kan_buf_str(&told));
	done(&a, &b);
}

Test(compare_pair, a_configuration_that_is_deeper_than_is_compared_is_a_gap)
{
	struct folder a = folder(), b = folder();
	struct kan_err err = {0};
	struct kan_pair p = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(1024);
	kan_buf_adds(&text, "{\"HostConfig\":");
	for (int i = 0; i < 30; i++)
		kan_buf_adds(&text, "{\"a\":");
	kan_buf_adds(&text, "1");
	for (int i = 0; i < 31; i++)
		kan_buf_addc(&text, '}');
	put(&a, "data/engine/inspect.json", "{\"HostConfig\":{}}");
	put(&b, "data/engine/inspect.json", kan_buf_str(&text));
	open_folder(&a);
	open_folder(&b);
	told = KAN_BUF(1 << 20);
	cr_assert_eq(kan_compare_pair(&p, a.side, b.side, note, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(p.n_gaps, 1);
	json_decref(p.gaps);
	done(&a, &b);
}

/* "k" so often on one side, and as many other names on the other. */
static char *variables(size_t n, bool same)
{
	kan_auto_buf struct kan_buf rows = KAN_BUF(64 << 20);
	for (size_t i = 0; i < n; i++)
		kan_buf_addf(&rows, "{\"pid\":%zu,\"name\":\"%s%zu\",\"value\":\"%zu\"}\n", i,
			     same ? "z" : "a", same ? 0 : i, i);
	return kan_xstrdup(kan_buf_str(&rows));
}

Test(compare_pair, one_variable_with_many_values_costs_no_more_than_as_many_variables,
     .timeout = 100)
{
	enum { MANY = 150000 };
	struct folder a = folder(), b = folder();
	const char *path = "data/processes/environ.ndjson";
	char *one = variables(MANY, true), *many = variables(MANY, false);
	put(&a, path, one);
	put(&b, path, many);
	cr_assert_eq(pair(&a, &b), MANY + 1U);
	free(one);
	free(many);
	done(&a, &b);
}
