/* Each comparison of views: what contradicts, what is normal, and what cannot be assessed. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/analyze.h"
#include "base/file.h"

#define OURS "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1"
#define PROCESSES "data/processes/processes.ndjson"
#define CGROUP "data/processes/cgroup.ndjson"
#define FDS "data/processes/fds.ndjson"
#define SOCKETS "data/network/sockets.ndjson"
#define MOUNTS "data/mounts/mounts.ndjson"
#define CHANGES "data/filesystem/changes.ndjson"
#define LIST "data/engine-after/changes.json"
#define INSPECT "data/engine/inspect.json"
#define CONFIG "data/engine/config.v2.json"
#define HOST "data/engine/hostconfig.json"
#define LOGS "data/logs/files.ndjson"
#define INTEGRITY "data/image/integrity.ndjson"
#define IMAGE_INSPECT "data/engine/image-inspect.json"
#define CONTAINERS "data/engine/containers.json"
#define STORE "data/engine/store-containers.json"
#define STORE_VOLATILE "data/engine/store-volatile-containers.json"

static const char calm_process[] =
	"{\"pid\":10,\"nspid\":[10,1],\"starttime\":100,\"state\":\"S\",\"member_by\":[\"cgroup\","
	"\"scan\"],\"exe\":{\"link\":\"/bin/a\",\"deleted\":false,\"memfd\":false,\"path_now\":"
	"\"same\",\"sha256\":\"aa\"},\"frozen\":true}\n";
static const char calm_socket[] =
	"{\"netns\":\"9\",\"ino\":\"70\",\"family\":\"inet\",\"proto\":\"tcp\",\"state\":"
	"\"LISTEN\","
	"\"laddr\":\"0.0.0.0\",\"lport\":80,\"raddr\":\"0.0.0.0\",\"rport\":0,\"owners\":[[10,3]],"
	"\"source\":\"sock_diag\",\"frozen\":true}\n";
static const char calm_fd[] = "{\"pid\":10,\"fd\":3,\"link\":\"socket:[70]\",\"kind\":\"socket\","
			      "\"ino\":\"70\",\"frozen\":true}\n";
static const char calm_mounts[] =
	"{\"mntns\":\"5\",\"id\":20,\"parent\":1,\"point\":\"/\",\"class\":\"root\"}\n"
	"{\"mntns\":\"5\",\"id\":21,\"parent\":20,\"point\":\"/proc\",\"class\":\"pseudo\"}\n"
	"{\"mntns\":\"5\",\"id\":22,\"parent\":20,\"point\":\"/data\",\"class\":\"bind\","
	"\"host_path\":\"/srv/d\"}\n";
static const char calm_inspect[] =
	"{\"Id\":\"" OURS "\",\"State\":{\"Status\":\"running\"},\"HostConfig\":{\"NetworkMode\":"
	"\"bridge\"},\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/srv/d\",\"Destination\":"
	"\"/data\"}]}\n";

#define CLAIM(result) \
	"{\"about\":\"manifest\",\"rung\":2,\"result\":\"" result "\",\"claimed\":true," \
	"\"expected_digest\":\"sha256:" OURS "\"}\n"

static const char calm_config[] =
	"{\"ID\":\"" OURS
	"\",\"Name\":\"\",\"State\":{\"Running\":true},\"MountPoints\":{\"/data\":{"
	"\"Type\":\"bind\",\"Source\":\"/srv/d\",\"Relabel\":\"\"}}}\n";

static char dir[] = "/tmp/kanshiki-views-XXXXXX";
static json_t *doc;

static void put(const char *path, const char *text)
{
	char whole[256];
	struct kan_err err = {0};
	(void)snprintf(whole, sizeof whole, "%s/%s", dir, path);
	for (char *slash = strchr(whole + strlen(dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(whole, 0700);
		*slash = '/';
	}
	(void)unlink(whole);
	cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, kan_bytes_of(text), &err), 0, "%s",
		     err.text);
}

static int remove_at(const char *path)
{
	char whole[256];
	(void)snprintf(whole, sizeof whole, "%s/%s", dir, path);
	return unlink(whole);
}

/* What is there already, and one row more. */
static void more(const char *path, const char *calm, const char *row)
{
	char text[4096];
	(void)snprintf(text, sizeof text, "%s%s\n", calm, row);
	put(path, text);
}

