/* Rows as observables: file, process, addresses, network traffic. Their ids follow from their
 * identifying properties (STIX 2.1, section 2.9). */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/escape.h"
#include "reports/ids.h"
#include "reports/stix.h"

enum { NAME_MAX_OCTETS = 2 * KAN_ROW_MAX };

/* An observable of these identifying properties, which stay the caller's. */
static json_t *observable(char id[KAN_STIX_ID], const char *type, const json_t *identity)
{
	char uuid[KAN_UUID_TEXT];
	const char *key = NULL;
	json_t *v = NULL;
	char *text = json_dumps(identity, JSON_COMPACT | JSON_SORT_KEYS);
	bool made = text && kan_uuid_observable(uuid, kan_bytes_of(text));
	free(text);
	if (!made)
		return NULL;
	(void)snprintf(id, KAN_STIX_ID, "%.60s--%s", type, uuid);
	json_t *o = json_pack("{s:s,s:s,s:s}", "type", type, "spec_version", "2.1", "id", id);
	json_object_foreach ((json_t *)(uintptr_t)identity, key, v)
		json_object_set(o, key, v);
	return o;
}

/* Text with what is not UTF-8 replaced; NULL: there is none. */
static json_t *clean(const json_t *row, const char *key)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(NAME_MAX_OCTETS),
				    text = KAN_BUF(4 * NAME_MAX_OCTETS);
	struct kan_err ignored = {0};
	if (kan_json_bytes(&raw, row, key, &ignored) < 0 || raw.len == 0)
		return NULL;
	(void)kan_text_clean(&text, kan_buf_bytes(&raw));
	return json_string(kan_buf_str(&text));
}

static bool add(struct kan_stix *x, json_t *o, json_t *refs, const char *id)
{
	if (!o)
		return false;
	kan_stix_add(x, o);
	if (refs)
		json_array_append_new(refs, json_string(id));
	return true;
}

static bool file(struct kan_stix *x, json_t *refs, const json_t *row, const char *path,
		 const char *digest)
{
	char id[KAN_STIX_ID];
	json_t *identity = json_object(), *name = clean(row, path);
	if (kan_is_sha256_hex(kan_json_str(row, digest)))
		json_object_set_new(identity, "hashes",
				    json_pack("{s:s}", "SHA-256", kan_json_str(row, digest)));
	if (name)
		json_object_set_new(identity, "name", name);
	json_t *o = json_object_size(identity) ? observable(id, "file", identity) : NULL;
	json_decref(identity);
	return add(x, o, refs, id);
}

int kan_ip_version(const char *text)
{
	uint8_t octets[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, text, octets) == 1    ? 4
	       : inet_pton(AF_INET6, text, octets) == 1 ? 6
							: 0;
}

/* Of the registered names of protocols: letters, digits, '-'. */
static bool is_protocol(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool address(struct kan_stix *x, char id[KAN_STIX_ID], const json_t *row, const char *key)
{
	const char *text = kan_json_str(row, key);
	int version = kan_ip_version(text);
	if (!version)
		return false;
	json_t *identity = json_pack("{s:s}", "value", text);
	json_t *o = observable(id, version == 6 ? "ipv6-addr" : "ipv4-addr", identity);
	json_decref(identity);
	return add(x, o, NULL, id);
}

static void traffic(struct kan_stix *x, json_t *refs, const json_t *row)
{
	char from[KAN_STIX_ID], to[KAN_STIX_ID], id[KAN_STIX_ID];
	const char *proto = kan_json_str(row, "proto");
	if (!*kan_json_str(row, "peer_scope") || !is_protocol(proto) ||
	    !address(x, from, row, "laddr") || !address(x, to, row, "raddr"))
		return;
	bool in = strcmp(kan_json_str(row, "sock_dir"), "in") == 0;
	const char *family = strchr(kan_json_str(row, "raddr"), ':') ? "ipv6" : "ipv4";
	json_t *identity = json_pack(
		"{s:s,s:s,s:I,s:I,s:[s,s]}", "src_ref", in ? to : from, "dst_ref", in ? from : to,
		"src_port", kan_json_int(row, in ? "rport" : "lport"), "dst_port",
		kan_json_int(row, in ? "lport" : "rport"), "protocols", family, proto);
	(void)add(x, observable(id, "network-traffic", identity), refs, id);
	json_decref(identity);
}

static json_t *command_line(const json_t *row)
{
	json_t *parts = json_array();
	kan_part_list(parts, row, "argv");
	json_t *text = clean(json_array_get(parts, 0), "value");
	json_decref(parts);
	return text;
}

/* A process has no identifying properties: its id is of the seal and its pid. */
static void process(struct kan_stix *x, json_t *refs, const json_t *row)
{
	char id[KAN_STIX_ID], about[64];
	(void)snprintf(about, sizeof about, "%lld", (long long)kan_json_int(row, "pid"));
	json_t *o = kan_stix_object(id, x, "process", about), *line = command_line(row),
	       *image = json_array();
	json_object_del(o, "created"); /* of domain objects alone */
	json_object_del(o, "modified");
	json_object_set_new(o, "pid", json_integer(kan_json_int(row, "pid")));
	if (line)
		json_object_set_new(o, "command_line", line);
	if (file(x, image, row, "exe_link", "exe_sha256"))
		json_object_set(o, "image_ref", json_array_get(image, 0));
	json_decref(image);
	(void)add(x, o, refs, id);
}

void kan_stix_observe(struct kan_stix *x, json_t *refs, const json_t *row)
{
	const char *kind = kan_json_str(row, "kind");
	if (strcmp(kind, "process") == 0)
		process(x, refs, row);
	else if (strcmp(kind, "socket") == 0)
		traffic(x, refs, row);
	else if (strcmp(kind, "change") == 0 || strcmp(kind, "mountfile") == 0 ||
		 strcmp(kind, "baseline") == 0)
		(void)file(x, refs, row, "path", "sha256");
	else if (strcmp(kind, "yara") == 0 && strcmp(kan_json_str(row, "what"), "file") == 0)
		(void)file(x, refs, row, "file", "sha256");
}
