/* What of a bundle is compared with another: rows as keys and values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare_pair.h"
#include "base/digest.h"
#include "base/row.h"

enum { KEY = 1 << 20, VALUE = 1 << 20, DEPTH = 16 };

static void field(struct kan_buf *value, const char *name, const json_t *o, const char *key)
{
	kan_auto_buf struct kan_buf v = KAN_BUF(VALUE);
	struct kan_err none = {0};
	const json_t *j = json_object_get(o, key);
	if (json_is_integer(j))
		kan_buf_addf(&v, "%lld", (long long)json_integer_value(j));
	else if (json_is_string(j))
		(void)kan_json_bytes(&v, o, key, &none);
	else if (j) {
		char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
		kan_buf_adds(&v, text ? text : "");
		free(text);
	}
	if (j)
		kan_pair_field(value, name, kan_buf_bytes(&v));
}

/* Names and values as JSON, so that no two lists read alike; a layer has them in any order. EVM's
 * digest is of this inode alone. */
static void attributes(struct kan_buf *value, const json_t *row)
{
	size_t n = 0;
	if (!json_array_size(json_object_get(row, "xattrs")))
		return;
	kan_auto_free json_t **v = kan_xattrs_sorted(&n, row);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const char *name = kan_json_str(v[i], "name");
		if (!kan_xattr_told_apart(name, row) && strcmp(name, "security.evm") != 0)
			json_array_append(list, v[i]);
	}
	char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
	if (json_array_size(list))
		kan_pair_field(value, "xattrs", kan_bytes_of(text));
	json_decref(list);
	free(text);
}

/* Inodes and times differ between any two containers: they are no difference. */
void kan_pair_file_fields(struct kan_buf *value, const json_t *row)
{
	static const char *const keys[] = {
		"change", "type",        "mode",     "uid",         "gid",       "size",
		"sha256", "link",        "rdev",     "flags",       "acl",       "capability",
		"label",  "acl_default", "ima",      "evm",         "undecoded", "planted",
		"opaque", "redirect",    "metacopy", "type_changed"};
	bool dir = strcmp(kan_json_str(row, "type"), "dir") == 0;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!dir || strcmp(keys[i], "size") != 0) /* the filesystem's */
			field(value, keys[i], row, keys[i]);
	attributes(value, row);
}

static int take_change(const struct kan_view *v, void *arg, struct kan_err *err)
{
	static const char *const no_change[] = {"parent", "engine", "identical"};
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY), value = KAN_BUF(VALUE);
	struct kan_err none = {0};
	(void)err;
	for (size_t i = 0; i < sizeof no_change / sizeof *no_change; i++)
		if (strcmp(kan_json_str(v->row, "change"), no_change[i]) == 0)
			return 0;
	if (kan_json_bytes(&key, v->row, "path", &none) < 0)
		(void)kan_json_bytes(&key, v->row, "name", &none);
	kan_pair_file_fields(&value, v->row);
	kan_pair_add(arg, kan_buf_bytes(&key), kan_buf_bytes(&value));
	return 0;
}

static int take_mountfile(const struct kan_view *v, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY), path = KAN_BUF(KEY), value = KAN_BUF(VALUE);
	struct kan_err none = {0};
	(void)err;
	(void)kan_json_bytes(&key, v->extra, "mount.point", &none);
	(void)kan_json_bytes(&path, v->row, "path", &none);
	kan_buf_addb(&key, kan_buf_bytes(&path));
	kan_pair_file_fields(&value, v->row);
	kan_pair_add(arg, kan_buf_bytes(&key), kan_buf_bytes(&value));
	return 0;
}

/* Bytes of one word of a list: its twin when it has one. */
static void element(struct kan_buf *out, const json_t *row, const char *key, const char *twin,
		    size_t i)
{
	json_t *one = json_object(), *exact = json_array_get(json_object_get(row, twin), i);
	struct kan_err none = {0};
	json_object_set(one, "v", json_array_get(json_object_get(row, key), i));
	if (exact)
		json_object_set(one, "v_b64", exact);
	(void)kan_json_bytes(out, one, "v", &none);
	json_decref(one);
}

/* "argv in one line", NUL, the words each with its NUL, the digest. */
static void process_key(struct kan_buf *key, const json_t *row, const json_t *exe)
{
	size_t n = json_array_size(json_object_get(row, "argv"));
	kan_auto_buf struct kan_buf exact = KAN_BUF(KEY);
	struct kan_err none = {0};
	for (size_t i = 0; i < n; i++) {
		kan_auto_buf struct kan_buf word = KAN_BUF(VALUE);
		element(&word, row, "argv", "argv_b64", i);
		kan_buf_adds(key, i ? " " : "");
		kan_buf_addb(key, kan_buf_bytes(&word));
		kan_buf_addb(&exact, kan_buf_bytes(&word));
		kan_buf_addc(&exact, 0);
	}
	if (n == 0)
		(void)kan_json_bytes(key, row, "comm", &none);
	kan_buf_addc(key, 0);
	kan_buf_addb(key, kan_buf_bytes(&exact));
	kan_buf_adds(key, kan_json_str(exe, "sha256"));
}