static void before(void)
{
	cr_assert_not_null(mkdtemp(dir));
	put("capture.json", "{\"status\":\"complete\",\"collectors\":[],\"scope\":[]}\n");
	put(PROCESSES, calm_process);
	put(CGROUP, "{\"controllers\":\"\",\"path\":\"/\",\"procs\":[10],\"frozen\":true}\n");
	put(FDS, calm_fd);
	put(SOCKETS, calm_socket);
	put(MOUNTS, calm_mounts);
	put(INSPECT, calm_inspect);
	put(CONFIG, calm_config);
	put(HOST, "{\"NetworkMode\":\"default\",\"Binds\":null,\"Privileged\":false}\n");
	put(LOGS,
	    "{\"n\":0,\"dir\":\"json-file\",\"mtime_ns\":9000000000,\"ctime_ns\":9000000000}\n");
	put(CONTAINERS, "[{\"Id\":\"" OURS "\",\"HostConfig\":{\"NetworkMode\":\"bridge\"}}]\n");
	put(CHANGES, "{\"path\":\"/etc/x\",\"change\":\"added\",\"type\":\"file\"}\n");
	put(LIST, "[{\"Path\":\"/etc/x\",\"Kind\":1}]\n");
	put(INTEGRITY, CLAIM("verified"));
}

static int forget(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void clean(void)
{
	json_decref(doc);
	(void)nftw(dir, forget, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(contradictions, .init = before, .fini = clean);

static const json_t *compare(const char *id)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	size_t i = 0;
	json_t *c = NULL;
	json_decref(doc);
	doc = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, dir, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	json_array_foreach (json_object_get(doc, "contradictions"), i, c)
		if (strcmp(json_string_value(json_object_get(c, "id")), id) == 0)
			return c;
	cr_assert_fail("no comparison %s", id);
	return NULL;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void agrees(const char *id)
{
	const json_t *c = compare(id);
	cr_assert(json_is_true(json_object_get(c, "assessed")), "%s: %s", id,
		  json_dumps(c, JSON_SORT_KEYS));
	cr_assert_eq(number(c, "count"), 0, "%s: %s", id, json_dumps(c, JSON_SORT_KEYS));
	cr_assert_eq(json_array_size(json_object_get(c, "rows")), 0);
}

/* One contradiction, of this subject and row. */
static void contradicts(const char *id, const char *what, const char *artefact, int row)
{
	const json_t *c = compare(id), *one = json_array_get(json_object_get(c, "rows"), 0);
	cr_assert(json_is_true(json_object_get(c, "assessed")), "%s: %s", id,
		  json_dumps(c, JSON_SORT_KEYS));
	cr_assert_eq(number(c, "count"), 1, "%s: %s", id, json_dumps(c, JSON_SORT_KEYS));
	cr_assert_str_eq(json_string_value(json_object_get(one, "what")), what);
	cr_assert_str_eq(json_string_value(json_object_get(one, "artefact")), artefact);
	cr_assert_eq(number(one, "row"), row);
}

static void not_assessed(const char *id, const char *code)
{
	const json_t *c = compare(id);
	cr_assert(json_is_false(json_object_get(c, "assessed")), "%s", id);
	cr_assert_eq(number(c, "count"), 0);
	cr_assert_eq(json_array_size(json_object_get(c, "rows")), 0);
	cr_assert_str_eq(json_string_value(json_object_get(json_object_get(c, "missing"), "code")),
			 code);
}

static void gap(const char *collector, const char *what)
{
	char text[256];
	(void)snprintf(text, sizeof text,
		       "{\"collector\":\"%s\",\"what\":\"%s\",\"code\":\"denied\",\"why\":\"w\"}\n",
		       collector, what);
	put("gaps.ndjson", text);
}

static const char *const all[] = {"cgroup-scan",  "socket-unheld",  "socket-unlisted",
				  "exe-file",     "mounts-inspect", "engine-changes",
				  "engine-files", "log-times",      "image-digests"};

Test(contradictions, a_calm_container_agrees_with_itself)
{
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		agrees(all[i]);
}

/* The first is the record of a sealed capture; the others are the artefacts. */
Test(contradictions, unsealed_or_without_its_artefacts_nothing_is_assessed)
{
	static const char *const files[] = {"capture.json", PROCESSES, CGROUP,    FDS,
					    SOCKETS,        MOUNTS,    INSPECT,   CHANGES,
					    LIST,           LOGS,      INTEGRITY, CONTAINERS};
	char path[256];
	for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, files[k]);
		cr_assert_eq(unlink(path), 0);
		for (size_t i = 0; i < sizeof all / sizeof *all && (k == 0 || k == 11); i++)
			not_assessed(all[i], "absent");
		if (k == 0)
			put("capture.json", "{\"collectors\":[],\"scope\":[]}\n");
	}
}

Test(contradictions, a_gap_of_a_side_leaves_its_comparisons_open)
{
	static const char *const of[][3] = {{"processes", "members", "cgroup-scan"},
					    {"processes", "descriptors", "socket-unheld"},
					    {"processes", "10/fd", "socket-unlisted"},
					    {"network", "tcp", "socket-unheld"},
					    {"network", "unix of netns 9", "socket-unlisted"},
					    {"processes", "10/exe", "exe-file"},
					    {"mounts", "mountinfo-5.txt", "mounts-inspect"},
					    {"filesystem", "filesystem", "engine-changes"},
					    {"engine-after", "changes.json", "engine-changes"},
					    {"engine", "config.v2.json", "engine-files"},
					    {"engine", "inspect.json", "engine-files"},
					    {"logs", "json-file/0.log", "log-times"},
					    {"image", "integrity.ndjson", "image-digests"}};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		gap(of[i][0], of[i][1]);
		not_assessed(of[i][2], "denied");
	}
}

