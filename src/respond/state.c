/* The container as the engine has it now: its state and its networks. */
#include "respond/state.h"

#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "engine/control.h"

enum { PATH_OCTETS = 320 };

void kan_state_read(struct kan_seen_state *out, const json_t *inspect)
{
	const json_t *state = json_object_get(inspect, "State");
	out->status = kan_json_str(state, "Status");
	out->paused = json_is_true(json_object_get(state, "Paused"));
	out->live = out->paused || json_is_true(json_object_get(state, "Running")) ||
		    json_is_true(json_object_get(state, "Restarting"));
}

int kan_state_look(struct kan_seen_state *out, struct kan_engine *e, const char *id,
		   struct kan_err *err)
{
	char path[128];
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	*out = (struct kan_seen_state){.status = "gone"};
	(void)snprintf(path, sizeof(path), "/containers/%.64s/json", id);
	if (kan_engine_get_raw(&raw, e, path, &why) < 0) {
		if (why.code == KAN_ENOTFOUND)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (kan_engine_parse(&out->doc, kan_buf_bytes(&raw), err) < 0)
		return -1;
	kan_state_read(out, out->doc);
	if (strcmp(kan_json_str(out->doc, "Id"), id) == 0 && *out->status)
		return 0;
	kan_state_free(out);
	return kan_fail(err, KAN_EENGINE, "the engine's inspect answer is not about %.12s", id);
}

void kan_state_free(struct kan_seen_state *s)
{
	json_decref(s->doc);
	s->doc = NULL;
	s->status = "gone";
}

static void copy(json_t *to, const char *as, const json_t *from, const char *key)
{
	const char *s = kan_json_str(from, key);
	if (*s)
		kan_json_set_bytes(to, as, kan_bytes_of(s));
}

/* The words of a list, as far as they are words. The engine adds the id's beginning by itself. */
static void copy_list(json_t *to, const char *as, const json_t *list, const char *id)
{
	size_t i = 0;
	json_t *one = NULL, *out = json_array();
	json_array_foreach (list, i, one) {
		const char *s = json_string_value(one);
		if (s && *s && strncmp(id, s, 12) != 0)
			json_array_append(out, one);
	}
	if (json_array_size(out))
		json_object_set(to, as, out);
	json_decref(out);
}

/* fixed: addresses that somebody chose, which alone may be asked for again. */
static json_t *network(const char *name, const json_t *n, const char *id)
{
	const json_t *chosen = json_object_get(n, "IPAMConfig");
	json_t *o = json_object(), *fixed = json_object();
	kan_json_set_bytes(o, "name", kan_bytes_of(name));
	copy(o, "id", n, "NetworkID");
	copy(o, "ip", n, "IPAddress");
	copy(o, "ip6", n, "GlobalIPv6Address");
	copy(o, "mac", n, "MacAddress");
	copy_list(o, "aliases", json_object_get(n, "Aliases"), id);
	copy_list(o, "links", json_object_get(n, "Links"), id);
	copy(fixed, "ip", chosen, "IPv4Address");
	copy(fixed, "ip6", chosen, "IPv6Address");
	copy_list(fixed, "link_local", json_object_get(chosen, "LinkLocalIPs"), id);
	if (json_object_size(fixed))
		json_object_set(o, "fixed", fixed);
	json_decref(fixed);
	return o;
}

json_t *kan_state_networks(const json_t *inspect)
{
	json_t *all = json_object_get(json_object_get(inspect, "NetworkSettings"), "Networks");
	const char *name = NULL, *id = kan_json_str(inspect, "Id");
	json_t *n = NULL, *list = json_array();
	json_object_foreach (all, name, n)
		if (strcmp(name, "none") != 0)
			json_array_append_new(list, network(name, n, id));
	return list;
}

/* One that does not run has networks without an id: then the name is all there is. */
bool kan_state_same(const json_t *one, const json_t *other)
{
	const char *a = kan_json_str(one, "id"), *b = kan_json_str(other, "id");
	if (*a && *b)
		return strcmp(a, b) == 0;
	return strcmp(kan_json_str(one, "name"), kan_json_str(other, "name")) == 0;
}

bool kan_state_on(const json_t *inspect, const json_t *network)
{
	size_t i = 0;
	json_t *n = NULL;
	json_auto_t *list = kan_state_networks(inspect);
	json_array_foreach (list, i, n)
		if (kan_state_same(n, network))
			return true;
	return false;
}

const char *kan_state_restart(const json_t *inspect, int *tries)
{
	const json_t *policy =
		json_object_get(json_object_get(inspect, "HostConfig"), "RestartPolicy");
	*tries = (int)kan_json_int(policy, "MaximumRetryCount");
	return kan_json_str(policy, "Name");
}

const char *kan_state_name(const json_t *inspect)
{
	const char *name = kan_json_str(inspect, "Name");
	return name[0] == '/' ? name + 1 : name;
}

int kan_respond_inspect(json_t **out, struct kan_engine *e, const char *word, struct kan_err *err)
{
	char path[PATH_OCTETS];
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	*out = NULL;
	(void)snprintf(path, sizeof(path), "/containers/%.255s/json", word);
	if (!kan_request_allowed("GET", path)) /* no container can be called so */
		return 0;
	if (kan_engine_get_raw(&raw, e, path, &why) == 0)
		return kan_engine_parse(out, kan_buf_bytes(&raw), err);
	if (why.code == KAN_ENOTFOUND)
		return 0;
	if (err)
		*err = why;
	return -1;
}