static int take_process(const struct kan_view *v, void *arg, struct kan_err *err)
{
	const json_t *exe = json_object_get(v->row, "exe");
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY), value = KAN_BUF(VALUE);
	(void)err;
	if (json_is_true(json_object_get(v->row, "neighbour")) ||
	    json_is_true(json_object_get(v->row, "kthread")))
		return 0;
	process_key(&key, v->row, exe);
	field(&value, "exe", exe, "link");
	field(&value, "sha256", exe, "sha256");
	field(&value, "origin", v->extra, "exe.origin");
	field(&value, "uid", v->row, "uid");
	kan_pair_add(arg, kan_buf_bytes(&key), kan_buf_bytes(&value));
	return 0;
}

static void add_name(struct kan_buf *key, const json_t *row)
{
	kan_auto_buf struct kan_buf name = KAN_BUF(VALUE);
	struct kan_err none = {0};
	(void)kan_json_bytes(&name, row, "name", &none);
	/* An abstract name begins with a NUL. */
	for (size_t i = 0; i < name.len; i++)
		kan_buf_addc(key, name.data[i] ? (char)name.data[i] : '@');
}

/* Where a listener waits, or whom a connection leads to; ports that nobody chose left out. */
static bool socket_key(struct kan_buf *key, const struct kan_view *v)
{
	const json_t *row = v->row;
	const char *family = kan_json_str(row, "family"), *proto = kan_json_str(row, "proto");
	const char *laddr = kan_json_str(row, "laddr"), *raddr = kan_json_str(row, "raddr");
	long long lport = (long long)kan_get_int(row, "lport", 0);
	long long rport = (long long)kan_get_int(row, "rport", 0);
	bool listens = strcmp(kan_json_str(row, "state"), "LISTEN") == 0;
	if (strcmp(family, "unix") == 0 && listens)
		kan_buf_adds(key, "listens on unix ");
	if (strcmp(family, "unix") == 0 && listens)
		add_name(key, row);
	if (strcmp(family, "packet") == 0)
		kan_buf_addf(key, "packet socket, %s, protocol %lld", kan_json_str(row, "type"),
			     (long long)kan_get_int(row, "protocol", 0));
	if (strcmp(family, "vsock") == 0) {
		if (listens || !*raddr)
			kan_buf_addf(key, "listens on vsock %s port %lld", laddr, lport);
		else
			kan_buf_addf(key, "peer by vsock: %s port %lld", raddr, rport);
	}
	if (strncmp(family, "inet", 4) != 0)
		return key->len > 0;
	if (listens || rport == 0)
		kan_buf_addf(key, "listens on %s %s port %lld", proto, laddr, lport);
	else if (strcmp(kan_json_str(v->extra, "sock.dir"), "in") == 0)
		kan_buf_addf(key, "peer of %s port %lld: %s", proto, lport, raddr);
	else
		kan_buf_addf(key, "peer by %s: %s port %lld", proto, raddr, rport);
	return true;
}

static int take_socket(const struct kan_view *v, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(KEY), value = KAN_BUF(VALUE);
	(void)err;
	field(&value, "filter", v->row, "filter");
	if (socket_key(&key, v))
		kan_pair_add(arg, kan_buf_bytes(&key), kan_buf_bytes(&value));
	return 0;
}

static void add_variable(struct kan_entry_set *to, struct kan_bytes name, struct kan_bytes v)
{
	uint8_t digest[KAN_SHA256_SIZE];
	kan_sha256(digest, v);
	kan_pair_add(to, name, (struct kan_bytes){digest, sizeof digest});
}

static int take_variable(const struct kan_view *v, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf name = KAN_BUF(KEY), value = KAN_BUF(1 << 20);
	struct kan_err none = {0};
	(void)err;
	(void)kan_json_bytes(&name, v->row, "name", &none);
	(void)kan_json_bytes(&value, v->row, "value", &none);
	add_variable(arg, kan_buf_bytes(&name), kan_buf_bytes(&value));
	return 0;
}

static int files(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	return kan_side_rows(s, "change", take_change, to, err);
}

static int mounted(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	return kan_side_rows(s, "mountfile", take_mountfile, to, err);
}

static int processes(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	return kan_side_rows(s, "process", take_process, to, err);
}

static int sockets(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	return kan_side_rows(s, "socket", take_socket, to, err);
}

static int variables(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	return kan_side_rows(s, "environ", take_variable, to, err);
}