Test(contradictions, a_gap_about_something_else_leaves_nothing_open)
{
	static const char *const of[][3] = {{"processes", "10/environ", "cgroup-scan"},
					    {"processes", "kmsg.ndjson", "cgroup-scan"},
					    {"network", "hosts", "socket-unheld"},
					    {"network", "tc", "socket-unlisted"},
					    {"processes", "10/environ", "exe-file"},
					    {"mounts", "/data", "mounts-inspect"},
					    {"logs", "logs", "engine-changes"},
					    {"engine", "events.json", "engine-files"},
					    {"image", "/usr/bin/id", "image-digests"}};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		gap(of[i][0], of[i][1]);
		agrees(of[i][2]);
	}
}

Test(contradictions, a_process_that_no_cgroup_lists)
{
	more(PROCESSES, calm_process,
	     "{\"pid\":11,\"state\":\"S\",\"member_by\":[\"scan\"],\"frozen\":true}");
	contradicts("cgroup-scan", "11", PROCESSES, 2);
}

Test(contradictions, a_process_of_its_namespaces_outside_of_its_cgroup)
{
	more(PROCESSES, calm_process,
	     "{\"pid\":12,\"state\":\"S\",\"member_by\":[\"mntns\"],\"frozen\":true}");
	contradicts("cgroup-scan", "12", PROCESSES, 2);
}

Test(contradictions, a_pid_of_the_cgroup_that_the_scan_lacks_counts_once)
{
	put(CGROUP,
	    "{\"controllers\":\"cpu\",\"path\":\"/\",\"procs\":[10,99],\"frozen\":true}\n"
	    "{\"controllers\":\"pids\",\"path\":\"/\",\"procs\":[99,10],\"frozen\":true}\n");
	contradicts("cgroup-scan", "99", CGROUP, 1);
}

Test(contradictions, zombies_neighbours_and_pids_of_elsewhere_are_normal)
{
	put(CGROUP, "{\"controllers\":\"\",\"path\":\"/\",\"procs\":[10,0],\"frozen\":true}\n");
	more(PROCESSES, calm_process,
	     "{\"pid\":11,\"state\":\"Z\",\"member_by\":[\"scan\"],\"frozen\":true}\n"
	     "{\"pid\":12,\"state\":\"S\",\"member_by\":[],\"neighbour\":true,\"frozen\":true}");
	agrees("cgroup-scan");
}

Test(contradictions, a_cgroup_read_live_or_untold_is_not_assessed)
{
	put(CGROUP, "{\"controllers\":\"\",\"path\":\"/\",\"procs\":[],\"frozen\":false}\n");
	not_assessed("cgroup-scan", "live");
	put(CGROUP, "{\"controllers\":\"\",\"path\":\"/\",\"frozen\":true}\n");
	not_assessed("cgroup-scan", "unsupported");
}

#define SOCKET(ino, more) \
	"{\"netns\":\"9\",\"ino\":\"" ino "\",\"owners\":[],\"source\":\"sock_diag\"," more "}"
#define TCP "\"family\":\"inet\",\"proto\":\"tcp\",\"laddr\":\"0.0.0.0\",\"lport\":4444,"

