/* The record of an act while it is being done. */
#include "respond/doing.h"

#include "base/clock.h"
#include "base/row.h"

json_t *kan_doing_begin(const char *what, const char *id)
{
	json_t *act = json_object();
	json_object_set_new(act, "do", json_string(what));
	kan_json_set_bytes(act, "target", kan_bytes_of(id));
	json_object_set_new(act, "undo", json_string(""));
	json_object_set_new(act, "began_ns", json_integer(kan_now_ns()));
	return act;
}

void kan_doing_changed(struct kan_doing *d, const char *text)
{
	json_array_append_new(d->impact, json_string(text));
}

void kan_doing_undo(struct kan_doing *d, const char *verb)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(8192);
	if (verb)
		kan_undo_simple(&b, kan_engine_host(d->engine), verb, d->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&b)));
}

void kan_doing_lost(struct kan_doing *d, const char *const *texts)
{
	json_t *list = json_array();
	for (; *texts; texts++)
		json_array_append_new(list, json_string(*texts));
	json_object_set_new(d->act, "lost", list);
}

int kan_doing_already(struct kan_doing *d)
{
	json_object_set_new(d->act, "already", json_true());
	return 0;
}

int kan_doing_since_seal(struct kan_doing *d)
{
	json_object_set_new(d->act, "since_seal", json_true());
	kan_doing_changed(d, "found done, and not so when the evidence was sealed: by a run that "
			     "was cut off, or by somebody else");
	return 0;
}

void kan_doing_state(json_t *act, const char *key, struct kan_engine *e, const char *id)
{
	kan_auto_state struct kan_seen_state now = {0};
	if (kan_state_look(&now, e, id, NULL) == 0)
		kan_json_set_bytes(act, key, kan_bytes_of(now.status));
}

void kan_doing_end(struct kan_doing *d)
{
	json_object_set_new(d->act, "impact", d->impact);
	json_object_set_new(d->act, "ended_ns", json_integer(kan_now_ns()));
	d->impact = NULL;
}
