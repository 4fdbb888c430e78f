/* The only calls that change a container. */
#include "engine/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/transport.h"

enum { BODY_OCTETS = 64 << 10, ALREADY = 409, STOPPED_ALREADY = 304, NAME_OCTETS = 255 };

static int post(int *status, struct kan_engine *e, const char *path, struct kan_bytes json,
		struct kan_err *err)
{
	kan_auto_buf struct kan_buf answer = KAN_BUF(BODY_OCTETS);
	*status = 0;
	if (kan_engine_post(status, e, path, json, &answer, err) < 0)
		return -1;
	return kan_engine_status_err(*status, path, kan_buf_bytes(&answer), err);
}

/* fine: the status that says that it is so already. */
static int order(int *status, struct kan_engine *e, const char *id, const char *what, int fine,
		 struct kan_err *err)
{
	char path[512];
	struct kan_err why = {0};
	(void)snprintf(path, sizeof(path), "/containers/%.64s/%s", id, what);
	if (post(status, e, path, (struct kan_bytes){0}, &why) == 0 || (fine && *status == fine))
		return 0;
	if (err)
		*err = why;
	return -1;
}

int kan_control_paused(struct kan_engine *e, const char *id)
{
	char path[128];
	struct kan_err why = {0};
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	(void)snprintf(path, sizeof(path), "/containers/%.64s/json", id);
	if (kan_engine_get_raw(&raw, e, path, &why) < 0)
		return why.code == KAN_ENOTFOUND ? 0 : -1;
	if (kan_engine_parse(&doc, kan_buf_bytes(&raw), NULL) < 0)
		return -1;
	const json_t *paused = json_object_get(json_object_get(doc, "State"), "Paused");
	int is = json_is_boolean(paused) ? json_is_true(paused) : -1;
	json_decref(doc);
	return is;
}

int kan_control_pause(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return order(status, e, id, "pause", ALREADY, err);
}

int kan_control_unpause(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return order(status, e, id, "unpause", ALREADY, err);
}

int kan_control_kill(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return order(status, e, id, "kill", 0, err);
}

int kan_control_stop(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return order(status, e, id, "stop?t=10", STOPPED_ALREADY, err);
}

int kan_control_disconnect(int *status, struct kan_engine *e, const char *id, const char *network,
			   struct kan_err *err)
{
	char path[384], body[128];
	(void)snprintf(path, sizeof(path), "/networks/%.255s/disconnect", network);
	/* A full id of hex digits: nothing in it needs escaping. */
	int n = snprintf(body, sizeof(body), "{\"Container\":\"%.64s\",\"Force\":false}", id);
	return post(status, e, path, (struct kan_bytes){(const uint8_t *)body, (size_t)n}, err);
}

/* Takes body. */
static int post_json(int *status, struct kan_engine *e, const char *path, json_t *body,
		     struct kan_err *err)
{
	char *text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	int rc = text ? post(status, e, path, kan_bytes_of(text), err)
		      : kan_fail(err, KAN_EUSAGE, "%s: what is asked for is no JSON", path);
	free(text);
	return rc;
}

int kan_control_connect(int *status, struct kan_engine *e, const char *id, const char *network,
			json_t *endpoint, struct kan_err *err)
{
	char path[384];
	json_t *body = json_pack("{s:s}", "Container", id);
	(void)snprintf(path, sizeof(path), "/networks/%.255s/connect", network);
	if (endpoint)
		json_object_set(body, "EndpointConfig", endpoint);
	return post_json(status, e, path, body, err);
}

int kan_control_start(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return order(status, e, id, "start", STOPPED_ALREADY, err); /* 304: it runs */
}

int kan_control_restart_policy(int *status, struct kan_engine *e, const char *id,
			       const char *policy, int tries, struct kan_err *err)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "/containers/%.64s/update", id);
	return post_json(status, e, path,
			 json_pack("{s:{s:s,s:i}}", "RestartPolicy", "Name", policy,
				   "MaximumRetryCount", tries),
			 err);
}

int kan_control_rename(int *status, struct kan_engine *e, const char *id, const char *name,
		       struct kan_err *err)
{
	char what[NAME_OCTETS + 16];
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	if (name[n] || n == 0 || n > NAME_OCTETS || strchr("_.-", name[0]))
		return kan_fail(err, KAN_EUSAGE, "'%.64s' is no name for a container", name);
	(void)snprintf(what, sizeof(what), "rename?name=%s", name);
	return order(status, e, id, what, 0, err);
}