Test(contradictions, a_socket_that_nobody_holds)
{
	more(SOCKETS, calm_socket,
	     SOCKET("71", TCP "\"raddr\":\"::\",\"state\":\"LISTEN\",\"frozen\":true"));
	contradicts("socket-unheld", "tcp LISTEN 0.0.0.0 4444 - :: 0", SOCKETS, 2);
	agrees("socket-unlisted"); /* its table has it */
}

Test(contradictions, sockets_that_nobody_can_hold_are_normal)
{
	more(SOCKETS, calm_socket,
	     SOCKET("0", TCP "\"state\":\"TIME_WAIT\",\"frozen\":true") "\n" SOCKET(
		     "0", TCP
		     "\"state\":\"SYN_RECV\",\"frozen\":true") "\n" SOCKET("72",
									   "\"family\":\"netlink\","
									   "\"portid\":0,"
									   "\"frozen\":true"));
	agrees("socket-unheld");
}

Test(contradictions, a_socket_read_live_says_nothing)
{
	more(SOCKETS, calm_socket, SOCKET("71", TCP "\"state\":\"LISTEN\",\"frozen\":false"));
	not_assessed("socket-unheld", "live");
	not_assessed("socket-unlisted", "live");
}

Test(contradictions, the_engines_resolver_is_normal_on_networks_that_users_made)
{
	static const char row[] =
		"{\"netns\":\"9\",\"ino\":\"71\",\"family\":\"inet\",\"proto\":"
		"\"udp\",\"laddr\":\"127.0.0.11\",\"lport\":41000,\"raddr\":\"0.0."
		"0.0\",\"rport\":0,\"owners\":[],\"source\":\"sock_diag\","
		"\"frozen\":true}";
	more(SOCKETS, calm_socket, row);
	contradicts("socket-unheld", "udp  127.0.0.11 41000 - 0.0.0.0 0", SOCKETS, 2);
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{\"NetworkMode\":\"shop_net\"}}\n");
	agrees("socket-unheld");
	/* Connected later: the mode stays what it was. */
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{\"NetworkMode\":\"bridge\"},"
		     "\"NetworkSettings\":{\"Networks\":{\"bridge\":{},\"shop_net\":{}}}}\n");
	agrees("socket-unheld");
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{\"NetworkMode\":\"bridge\"},"
		     "\"NetworkSettings\":{\"Networks\":{\"bridge\":{}}}}\n");
	contradicts("socket-unheld", "udp  127.0.0.11 41000 - 0.0.0.0 0", SOCKETS, 2);
}

Test(contradictions, sockets_of_a_shared_network_namespace_are_not_assessed)
{
	static const char *const modes[] = {"host", "container:abc"};
	char text[512];
	more(SOCKETS, calm_socket, SOCKET("71", TCP "\"state\":\"LISTEN\",\"frozen\":true"));
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof text,
			       "{\"Id\":\"" OURS "\",\"HostConfig\":{\"NetworkMode\":\"%s\"}}\n",
			       modes[i]);
		put(INSPECT, text);
		not_assessed("socket-unheld", "shared");
	}
	put(INSPECT, calm_inspect);
	put(CONTAINERS,
	    "[{\"Id\":\"guest\",\"HostConfig\":{\"NetworkMode\":\"container:" OURS "\"}}]\n");
	not_assessed("socket-unheld", "shared");
}

Test(contradictions, a_descriptor_of_a_socket_that_is_in_no_table)
{
	more(FDS, calm_fd,
	     "{\"pid\":10,\"fd\":4,\"kind\":\"socket\",\"ino\":\"80\",\"frozen\":true}");
	contradicts("socket-unlisted", "socket 80", FDS, 2);
	more(SOCKETS, calm_socket,
	     "{\"ino\":\"80\",\"family\":\"unix\",\"owners\":[[10,4]],\"source\":\"fd\","
	     "\"frozen\":true}");
	contradicts("socket-unlisted", "socket 80", FDS, 2);
}

Test(contradictions, sockets_that_are_in_no_table_before_they_are_bound_are_normal)
{
	more(FDS, calm_fd,
	     "{\"pid\":10,\"fd\":4,\"kind\":\"socket\",\"ino\":\"80\",\"frozen\":true}\n"
	     "{\"pid\":10,\"fd\":5,\"kind\":\"file\",\"ino\":\"81\",\"frozen\":true}");
	more(SOCKETS, calm_socket,
	     "{\"ino\":\"80\",\"family\":\"inet\",\"proto\":\"tcp\",\"owners\":[[10,4]],\"source\":"
	     "\"fd\",\"frozen\":true}");
	agrees("socket-unlisted");
	cr_assert_eq(number(compare("socket-unlisted"), "normal"), 1);
}

