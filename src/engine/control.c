/* Pause and unpause: the only calls that change a container. */
#include "engine/control.h"

#include <stdio.h>

#include "engine/transport.h"

enum { BODY_OCTETS = 64 << 10 };

static int keep(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

static int post(int *status, struct kan_engine *e, const char *id, const char *what,
		struct kan_err *err)
{
	char path[128];
	kan_auto_buf struct kan_buf body = KAN_BUF(BODY_OCTETS);
	(void)snprintf(path, sizeof(path), "/containers/%.64s/%s", id, what);
	if (kan_engine_request(status, e, "POST", path, BODY_OCTETS, keep, &body, err) < 0)
		return -1;
	if (*status == 409)
		return 0;
	return kan_engine_status_err(*status, path, kan_buf_bytes(&body), err);
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
	return post(status, e, id, "pause", err);
}

int kan_control_unpause(int *status, struct kan_engine *e, const char *id, struct kan_err *err)
{
	return post(status, e, id, "unpause", err);
}
