/* Taking an act back: from its own record, by the engine, and seen to be so. */
#include <string.h>

#include "base/row.h"
#include "engine/control.h"
#include "respond/doing.h"

struct back {
	const char *what, *word; /* the act, and what takes it back */
	int (*go)(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
		  struct kan_err *err);
	bool (*holds)(const json_t *done, const struct kan_seen_state *s);
};

static int resume(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
		  struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	(void)done;
	if (!s->paused)
		return kan_doing_already(d);
	int rc = kan_control_unpause(&status, d->engine, d->id, &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	if (now.paused)
		return kan_fail(err, KAN_EENGINE, "it is still paused: %.300s",
				rc < 0 ? why.text : "the engine said that it runs");
	kan_doing_undo(d, "pause");
	kan_doing_changed(d, "resumed");
	return 0;
}

static bool is_paused(const json_t *done, const struct kan_seen_state *s)
{
	(void)done;
	return s->paused;
}

static int start(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
		 struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	(void)done;
	if (s->live)
		return kan_doing_already(d);
	int rc = kan_control_start(&status, d->engine, d->id, &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	/* What ends by itself at once was started all the same, when the engine says so. */
	if (rc < 0 && !now.live)
		return kan_fail(err, KAN_EENGINE, "it does not run: %.300s", why.text);
	kan_doing_undo(d, "kill");
	kan_doing_changed(d, "started anew");
	json_object_set(d->act, "lost", json_object_get(done, "lost"));
	return 0;
}

static bool has_ended(const json_t *done, const struct kan_seen_state *s)
{
	(void)done;
	return !s->live;
}

static int restart_policy(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
			  struct kan_err *err)
{
	int status = 0, tries = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const json_t *was = json_object_get(done, "restart");
	const char *policy = kan_json_str(was, "policy");
	if (strcmp(kan_state_restart(s->doc, &tries), policy) == 0)
		return kan_doing_already(d);
	int rc = kan_control_restart_policy(&status, d->engine, d->id, policy,
					    (int)kan_json_int(was, "tries"), &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	if (strcmp(kan_state_restart(now.doc, &tries), policy) != 0)
		return kan_fail(err, KAN_EENGINE, "its restart policy is not %.64s: %.300s", policy,
				rc < 0 ? why.text : "the engine said that it is");
	kan_auto_buf struct kan_buf b = KAN_BUF(512);
	kan_buf_addf(&b, "its restart policy is %.64s again", policy);
	kan_doing_changed(d, kan_buf_str(&b));
	return 0;
}

static bool never_restarts(const json_t *done, const struct kan_seen_state *s)
{
	int tries = 0;
	const char *policy = kan_state_restart(s->doc, &tries);
	(void)done;
	return !*policy || strcmp(policy, "no") == 0;
}

static int rename_back(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
		       struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *name = kan_json_str(json_object_get(done, "renamed"), "from");
	if (strcmp(kan_state_name(s->doc), name) == 0)
		return kan_doing_already(d);
	int rc = kan_control_rename(&status, d->engine, d->id, name, &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	if (strcmp(kan_state_name(now.doc), name) != 0)
		return kan_fail(err, KAN_EENGINE, "it is not called %.64s: %.300s", name,
				rc < 0 ? why.text : "the engine said that it is");
	kan_auto_buf struct kan_buf b = KAN_BUF(512);
	kan_buf_addf(&b, "renamed to %.255s", name);
	kan_doing_changed(d, kan_buf_str(&b));
	return 0;
}

static bool is_renamed(const json_t *done, const struct kan_seen_state *s)
{
	return strcmp(kan_state_name(s->doc),
		      kan_json_str(json_object_get(done, "renamed"), "to")) == 0;
}

/* What somebody chose is asked for again; the rest is the engine's to give. */
static json_t *endpoint(const json_t *network)
{
	const json_t *fixed = json_object_get(network, "fixed");
	json_t *o = json_object(), *ipam = json_object();
	json_object_set(o, "Aliases", json_object_get(network, "aliases"));
	json_object_set(o, "Links", json_object_get(network, "links"));
	json_object_set(ipam, "IPv4Address", json_object_get(fixed, "ip"));
	json_object_set(ipam, "IPv6Address", json_object_get(fixed, "ip6"));
	json_object_set(ipam, "LinkLocalIPs", json_object_get(fixed, "link_local"));
	if (json_object_size(ipam))
		json_object_set(o, "IPAMConfig", ipam);
	json_decref(ipam);
	return o;
}

static const json_t *find_network(const json_t *networks, const json_t *network)
{
	size_t i = 0;
	json_t *n = NULL;
	json_array_foreach (networks, i, n)
		if (kan_state_same(n, network))
			return n;
	return NULL;
}

/* The addresses it had and has no more. */
static void compare_addresses(struct kan_doing *d, json_t *lost, const json_t *was,
			      const json_t *is)
{
	static const struct {
		const char *key, *words;
	} parts[] = {{"ip", "address"}, {"ip6", "address"}, {"mac", "MAC address"}};
	(void)d;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		kan_auto_buf struct kan_buf b = KAN_BUF(1024);
		const char *old = kan_json_str(was, parts[i].key),
			   *now = kan_json_str(is, parts[i].key);
		/* One that does not run has none until it is started. */
		if (!*old || !*now || strcmp(old, now) == 0)
			continue;
		kan_buf_addf(&b, "on network %.255s the %s %.64s: it is %.64s now",
			     kan_json_str(was, "name"), parts[i].words, old, now);
		json_array_append_new(lost, json_string(kan_buf_str(&b)));
	}
}

static int join(struct kan_doing *d, const json_t *network, json_t *lost, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *id = kan_json_str(network, "id"), *name = kan_json_str(network, "name");
	json_auto_t *wanted = endpoint(network), *networks = NULL;
	kan_auto_buf struct kan_buf b = KAN_BUF(512);
	int rc = kan_control_connect(&status, d->engine, d->id, *id ? id : name, wanted, &why);
	if (kan_state_look(&now, d->engine, d->id, err) < 0)
		return -1;
	networks = kan_state_networks(now.doc);
	const json_t *is = find_network(networks, network);
	if (!is)
		return kan_fail(err, KAN_EENGINE, "it is not on network %.200s: %.300s", name,
				rc < 0 ? why.text : "the engine said that it is");
	compare_addresses(d, lost, network, is);
	kan_buf_addf(&b, "network %.255s attached again", name);
	kan_doing_changed(d, kan_buf_str(&b));
	return 0;
}

/* Each network is tried, whatever became of the one before. */
static int connect_all(struct kan_doing *d, const json_t *done, const struct kan_seen_state *s,
		       struct kan_err *err)
{
	size_t i = 0, joined = 0;
	int rc = 0;
	json_t *n = NULL;
	json_auto_t *lost = json_array();
	json_array_append_new(lost, json_string("connections that were open"));
	json_array_foreach (json_object_get(done, "networks"), i, n) {
		if (s->doc && kan_state_on(s->doc, n))
			continue;
		if (join(d, n, lost, err) < 0)
			rc = -1;
		else
			joined++;
	}
	if (rc == 0 && joined == 0)
		return kan_doing_already(d);
	json_object_set(d->act, "lost", lost);
	return rc;
}

static bool is_off(const json_t *done, const struct kan_seen_state *s)
{
	size_t i = 0;
	json_t *n = NULL;
	json_array_foreach (json_object_get(done, "networks"), i, n)
		if (s->doc && kan_state_on(s->doc, n))
			return false;
	return true;
}

static const struct back backs[] = {
	{"pause", "resume", resume, is_paused},
	{"disconnect", "connect", connect_all, is_off},
	{"kill", "start", start, has_ended},
	{"stop", "start", start, has_ended},
	{"no-restart", "restart-policy", restart_policy, never_restarts},
	{"label", "rename", rename_back, is_renamed},
};

static const struct back *find(const char *what)
{
	for (size_t i = 0; i < sizeof backs / sizeof *backs; i++)
		if (strcmp(backs[i].what, what) == 0)
			return &backs[i];
	return NULL;
}

const char *kan_respond_back_word(const char *what)
{
	const struct back *b = find(what);
	return b ? b->word : NULL;
}

int kan_respond_holds(struct kan_engine *e, const json_t *done, struct kan_err *err)
{
	kan_auto_state struct kan_seen_state s = {0};
	const struct back *b = find(kan_json_str(done, "do"));
	if (!b || kan_state_look(&s, e, kan_json_str(done, "target"), err) < 0)
		return -1;
	return !s.doc || b->holds(done, &s);
}

int kan_respond_back(json_t **act, struct kan_engine *e, const json_t *done, struct kan_err *err)
{
	kan_auto_state struct kan_seen_state s = {0};
	const struct back *b = find(kan_json_str(done, "do"));
	const char *id = kan_json_str(done, "target");
	if (!b)
		return kan_fail(err, KAN_EUSAGE, "nothing takes '%.32s' back",
				kan_json_str(done, "do"));
	struct kan_doing d = {
		.engine = e, .id = id, .act = kan_doing_begin(b->word, id), .impact = json_array()};
	int rc = kan_state_look(&s, e, id, err);
	if (rc == 0 && !s.doc)
		rc = kan_fail(err, KAN_ENOTFOUND, "the engine has it no more");
	if (rc == 0) {
		kan_json_set_bytes(d.act, "before", kan_bytes_of(s.status));
		rc = b->go(&d, done, &s, err);
	}
	if (rc == 0)
		kan_doing_state(d.act, "after", e, id);
	kan_doing_end(&d);
	*act = d.act;
	return rc;
}