#define RUNS(pid, exe) \
	"{\"pid\":" pid ",\"nspid\":[" pid \
	",2],\"state\":\"S\",\"member_by\":[\"cgroup\",\"scan\"]," \
	"\"exe\":{\"link\":\"/bin/b\"," exe "},\"frozen\":true}"

Test(contradictions, running_bytes_that_are_not_those_of_their_path)
{
	static const char *const rows[] = {
		RUNS("13", "\"deleted\":true,\"memfd\":false,\"path_now\":\"absent\""),
		RUNS("13", "\"deleted\":true,\"memfd\":true"),
		RUNS("13", "\"deleted\":false,\"memfd\":false,\"path_now\":\"other\""),
		RUNS("13", "\"deleted\":false,\"memfd\":false,\"path_now\":\"absent\"")};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		more(PROCESSES, calm_process, rows[i]);
		contradicts("exe-file", "/bin/b", PROCESSES, 2);
	}
}

Test(contradictions, a_copied_up_file_with_other_bytes_than_those_that_run)
{
	static const char *const calm[] = {"\"sha256\":\"bb\",\"frozen\":true", "\"frozen\":true",
					   "\"sha256\":\"cc\",\"frozen\":false"};
	char change[256];
	more(PROCESSES, calm_process,
	     RUNS("13",
		  "\"deleted\":false,\"memfd\":false,\"path_now\":\"same\",\"sha256\":\"bb\""));
	put(CHANGES,
	    "{\"path\":\"/bin/b\",\"change\":\"changed\",\"sha256\":\"cc\",\"frozen\":true}\n");
	contradicts("exe-file", "/bin/b", PROCESSES, 2);
	for (size_t i = 0; i < sizeof calm / sizeof *calm; i++) {
		(void)snprintf(change, sizeof change,
			       "{\"path\":\"/bin/b\",\"change\":\"changed\",%s}\n", calm[i]);
		put(CHANGES, change);
		agrees("exe-file");
	}
}

Test(contradictions, what_runs_is_told_although_another_process_could_not_be_read)
{
	more(PROCESSES, calm_process,
	     "{\"pid\":13,\"exe\":{\"link\":\"/x\",\"deleted\":true},\"frozen\":false}");
	not_assessed("exe-file", "live");
	more(PROCESSES, calm_process, RUNS("13", "\"deleted\":true,\"memfd\":false"));
	gap("processes", "10/exe");
	contradicts("exe-file", "/bin/b", PROCESSES, 2);
}

#define MOUNT(id, parent, point, more) \
	"{\"mntns\":\"5\",\"id\":" id ",\"parent\":" parent ",\"point\":\"" point "\"" more "}"

Test(contradictions, a_mount_that_the_engine_does_not_know)
{
	static const char *const points[] = {"/mnt", "/proc/1", "/datax", "/dev/shm/x"};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		char row[256];
		(void)snprintf(row, sizeof row,
			       "{\"mntns\":\"5\",\"id\":30,\"parent\":20,\"point\":\"%s\"}",
			       points[i]);
		more(MOUNTS, calm_mounts, row);
		contradicts("mounts-inspect", points[i], MOUNTS, 4);
	}
}

Test(contradictions, a_second_mount_over_one_of_the_engines_is_not_the_engines)
{
	more(MOUNTS, calm_mounts,
	     MOUNT("30", "22", "/data", ",\"covers\":{\"what\":\"mount\",\"path\":\"/\"}"));
	contradicts("mounts-inspect", "/data", MOUNTS, 4);
	more(MOUNTS, calm_mounts,
	     MOUNT("30", "21", "/proc", ",\"covers\":{\"what\":\"mount\",\"path\":\"/\"}"));
	contradicts("mounts-inspect", "/proc", MOUNTS, 4);
}

Test(contradictions, mounts_that_every_container_has_or_a_bind_takes_along_are_normal)
{
	more(MOUNTS, calm_mounts,
	     MOUNT("30", "21", "/proc/kcore", "") "\n" MOUNT(
		     "31", "20", "/etc/hosts",
		     "") "\n" MOUNT("32", "22", "/data/disk",
				    "") "\n" MOUNT("33", "20", "/sys/fs/cgroup/pids",
						   "") "\n" MOUNT("34", "20", "/fast",
								  "") "\n" MOUNT("35", "21",
										 "/proc/own",
										 "") "\n"
										     "{\"mntns\":"
										     "\"6\",\"id\":"
										     "40,"
										     "\"parent\":"
										     "39,\"point\":"
										     "\"/"
										     "other-"
										     "namespace\""
										     "}");
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{\"Tmpfs\":{\"/fast\":\"\"},"
		     "\"MaskedPaths\":[\"/proc/own\"]},\"Mounts\":[{\"Type\":\"bind\",\"Source\":"
		     "\"/srv/d\",\"Destination\":\"/data\"}]}\n");
	agrees("mounts-inspect");
}

