/* Acts on what the engine has written down: its restart policy, its name. */
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "engine/control.h"
#include "respond/doing.h"

#define SUFFIX "-quarantined"

static bool starts_by_itself(const char *policy)
{
	return *policy && strcmp(policy, "no") != 0;
}

static void set_restart(struct kan_doing *d, const char *policy, int tries)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(8192);
	json_t *restart = json_object();
	kan_json_set_bytes(restart, "policy", kan_bytes_of(policy));
	json_object_set_new(restart, "tries", json_integer(tries));
	json_object_set_new(d->act, "restart", restart);
	kan_undo_restart(&b, kan_engine_host(d->engine), restart, d->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&b)));
}

static int restart_found_off(struct kan_doing *d)
{
	int tries = 0;
	const char *policy = kan_state_restart(d->r->sealed, &tries);
	if (!starts_by_itself(policy))
		return kan_doing_already(d);
	set_restart(d, policy, tries);
	return kan_doing_since_seal(d);
}

int kan_act_no_restart(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	int status = 0, tries = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *policy = kan_state_restart(s->doc, &tries);
	if (!s->doc)
		return kan_doing_already(d);
	if (!starts_by_itself(policy))
		return restart_found_off(d);
	int rc = kan_control_restart_policy(&status, d->engine, d->id, "no", 0, &why), ignored = 0;
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	if (now.doc && starts_by_itself(kan_state_restart(now.doc, &ignored)))
		return kan_fail(err, KAN_EENGINE, "its restart policy is still %.64s: %.300s",
				policy, rc < 0 ? why.text : "the engine said that it is not");
	set_restart(d, policy, tries);
	kan_doing_changed(d, "its restart policy is no: the engine does not start it again");
	return 0;
}

static bool is_marked(const char *name)
{
	const char *at = strstr(name, SUFFIX);
	return at && at != name && (at[sizeof SUFFIX - 1] == 0 || at[sizeof SUFFIX - 1] == '-');
}

static void set_renamed(struct kan_doing *d, const char *from, const char *to)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(8192);
	json_t *renamed = json_object();
	kan_json_set_bytes(renamed, "from", kan_bytes_of(from));
	kan_json_set_bytes(renamed, "to", kan_bytes_of(to));
	json_object_set_new(d->act, "renamed", renamed);
	kan_undo_rename(&b, kan_engine_host(d->engine), from, d->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&b)));
}

static int found_marked(struct kan_doing *d, const char *name)
{
	const char *before = kan_state_name(d->r->sealed);
	if (!*before || is_marked(before))
		return kan_doing_already(d);
	set_renamed(d, before, name);
	return kan_doing_since_seal(d);
}

/* The plain name may belong to what was quarantined before it: then the id makes it another. */
static int rename_to(struct kan_doing *d, const char *name, struct kan_err *err)
{
	int status = 0;
	char to[320];
	enum { CONFLICT = 409 };
	(void)snprintf(to, sizeof(to), "%.220s" SUFFIX, name);
	int rc = kan_control_rename(&status, d->engine, d->id, to, err);
	if (rc == 0 || status != CONFLICT)
		return rc;
	*err = (struct kan_err){0};
	(void)snprintf(to, sizeof(to), "%.220s" SUFFIX "-%.12s", name, d->id);
	return kan_control_rename(&status, d->engine, d->id, to, err);
}

int kan_act_label(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *name = kan_state_name(s->doc);
	if (!s->doc)
		return kan_doing_already(d);
	if (is_marked(name))
		return found_marked(d, name);
	int rc = rename_to(d, name, &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	const char *is = kan_state_name(now.doc);
	if (!is_marked(is))
		return kan_fail(err, KAN_EENGINE, "it is still called %.64s: %.300s", name,
				rc < 0 ? why.text : "the engine said that it is not");
	set_renamed(d, name, is);
	kan_auto_buf struct kan_buf b = KAN_BUF(1024);
	kan_buf_addf(&b, "renamed from %.255s to %.255s", name, is);
	kan_doing_changed(d, kan_buf_str(&b));
	return 0;
}
