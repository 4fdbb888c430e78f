/* The container in one row: what the engine says it is and may do. */
#include <string.h>

#include "analyze/facts.h"
#include "analyze/kinds.h"
#include "base/clock.h"

enum { NS_PER_S = 1000000000 };

const struct kan_column kan_target_columns[] = {
	BYTES("name", "of the container"),
	BYTES("image", "as it was asked for"),
	WORD("state", "running, paused, exited, ..."),
	INT("created_ns", "the container, UTC"),
	INT("started_ns", "its last start, UTC"),
	INT("age_s", "seconds from its creation to the capture"),
	INT("image_created_ns", "the image, UTC, by its maker"),
	SPEAKS("argv", "what the engine runs"),
	BYTES("user", "that it is to run as; empty: root, or the image's"),
	WORD("restart", "policy: no, always, on-failure, unless-stopped"),
	BOOL("privileged", "all capabilities and all devices"),
	LIST(KAN_TYPE_WORD, "cap_add", "capabilities beyond the engine's set"),
	BOOL("seccomp_unconfined", "no filter of system calls"),
	BOOL("lsm_unconfined", "no AppArmor profile, or no SELinux label"),
	BOOL("no_new_privileges", "set-id programs give nothing"),
	BOOL("readonly_root", "its own layer cannot be written"),
	BOOL("host_network", "shares the host's network"),
	BOOL("host_pid", "sees the host's processes"),
	BOOL("host_ipc", "shares the host's IPC"),
	BOOL("host_users", "opted out of the engine's map of users"),
	BOOL("engine_socket", "the engine's socket is mounted"),
	LIST(KAN_TYPE_BYTES, "binds", "directories and files of the host that are mounted"),
	LIST(KAN_TYPE_BYTES, "binds_rw", "those that it may write"),
	LIST(KAN_TYPE_WORD, "publishes", "ports of the host that lead to it"),
	WORD("orchestrator", "kubernetes, swarm, compose: by its labels"),
	JOINED(KAN_TYPE_BOOL, "argv_of_image", "image-inspect",
	       "entrypoint and command are the image's own"),
	{.name = "image_env",
	 .type = KAN_TYPE_BYTES,
	 .list = true,
	 .speaks = true,
	 .from = "image-inspect",
	 .doc = "variables that the image sets"},
	{.name = "history",
	 .type = KAN_TYPE_BYTES,
	 .list = true,
	 .speaks = true,
	 .from = "image-history",
	 .doc = "what built the image, first step last"},
	END,
};
const char *const kan_target_identity[] = {"name",    "image",    "argv",      "user", "privileged",
					   "cap_add", "binds_rw", "publishes", NULL};

static void put_text(json_t *row, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(row, key, json_string(text));
}

static void put_time(json_t *row, const char *key, int64_t ns)
{
	if (ns > 0)
		json_object_set_new(row, key, json_integer(ns));
}

static void add_strings(json_t *to, const json_t *from)
{
	size_t i = 0;
	json_t *v = NULL;
	if (json_is_string(from))
		json_array_append(to, (json_t *)(uintptr_t)from);
	json_array_foreach ((json_t *)(uintptr_t)from, i, v)
		if (json_is_string(v))
			json_array_append(to, v);
}

/* Entrypoint and command in force. */
static void put_argv(json_t *row, const struct kan_facts *f)
{
	json_t *argv = json_array();
	const json_t *config = json_object_get(f->inspect, "Config");
	add_strings(argv, json_object_get(config, "Entrypoint"));
	add_strings(argv, json_object_get(config, "Cmd"));
	json_object_set_new(row, "argv", argv);
}

static void put_identity(json_t *row, const struct kan_facts *f)
{
	const json_t *config = json_object_get(f->inspect, "Config");
	const json_t *state = json_object_get(f->inspect, "State");
	const char *name = kan_json_str(f->inspect, "Name");
	put_text(row, "name", name + (*name == '/'));
	put_text(row, "image", kan_json_str(config, "Image"));
	put_text(row, "state", kan_json_str(state, "Status"));
	put_text(row, "user", kan_json_str(config, "User"));
	int64_t built = 0;
	struct kan_err ignored = {0};
	put_time(row, "created_ns", f->created_ns);
	put_time(row, "started_ns", f->started_ns);
	if (kan_rfc3339_parse(&built, kan_json_str(f->image_inspect, "Created"), &ignored) == 0)
		put_time(row, "image_created_ns", built);
	if (f->created_ns && f->captured_ns)
		json_object_set_new(row, "age_s",
				    json_integer((f->captured_ns - f->created_ns) / NS_PER_S));
}

static bool is_host(const json_t *config, const char *key)
{
	return strcmp(kan_json_str(config, key), "host") == 0;
}

static bool has_option(const json_t *options, const char *const *words)
{
	for (; *words; words++)
		if (kan_json_has_word(options, *words))
			return true;
	return false;
}