Test(contradictions, a_mount_of_the_engine_that_the_kernel_lacks)
{
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{},\"Mounts\":[{\"Type\":\"bind\","
		     "\"Source\":\"/srv/d\",\"Destination\":\"/data\"},{\"Type\":\"volume\","
		     "\"Source\":\"/v\",\"Destination\":\"/gone\"}]}\n");
	contradicts("mounts-inspect", "/gone", INSPECT, 0);
}

Test(contradictions, a_destination_behind_a_link_of_the_image_is_the_same_mount)
{
	more(MOUNTS, calm_mounts,
	     MOUNT("30", "20", "/run/docker.sock", "") "\n" MOUNT("31", "20", "/mnt/v",
								  ",\"host_path\":\"/srv/v\""));
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{},\"Mounts\":[{\"Type\":\"bind\","
		     "\"Source\":\"/srv/v\",\"Destination\":\"/link\"},{\"Type\":\"bind\","
		     "\"Source\":\"/var/run/docker.sock\",\"Destination\":"
		     "\"/var/run/docker.sock\"},{\"Type\":\"bind\",\"Source\":\"/srv/d\","
		     "\"Destination\":\"/data\"}]}\n");
	agrees("mounts-inspect");
}

Test(contradictions, a_tmpfs_behind_a_link_or_with_a_slash_at_its_end_is_the_engines)
{
	more(MOUNTS, calm_mounts, MOUNT("30", "20", "/run", "") "\n" MOUNT("31", "20", "/tmp", ""));
	put(INSPECT, "{\"Id\":\"" OURS "\",\"HostConfig\":{\"Tmpfs\":{\"/var/run\":\"\",\"/tmp/\":"
		     "\"\"}},\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/srv/d\","
		     "\"Destination\":\"/data\"}]}\n");
	agrees("mounts-inspect");
	/* Each is one mount, and no more. */
	more(MOUNTS, calm_mounts,
	     MOUNT("30", "20", "/run", "") "\n" MOUNT("31", "20", "/tmp",
						      "") "\n" MOUNT("32", "20", "/srv/tmp", ""));
	contradicts("mounts-inspect", "/srv/tmp", MOUNTS, 6);
}

Test(contradictions, a_change_that_the_engines_list_lacks)
{
	put(CHANGES, "{\"path\":\"/etc/x\",\"change\":\"added\",\"type\":\"file\"}\n"
		     "{\"path\":\"/bin/id\",\"change\":\"changed\",\"type\":\"file\"}\n"
		     "{\"path\":\"/bin\",\"change\":\"parent\",\"type\":\"dir\"}\n");
	contradicts("engine-changes", "/bin/id", CHANGES, 2);
}

Test(contradictions, what_only_the_engine_lists_may_be_younger_unless_it_stood_still)
{
	put(LIST, "[{\"Path\":\"/etc/x\",\"Kind\":1},{\"Path\":\"/tmp/new\",\"Kind\":1}]\n");
	agrees("engine-changes");
	cr_assert_eq(number(compare("engine-changes"), "normal"), 1);
	put(INSPECT, "{\"Id\":\"" OURS "\",\"State\":{\"Status\":\"exited\"}}\n");
	contradicts("engine-changes", "/tmp/new", LIST, 0);
}

Test(contradictions, beyond_the_examples_they_are_counted)
{
	char text[1024] = "[{\"Path\":\"/etc/x\",\"Kind\":1}";
	for (int i = 0; i < 25; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text),
			       ",{\"Path\":\"/a%d\",\"Kind\":1}", i);
	put(LIST, strcat(text, "]\n"));
	put(INSPECT, "{\"Id\":\"" OURS "\",\"State\":{\"Status\":\"paused\"}}\n");
	const json_t *c = compare("engine-changes");
	cr_assert_eq(number(c, "count"), 25);
	cr_assert_eq(json_array_size(json_object_get(c, "rows")), 20);
	cr_assert_eq(number(c, "left_out"), 5);
}

