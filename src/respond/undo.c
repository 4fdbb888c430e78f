/* How a human takes an act back: commands of the engine's own client, and what they cannot bring.
 */
#include <string.h>

#include "engine/client.h"
#include "respond/state.h"

void kan_undo_simple(struct kan_buf *out, const char *host, const char *verb, const char *id)
{
	kan_client_says(out, host, verb, id);
}

static void option(struct kan_buf *out, const char *name, const json_t *value)
{
	size_t i = 0;
	json_t *one = NULL;
	if (json_is_string(value)) {
		kan_buf_addf(out, " %s ", name);
		kan_shell_word(out, json_string_value(value));
	}
	json_array_foreach (value, i, one)
		option(out, name, one);
}

static void connect(struct kan_buf *out, const char *host, const json_t *n, const char *id)
{
	const json_t *fixed = json_object_get(n, "fixed");
	const char *name = json_string_value(json_object_get(n, "name"));
	kan_client(out, host);
	kan_buf_adds(out, " network connect");
	option(out, "--ip", json_object_get(fixed, "ip"));
	option(out, "--ip6", json_object_get(fixed, "ip6"));
	option(out, "--link-local-ip", json_object_get(fixed, "link_local"));
	option(out, "--alias", json_object_get(n, "aliases"));
	option(out, "--link", json_object_get(n, "links"));
	kan_buf_adds(out, name[0] == '-' ? " -- " : " ");
	kan_shell_word(out, name);
	kan_buf_addf(out, " %.12s", id);
}

void kan_undo_connect(struct kan_buf *out, const char *host, const json_t *networks, const char *id)
{
	size_t i = 0;
	json_t *n = NULL;
	json_array_foreach (networks, i, n) {
		if (i)
			kan_buf_adds(out, " && ");
		connect(out, host, n, id);
	}
}

void kan_undo_restart(struct kan_buf *out, const char *host, const json_t *restart, const char *id)
{
	int tries = (int)json_integer_value(json_object_get(restart, "tries"));
	kan_client(out, host);
	kan_buf_adds(out, " update --restart=");
	kan_shell_word(out, json_string_value(json_object_get(restart, "policy")));
	if (tries > 0)
		kan_buf_addf(out, ":%d", tries);
	kan_buf_addf(out, " %.12s", id);
}

void kan_undo_rename(struct kan_buf *out, const char *host, const char *name, const char *id)
{
	kan_client(out, host);
	kan_buf_addf(out, " rename %.12s ", id);
	kan_shell_word(out, name);
}

json_t *kan_undo_lost(const json_t *networks)
{
	size_t i = 0;
	json_t *n = NULL, *list = json_array();
	json_array_append_new(list, json_string("connections that were open"));
	json_array_foreach (networks, i, n) {
		kan_auto_buf struct kan_buf b = KAN_BUF(2048);
		const char *ip = json_string_value(json_object_get(n, "ip")),
			   *mac = json_string_value(json_object_get(n, "mac"));
		bool fixed = json_object_get(json_object_get(n, "fixed"), "ip") != NULL;
		if ((!ip || fixed) && !mac)
			continue;
		kan_buf_addf(&b, "on network %.255s",
			     json_string_value(json_object_get(n, "name")));
		if (mac)
			kan_buf_addf(&b, " the MAC address %.64s", mac);
		if (ip && !fixed)
			kan_buf_addf(&b, "%s the address %.64s, unless it is still free",
				     mac ? " and" : "", ip);
		json_array_append_new(list, json_string(kan_buf_str(&b)));
	}
	return list;
}