/* What the engine was told to set; there of a stopped container too. */
static int configured(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	size_t i = 0;
	json_t *one = NULL;
	(void)err;
	json_array_foreach (kan_get(s->facts->inspect, "Config.Env"), i, one) {
		const char *text = json_string_value(one) ? json_string_value(one) : "";
		size_t n = strcspn(text, "=");
		add_variable(to, (struct kan_bytes){(const uint8_t *)text, n},
			     kan_bytes_of(text + n));
	}
	return 0;
}

/* A scalar, or a list whose order counts, of the engine's answer under its dotted name. */
static void put_scalar(struct kan_entry_set *to, const char *name, const json_t *v)
{
	kan_auto_buf struct kan_buf value = KAN_BUF(VALUE);
	char *text = json_is_string(v)
			     ? kan_xstrdup(json_string_value(v))
			     : json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	kan_pair_field(&value, "value", kan_bytes_of(text));
	kan_pair_add(to, kan_bytes_of(name), kan_buf_bytes(&value));
	free(text);
}

/* Other names for each container, or told elsewhere. */
static bool left_out(const char *name)
{
	static const char *const names[] = {"Config.Env", "Config.Hostname",
					    "HostConfig.ContainerIDFile"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void flatten(struct kan_entry_set *to, const char *name, const json_t *v, unsigned depth);

/* What is in it; a name that is too long would be another's. */
static void flatten_below(struct kan_entry_set *to, const struct kan_buf *name, const json_t *v,
			  unsigned depth)
{
	if (name->failed)
		to->over = true;
	else
		flatten(to, kan_buf_str(name), v, depth + 1);
}

static void flatten_list(struct kan_entry_set *to, const char *name, const json_t *v,
			 unsigned depth)
{
	size_t i = 0;
	json_t *kid = NULL;
	json_array_foreach ((json_t *)(uintptr_t)v, i, kid) {
		kan_auto_buf struct kan_buf below = KAN_BUF(KEY);
		const char *place = kan_json_str(kid, "Destination");
		kan_buf_adds(&below, name);
		if (json_is_object(kid) && *place)
			kan_buf_addf(&below, "[%s]", place);
		else if (json_is_object(kid))
			kan_buf_addf(&below, "[%zu]", i);
		flatten_below(to, &below, kid, depth);
	}
}

/* Words of a command line: the same words in another order are another command. */
static bool in_order(const char *name)
{
	static const char *const names[] = {"Args", "Config.Cmd", "Config.Entrypoint",
					    "Config.Shell", "Config.Healthcheck.Test"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* An empty value and none are the same: engines differ in which they write. */
static void flatten(struct kan_entry_set *to, const char *name, const json_t *v, unsigned depth)
{
	const char *key = NULL;
	json_t *kid = NULL;
	if (left_out(name) || json_is_null(v))
		return;
	if (depth > DEPTH) {
		to->over = true;
		return;
	}
	bool list = json_is_array(v) && !(in_order(name) && json_array_size(v));
	if (list) {
		flatten_list(to, name, v, depth);
	} else if (json_is_object(v)) {
		json_object_foreach ((json_t *)(uintptr_t)v, key, kid) {
			kan_auto_buf struct kan_buf below = KAN_BUF(KEY);
			kan_buf_addf(&below, "%s.%s", name, key);
			flatten_below(to, &below, kid, depth);
		}
	} else if (json_string_length(v) || !json_is_string(v)) {
		put_scalar(to, name, v);
	}
}

static int configuration(struct kan_entry_set *to, const struct kan_side *s, struct kan_err *err)
{
	static const char *const parts[] = {
		"Image",      "Path",         "Args",       "Driver", "Platform", "AppArmorProfile",
		"MountLabel", "ProcessLabel", "HostConfig", "Config", "Mounts"};
	const char *key = NULL;
	json_t *kid = NULL;
	(void)err;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		flatten(to, parts[i], json_object_get(s->facts->inspect, parts[i]), 0);
	flatten(to, "NetworkSettings.Ports", kan_get(s->facts->inspect, "NetworkSettings.Ports"),
		0);
	json_object_foreach (kan_get(s->facts->inspect, "NetworkSettings.Networks"), key, kid) {
		json_t *name = json_string(key);
		put_scalar(to, "NetworkSettings.Networks", name);
		json_decref(name);
	}
	return 0;
}

const struct kan_pair_section kan_pair_sections[] = {
	{"files", "filesystem", "data/filesystem/changes.ndjson", false, false, files},
	{"mounted files", "mounts", "data/mounts/files.ndjson", false, false, mounted},
	{"processes", "processes", "data/processes/processes.ndjson", false, false, processes},
	{"sockets", "network", "data/network/sockets.ndjson", true, false, sockets},
	{"environment", "processes", "data/processes/environ.ndjson", true, true, variables},
	{"configured environment", "engine", "data/engine/inspect.json", true, true, configured},
	{"configuration", "engine", "data/engine/inspect.json", false, false, configuration},
	{.name = NULL},
};