static void host_file(const char *text, const char *what, const char *other)
{
	put(HOST, text);
	contradicts("engine-files", what, HOST, 0);
	const json_t *row = json_array_get(json_object_get(compare("engine-files"), "rows"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(row, "other")), other);
}

Test(contradictions, a_setting_that_was_edited_on_disk)
{
	host_file("{\"NetworkMode\":\"bridge\",\"Privileged\":true}\n", "HostConfig.Privileged",
		  "its file: true");
	host_file("{\"NetworkMode\":\"bridge\",\"Binds\":[\"/:/h\"]}\n", "HostConfig.Binds",
		  "its file: 1 entries");
	host_file("{\"NetworkMode\":\"host\"}\n", "HostConfig.NetworkMode",
		  "its file: another value");
	host_file("{\"NetworkMode\":\"bridge\",\"PidMode\":\"host\"}\n", "HostConfig.PidMode",
		  "its file: another value");
	host_file("{\"NetworkMode\":\"bridge\",\"RestartPolicy\":{\"Name\":\"always\"}}\n",
		  "HostConfig.RestartPolicy", "its file: 1 keys");
}

Test(contradictions, a_mount_or_a_command_that_only_the_file_has)
{
	put(CONFIG,
	    "{\"ID\":\"" OURS "\",\"Path\":\"/bin/sh\",\"MountPoints\":{\"/data\":{\"Type\":"
	    "\"bind\",\"Source\":\"/srv/d\"}}}\n");
	contradicts("engine-files", "Path", CONFIG, 0);
	put(CONFIG, "{\"ID\":\"" OURS "\",\"MountPoints\":{\"/data\":{\"Type\":\"bind\",\"Source\":"
		    "\"/srv/d\"},\"/host\":{\"Type\":\"bind\",\"Source\":\"/\"}}}\n");
	contradicts("engine-files", "MountPoints /host", CONFIG, 0);
	put(CONFIG, "{\"ID\":\"" OURS "\",\"MountPoints\":{\"/data\":{\"Type\":\"bind\",\"Source\":"
		    "\"/\"}}}\n");
	contradicts("engine-files", "MountPoints /data", CONFIG, 0);
	put(CONFIG, "{\"ID\":\"" OURS "\"}\n");
	contradicts("engine-files", "MountPoints /data", CONFIG, 0);
}

Test(contradictions, absent_null_and_empty_are_the_same_and_so_is_the_source_of_a_volume)
{
	put(INSPECT,
	    "{\"Id\":\"" OURS "\",\"Args\":[],\"Config\":{\"Env\":null,\"Labels\":{},\"Tty\":"
	    "false,\"Healthcheck\":{\"Test\":[\"x\"],\"Retries\":0}},\"HostConfig\":{"
	    "\"NetworkMode\":\"bridge\",\"CapAdd\":null,\"Dns\":[]},\"Mounts\":[{\"Type\":"
	    "\"volume\",\"Name\":\"v\",\"Source\":\"/d/volumes/v/_data\",\"Destination\":"
	    "\"/data\",\"Driver\":\"local\",\"RW\":true}]}\n");
	put(CONFIG,
	    "{\"ID\":\"" OURS "\",\"Config\":{\"Env\":[],\"Healthcheck\":{\"Test\":[\"x\"]}},"
	    "\"MountPoints\":{\"/data\":{\"Type\":\"volume\",\"Name\":\"v\",\"Source\":\"\","
	    "\"Driver\":\"local\",\"RW\":true}}}\n");
	agrees("engine-files");
}

Test(contradictions, files_that_are_no_objects_are_not_compared)
{
	put(HOST, "[]\n");
	not_assessed("engine-files", "malformed");
	put(HOST, "{}\n");
	put(CONFIG, "7\n");
	not_assessed("engine-files", "malformed");
}

#define IN_STORE \
	"\"names\":[\"web\"],\"image\":\"" OURS \
	"\",\"metadata\":\"{\\\"image-name\\\":\\\"small:1\\\"}\""

