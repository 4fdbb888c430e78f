/* The self-check: the same processes and connections as before, or what differs. */
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

#define HEADER(s, c) \
	"{\"schema\":\"kanshiki." s "/1\",\"bundle\":\"20260727t031244z-3f2a9c41d0be-7c1e\"," \
	"\"collector\":\"" c "\"}\n"
#define PROCESSES HEADER("processes.processes", "processes")
#define SOCKETS HEADER("network.sockets", "network")
#define MEMBERS HEADER("engine-after.members", "engine-after")
#define CONNECTIONS HEADER("engine-after.connections", "engine-after")
#define ESTABLISHED(ino) \
	"{\"netns\":\"4026532644\",\"ino\":\"" ino "\",\"family\":\"inet\",\"proto\":\"tcp\"," \
	"\"state\":\"ESTABLISHED\",\"laddr\":\"172.17.0.2\",\"lport\":41022," \
	"\"raddr\":\"198.51.100.7\",\"rport\":443,\"owners\":[],\"source\":\"sock_diag\"," \
	"\"frozen\":true}\n"
#define AGAIN(ino, port) \
	"{\"netns\":\"4026532644\",\"ino\":\"" ino "\",\"family\":\"inet\"," \
	"\"laddr\":\"172.17.0.2\",\"lport\":41022,\"raddr\":\"198.51.100.7\",\"rport\":" port \
	"}\n"

static char dir[] = "/tmp/kanshiki-after-XXXXXX";

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

static void before(void)
{
	cr_assert_not_null(mkdtemp(dir));
	put("capture.json", "{\"collectors\":[],\"scope\":[]}\n");
	put("data/processes/processes.ndjson",
	    PROCESSES "{\"pid\":10,\"starttime\":100}\n{\"pid\":11,\"starttime\":101}\n"
		      "{\"pid\":7,\"starttime\":70,\"neighbour\":true}\n");
	put("data/network/sockets.ndjson", SOCKETS ESTABLISHED("90211"));
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
	(void)nftw(dir, forget, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(after, .init = before, .fini = clean);

static json_t *check(void)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, dir, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	json_t *o = json_incref(json_object_get(json_object_get(doc, "record"), "self_check"));
	json_decref(doc);
	kan_source_free(s);
	kan_rules_free(r);
	cr_assert_not_null(o);
	return o;
}

static const char *says(const json_t *o)
{
	return json_string_value(json_object_get(o, "says"));
}

static json_int_t number(const json_t *o, const char *subject, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(o, subject), key));
}

Test(after, the_same_processes_and_connections_are_said_to_be_the_same)
{
	put("data/engine-after/members.ndjson",
	    MEMBERS "{\"pid\":11,\"starttime\":101,\"state\":\"S\"}\n"
		    "{\"pid\":10,\"starttime\":100,\"state\":\"R\"}\n");
	put("data/engine-after/connections.ndjson", CONNECTIONS AGAIN("90211", "443"));
	json_t *o = check();
	cr_assert_str_eq(says(o), "the same 2 processes and 1 connection");
	cr_assert_eq(number(o, "processes", "same"), 2);
	cr_assert_eq(number(o, "connections", "same"), 1);
	json_decref(o);
}

Test(after, what_is_gone_and_what_is_new_is_listed)
{
	put("data/engine-after/members.ndjson",
	    MEMBERS "{\"pid\":10,\"starttime\":100,\"state\":\"S\"}\n"
		    "{\"pid\":12,\"starttime\":300,\"state\":\"S\"}\n");
	put("data/engine-after/connections.ndjson", CONNECTIONS AGAIN("90211", "443"));
	json_t *o = check();
	cr_assert_str_eq(says(o),
			 "differs: processes 1 same, 1 gone, 1 new; the same 1 connection");
	const json_t *p = json_object_get(o, "processes");
	cr_assert_eq(json_integer_value(json_object_get(
			     json_array_get(json_object_get(p, "gone_rows"), 0), "pid")),
		     11);
	cr_assert_eq(json_integer_value(json_object_get(
			     json_array_get(json_object_get(p, "new_rows"), 0), "pid")),
		     12);
	json_decref(o);
}

Test(after, a_pid_with_another_start_time_is_another_process)
{
	put("data/engine-after/members.ndjson",
	    MEMBERS "{\"pid\":10,\"starttime\":100,\"state\":\"S\"}\n"
		    "{\"pid\":11,\"starttime\":999,\"state\":\"S\"}\n");
	put("data/engine-after/connections.ndjson", CONNECTIONS);
	json_t *o = check();
	cr_assert_eq(number(o, "processes", "gone"), 1);
	cr_assert_eq(number(o, "processes", "new"), 1);
	cr_assert_eq(number(o, "connections", "gone"), 1);
	json_decref(o);
}

Test(after, the_same_addresses_with_another_inode_are_another_connection)
{
	put("data/engine-after/members.ndjson", MEMBERS);
	put("data/engine-after/connections.ndjson", CONNECTIONS AGAIN("90999", "443"));
	json_t *o = check();
	cr_assert_eq(number(o, "connections", "same"), 0);
	const json_t *row =
		json_array_get(json_object_get(json_object_get(o, "connections"), "new_rows"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(row, "raddr")), "198.51.100.7");
	cr_assert_eq(json_integer_value(json_object_get(row, "rport")), 443);
	json_decref(o);
}

Test(after, what_is_missing_on_one_side_is_not_compared)
{
	put("data/engine-after/members.ndjson",
	    MEMBERS "{\"pid\":10,\"starttime\":100,\"state\":\"S\"}\n"
		    "{\"pid\":11,\"starttime\":101,\"state\":\"S\"}\n");
	json_t *o = check();
	cr_assert_str_eq(says(o), "the same 2 processes; not compared: connections");
	cr_assert(json_is_false(json_object_get(json_object_get(o, "connections"), "compared")));
	json_decref(o);
}

Test(after, a_side_with_a_gap_is_not_compared)
{
	put("data/engine-after/members.ndjson", MEMBERS);
	put("data/engine-after/connections.ndjson", CONNECTIONS);
	put("gaps.ndjson",
	    HEADER("gaps",
		   "conductor") "{\"type\":\"gap\",\"collector\":\"network\","
				"\"what\":\"tcp\",\"code\":\"stuck\",\"why\":\"blocked\"}\n");
	json_t *o = check();
	cr_assert(json_is_false(json_object_get(json_object_get(o, "connections"), "compared")));
	json_decref(o);
}