static void put_powers(json_t *row, const json_t *host)
{
	static const char *const seccomp[] = {"seccomp=unconfined", "seccomp:unconfined", NULL};
	static const char *const lsm[] = {"apparmor=unconfined", "apparmor:unconfined",
					  "label=disable", "label:disable", NULL};
	static const char *const nnp[] = {"no-new-privileges", "no-new-privileges=true",
					  "no-new-privileges:true", NULL};
	const json_t *options = json_object_get(host, "SecurityOpt");
	const struct {
		const char *key;
		bool value;
	} flags[] = {
		{"privileged", json_is_true(json_object_get(host, "Privileged"))},
		{"readonly_root", json_is_true(json_object_get(host, "ReadonlyRootfs"))},
		{"host_network", is_host(host, "NetworkMode")},
		{"host_pid", is_host(host, "PidMode")},
		{"host_ipc", is_host(host, "IpcMode")},
		{"host_users", is_host(host, "UsernsMode")},
		{"seccomp_unconfined", has_option(options, seccomp)},
		{"lsm_unconfined", has_option(options, lsm)},
		{"no_new_privileges", has_option(options, nnp)},
	};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		json_object_set_new(row, flags[i].key, json_boolean(flags[i].value));
	json_t *added = json_array();
	add_strings(added, json_object_get(host, "CapAdd"));
	json_object_set_new(row, "cap_add", added);
	put_text(row, "restart", kan_json_str(json_object_get(host, "RestartPolicy"), "Name"));
}

static bool is_engine_socket(const char *path)
{
	static const char *const ends[] = {"/docker.sock", "/podman.sock", "/containerd.sock"};
	size_t n = strlen(path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t k = strlen(ends[i]);
		if (n >= k && strcmp(path + n - k, ends[i]) == 0)
			return true;
	}
	return false;
}

static void put_mounts(json_t *row, const json_t *mounts)
{
	json_t *binds = json_array(), *writable = json_array(), *m = NULL;
	bool engine_socket = false;
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)mounts, i, m) {
		json_t *source = json_object_get(m, "Source");
		if (strcmp(kan_json_str(m, "Type"), "bind") != 0 || !json_is_string(source))
			continue;
		engine_socket |= is_engine_socket(json_string_value(source));
		json_array_append(binds, source);
		if (json_is_true(json_object_get(m, "RW")))
			json_array_append(writable, source);
	}
	json_object_set_new(row, "engine_socket", json_boolean(engine_socket));
	json_object_set_new(row, "binds", binds);
	json_object_set_new(row, "binds_rw", writable);
}

/* "0.0.0.0:8080 to 80/tcp" */
static void put_ports(json_t *row, const json_t *ports)
{
	json_t *list = json_array(), *bound = NULL, *at = NULL;
	const char *port = NULL;
	size_t i = 0;
	json_object_foreach ((json_t *)(uintptr_t)ports, port, bound)
		json_array_foreach (bound, i, at) {
			kan_auto_buf struct kan_buf text = KAN_BUF(1024);
			kan_buf_addf(&text, "%.200s:%.40s to %.40s", kan_json_str(at, "HostIp"),
				     kan_json_str(at, "HostPort"), port);
			json_array_append_new(list, json_string(kan_buf_str(&text)));
		}
	json_object_set_new(row, "publishes", list);
}

/* A label is the word of whoever made the container. */
static void put_orchestrator(json_t *row, const json_t *labels)
{
	static const char *const by[][2] = {{"io.kubernetes.pod.name", "kubernetes"},
					    {"com.docker.swarm.task.id", "swarm"},
					    {"com.docker.compose.project", "compose"},
					    {"io.podman.compose.project", "compose"}};
	for (size_t i = 0; i < sizeof by / sizeof *by; i++)
		if (json_object_get(labels, by[i][0])) {
			json_object_set_new(row, "orchestrator", json_string(by[i][1]));
			return;
		}
}

/* By the engine; where it was not asked, by the image's own configuration. */
json_t *kan_image_history(const struct kan_facts *f)
{
	json_t *doc = NULL, *list = NULL, *step = NULL;
	struct kan_err ignored = {0};
	const char *key = "CreatedBy";
	size_t i = 0;
	const json_t *steps = NULL;
	if (kan_source_json(&doc, f->source, "data/engine/image-history.json", KAN_FACTS_DOCUMENT,
			    &ignored) == 0) {
		steps = doc;
	} else if (kan_source_json(&doc, f->source, "data/image/config.json", KAN_FACTS_DOCUMENT,
				   &ignored) == 0) {
		steps = json_object_get(doc, "history");
		key = "created_by";
	}
	if (steps)
		list = json_array();
	json_array_foreach ((json_t *)(uintptr_t)steps, i, step)
		add_strings(list, json_object_get(step, key));
	json_decref(doc);
	return list;
}

void kan_join_target(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	json_t *own = json_array();
	const json_t *image = json_object_get(f->image_inspect, "Config");
	add_strings(own, json_object_get(image, "Entrypoint"));
	add_strings(own, json_object_get(image, "Cmd"));
	bool same = json_equal(own, json_object_get(row, "argv"));
	json_object_set_new(extra, "argv_of_image",
			    json_is_object(image) ? json_boolean(same) : json_null());
	json_t *history = kan_image_history(f);
	json_object_set_new(extra, "history", history ? history : json_null());
	json_t *env = json_array();
	add_strings(env, json_object_get(image, "Env"));
	json_object_set_new(extra, "image_env",
			    json_is_object(image) ? json_incref(env) : json_null());
	json_decref(env);
	json_decref(own);
}

int kan_derive_target(const struct kan_facts *f, kan_derive_row_fn *fn, void *arg,
		      struct kan_err *err)
{
	if (!f->inspect)
		return 0;
	json_t *row = json_object();
	const json_t *host = json_object_get(f->inspect, "HostConfig");
	put_identity(row, f);
	put_argv(row, f);
	put_powers(row, host);
	put_mounts(row, json_object_get(f->inspect, "Mounts"));
	put_ports(row, json_object_get(json_object_get(f->inspect, "NetworkSettings"), "Ports"));
	put_orchestrator(row, json_object_get(json_object_get(f->inspect, "Config"), "Labels"));
	int rc = fn(row, 2, arg, err);
	json_decref(row);
	return rc;
}