Test(contradictions, podmans_answer_against_the_lists_of_its_storage)
{
	cr_assert_eq(remove_at(CONFIG) + remove_at(HOST), 0);
	put(INSPECT, "{\"Id\":\"" OURS "\",\"Name\":\"/web\",\"Image\":\"sha256:" OURS
		     "\",\"Config\":{\"Image\":\"small:1\"},\"State\":{}}\n");
	put(STORE, "[{\"id\":\"" OURS "\"," IN_STORE "}]\n");
	agrees("engine-files");
	const json_t *sides = json_object_get(compare("engine-files"), "sides");
	cr_expect_str_eq(json_string_value(json_array_get(sides, 1)), STORE);
	put(STORE, "[{\"id\":\"" OURS "\",\"image\":\"" OURS
		   "\",\"metadata\":\"{\\\"image-name\\\":\\\"small:1\\\"}\"}]\n");
	contradicts("engine-files", "Name", STORE, 0);
	put(STORE, "[{\"id\":\"" OURS "\"," IN_STORE "},{\"id\":\"" OURS "\"," IN_STORE "}]\n");
	contradicts("engine-files", "Id", STORE, 0);
	put(STORE, "[{\"id\":\"" OURS "\"},{\"id\":\"" OURS "\"}]\n");
	contradicts("engine-files", "Id", STORE, 0); /* and nothing that either says */
	put(STORE, "[]\n");
	contradicts("engine-files", "Id", STORE, 0);
	put(STORE_VOLATILE, "[{\"id\":\"" OURS "\"," IN_STORE "}]\n");
	agrees("engine-files");
	put(STORE, "[{\"id\":\"" OURS "\"," IN_STORE "}]\n");
	contradicts("engine-files", "Id", STORE, 0);
	put(STORE, "[\n");
	not_assessed("engine-files", "malformed");
}

Test(contradictions, of_a_dead_disk_no_entry_is_believed_that_has_a_second_in_either_list)
{
	static const char other[] = "[{\"id\":\"" OURS "\",\"names\":[\"db\"]}]\n";
	put("capture.json", "{\"status\":\"complete\",\"depth\":\"offline\",\"target\":{\"id\":"
			    "\"" OURS "\"},\"collectors\":[],\"scope\":[]}\n");
	cr_assert_eq(remove_at(CONFIG) + remove_at(HOST) + remove_at(INSPECT), 0);
	put(STORE, "[{\"id\":\"" OURS "\"," IN_STORE "}]\n");
	(void)compare("engine-files");
	const json_t *container = json_object_get(doc, "container");
	cr_assert_str_eq(json_string_value(json_object_get(container, "name")), "web");
	put(STORE_VOLATILE, other);
	(void)compare("engine-files");
	cr_expect_null(json_object_get(json_object_get(doc, "container"), "name"));
}

Test(contradictions, a_live_log_that_was_set_back)
{
	put(LOGS,
	    "{\"n\":0,\"dir\":\"json-file\",\"mtime_ns\":1000000000,\"ctime_ns\":9000000000}\n");
	contradicts("log-times", "json-file", LOGS, 1);
}

Test(contradictions, a_rotated_log_or_one_that_nobody_writes_has_no_such_times)
{
	put(LOGS,
	    "{\"n\":1,\"dir\":\"json-file\",\"mtime_ns\":1000000000,\"ctime_ns\":9000000000}\n");
	agrees("log-times");
	put(INSPECT, "{\"Id\":\"" OURS "\",\"State\":{\"Status\":\"exited\"}}\n");
	not_assessed("log-times", "not-applicable");
}

Test(contradictions, a_digest_that_the_engine_names_and_that_is_anothers)
{
	more(INTEGRITY, CLAIM("verified") CLAIM("not-done"),
	     "{\"about\":\"manifest\",\"rung\":2,\"result\":\"damaged\",\"claimed\":true,"
	     "\"expected_digest\":\"sha256:x\"}");
	contradicts("image-digests", "sha256:x", INTEGRITY, 3);
}

#define UNNAMED \
	"{\"about\":\"manifest\",\"rung\":2,\"result\":\"damaged\"," \
	"\"expected_digest\":\"sha256:x\"}\n"

Test(contradictions, a_digest_that_nobody_names_or_that_is_not_kept_is_not_assessed)
{
	put(IMAGE_INSPECT, "{\"RepoDigests\":[]}\n");
	put(INTEGRITY, UNNAMED);
	not_assessed("image-digests", "not-applicable");
	put(INTEGRITY, CLAIM("not-done"));
	not_assessed("image-digests", "unsupported");
}

/* As of a dead disk, and where only the engine can be asked. */
Test(contradictions, that_the_engine_names_no_digest_is_not_said_of_one_that_was_not_asked)
{
	put(INTEGRITY, UNNAMED);
	not_assessed("image-digests", "absent");
	put(IMAGE_INSPECT, "{\"RepoDigests\":[\"small@sha256:" OURS "\"]}\n");
	not_assessed("image-digests", "unsupported");
}
