/* inspect: found, checked for its types, read as claims. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "engine/claims.h"
#include "engine/transport.h"

enum { CANDIDATES = 8, PID_LAST = 4194304 };

int kan_inspect_read(struct kan_inspect *out, const json_t *doc, struct kan_err *err)
{
	const json_t *state = json_object_get(doc, "State"),
		     *config = json_object_get(doc, "Config");
	const json_t *host = json_object_get(doc, "HostConfig"),
		     *pid = json_object_get(state, "Pid");
	if (!json_is_object(state) || !json_is_object(config) ||
	    !json_is_string(json_object_get(doc, "Id")))
		return kan_fail(
			err, KAN_EENGINE,
			"the engine's inspect answer has no Id, State or Config that can be read");
	struct kan_inspect i = {
		.id = kan_json_str(doc, "Id"),
		.name = kan_json_str(doc, "Name"),
		.image = kan_json_str(doc, "Image"),
		.image_ref = kan_json_str(config, "Image"),
		.status = kan_json_str(state, "Status"),
		.started_at = kan_json_str(state, "StartedAt"),
		.created = kan_json_str(doc, "Created"),
		.log_path = kan_json_str(doc, "LogPath"),
		.log_driver = kan_json_str(json_object_get(host, "LogConfig"), "Type"),
		.driver = kan_json_str(doc, "Driver"),
		.pid_mode = kan_json_str(host, "PidMode"),
		.network_mode = kan_json_str(host, "NetworkMode"),
		.tty = json_is_true(json_object_get(config, "Tty")),
		.auto_remove = json_is_true(json_object_get(host, "AutoRemove")),
	};
	i.name += i.name[0] == '/';
	json_int_t claimed = json_integer_value(pid);
	i.pid = claimed >= 2 && claimed <= PID_LAST ? claimed : 0;
	*out = i;
	return 0;
}

int kan_state_of(enum kan_state *out, const char *status, struct kan_err *err)
{
	static const struct {
		const char *word;
		enum kan_state state;
	} words[] = {{"created", KAN_STATE_CREATED},     {"running", KAN_STATE_RUNNING},
		     {"paused", KAN_STATE_PAUSED},       {"restarting", KAN_STATE_RESTARTING},
		     {"exited", KAN_STATE_EXITED},       {"dead", KAN_STATE_DEAD},
		     {"removing", KAN_STATE_REMOVING},   {"configured", KAN_STATE_CREATED},
		     {"initialized", KAN_STATE_CREATED}, {"stopped", KAN_STATE_EXITED}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, status) == 0) {
			*out = words[i].state;
			return 0;
		}
	}
	return kan_fail(err, KAN_EENGINE, "the engine names a state that is not known: '%.32s'",
			status);
}

bool kan_inspect_answers(const struct kan_inspect *i, const char *asked)
{
	asked += asked[0] == '/';
	if (!kan_is_sha256_hex(i->id) || !*asked)
		return false;
	return strncmp(i->id, asked, strlen(asked)) == 0 || strcmp(i->name, asked) == 0;
}

/* Does an entry of /containers/json match what was asked, by the beginning of its id or by a name?
 */
static bool matches(const json_t *entry, const char *asked)
{
	size_t i = 0;
	json_t *name = NULL;
	if (strncmp(kan_json_str(entry, "Id"), asked, strlen(asked)) == 0)
		return true;
	json_array_foreach (json_object_get(entry, "Names"), i, name) {
		const char *s = json_string_value(name);
		if (s && strcmp(s + (s[0] == '/'), asked) == 0)
			return true;
	}
	return false;
}

static int explain_miss(struct kan_engine *e, const char *asked, struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX), names = KAN_BUF(320);
	json_t *list = NULL, *entry = NULL;
	size_t i = 0, found = 0;
	if (kan_engine_get_raw(&raw, e, "/containers/json?all=1", err) < 0 ||
	    kan_engine_parse(&list, kan_buf_bytes(&raw), err) < 0)
		return -1;
	json_array_foreach (list, i, entry) {
		if (!matches(entry, asked) || ++found > CANDIDATES)
			continue;
		const char *name =
			json_string_value(json_array_get(json_object_get(entry, "Names"), 0));
		kan_buf_addf(&names, "%s%.12s (%.20s)", found > 1 ? ", " : "",
			     kan_json_str(entry, "Id"), name ? name + (name[0] == '/') : "?");
	}
	json_decref(list);
	if (found > 1)
		return kan_fail(err, KAN_EUSAGE, "'%.64s' is ambiguous: %s: give more of the id",
				asked, kan_buf_str(&names));
	return kan_fail(err, KAN_ENOTFOUND, "no container '%.64s': see docker ps -a", asked);
}

static int keep(struct kan_bytes piece, void *arg)
{
	kan_buf_addb(arg, piece);
	return 0;
}

int kan_find_container(json_t **out, struct kan_buf *raw, struct kan_engine *e, const char *asked,
		       struct kan_err *err)
{
	char path[320];
	struct kan_inspect i;
	json_t *doc = NULL;
	int status = 0;
	asked += asked[0] == '/';
	(void)snprintf(path, sizeof(path), "/containers/%.255s/json", asked);
	if (kan_engine_get(&status, e, path, KAN_ENGINE_ANSWER_MAX, keep, raw, err) < 0) {
		if (err && err->code == KAN_EREFUSED) /* a text that can be no name and no id */
			return kan_fail(err, KAN_ENOTFOUND,
					"no container '%.64s': see docker ps -a", asked);
		return -1;
	}
	if (status == 404 || status == 400)
		return explain_miss(e, asked, err);
	struct kan_err several = {0};
	/* Docker says 500 when several match; any other 500 is trouble of its own. */
	if (status == 500 && explain_miss(e, asked, &several) < 0 && several.code == KAN_EUSAGE) {
		if (err)
			*err = several;
		return -1;
	}
	if (status != 200)
		return kan_engine_status_err(status, path, kan_buf_bytes(raw), err);
	struct kan_err why = {0};
	if (kan_engine_parse(&doc, kan_buf_bytes(raw), &why) < 0)
		return kan_fail(err, KAN_EENGINE,
				"the engine's inspect answer cannot be read: %.200s", why.text);
	if (kan_inspect_read(&i, doc, err) < 0) {
		json_decref(doc);
		return -1;
	}
	if (!kan_inspect_answers(&i, asked)) {
		json_decref(doc);
		return kan_fail(err, KAN_EENGINE,
				"the engine answered for another container than '%.64s'", asked);
	}
	*out = doc;
	return 0;
}

void kan_claim(struct kan_target *t, const char *claim, const char *value, enum kan_verdict verdict,
	       const char *proof)
{
	static const char *const verdicts[] = {"proven", "unproven", "contradicted"};
	json_t *o = json_object();
	json_object_set_new(o, "claim", json_string(claim));
	kan_json_set_bytes(o, "value", kan_bytes_of(value));
	kan_json_set_bytes(o, "proof", kan_bytes_of(proof));
	json_object_set_new(o, "verdict", json_string(verdicts[verdict]));
	json_array_append_new(t->claims, o);
}
