/* What people are told of an act. */
#include <string.h>

#include "base/clock.h"
#include "base/row.h"
#include "respond/doing.h"

void kan_respond_left_paused(json_t **act, const char *host, const char *id, const char *by_hand)
{
	kan_auto_buf struct kan_buf undo = KAN_BUF(128 << 10);
	const char *before = NULL;
	if (!*act) {
		*act = kan_doing_begin("pause", id);
		json_object_set_new(*act, "before", json_string("running"));
		json_object_set_new(*act, "impact", json_array());
		json_object_set_new(*act, "ended_ns", json_integer(kan_now_ns()));
	}
	if (by_hand)
		kan_buf_adds(&undo, by_hand);
	else
		kan_undo_simple(&undo, host, "unpause", id);
	before = json_string_value(json_object_get(*act, "undo"));
	if (before && *before)
		kan_buf_addf(&undo, " && %s", before);
	json_object_set_new(*act, "undo", json_string(kan_buf_str(&undo)));
	json_object_set_new(*act, "after", json_string("paused"));
	json_array_append_new(json_object_get(*act, "impact"),
			      json_string("left paused: --on-fail stay-paused"));
}

static const char *settings_words(const char *what, bool already)
{
	static const struct {
		const char *what, *done, *already;
	} words[] = {
		{"no-restart", "is not started again by the engine", "was not restarted already"},
		{"label", "is renamed", "was renamed already"},
		{"resume", "runs again", "was not paused"},
		{"connect", "is on its networks again", "was on its networks already"},
		{"start", "is started", "was running already"},
		{"restart-policy", "has its restart policy again", "had its restart policy"},
		{"rename", "has its name again", "had its name"},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].what, what) == 0)
			return already ? words[i].already : words[i].done;
	return NULL;
}

/* What it is now, and what it was found as when there was nothing to do. */
static const char *now_words(const json_t *act, bool already)
{
	const char *what = json_string_value(json_object_get(act, "do")),
		   *after = json_string_value(json_object_get(act, "after"));
	const char *setting = settings_words(what, already);
	if (setting)
		return setting;
	if (strcmp(what, "pause") == 0 && already)
		return after && strcmp(after, "paused") != 0
			       ? "does not run: there is nothing to pause"
			       : "was paused already, not by this capture, and is left so";
	if (strcmp(what, "pause") == 0)
		return "is paused and stays so";
	if (strcmp(what, "disconnect") == 0 && already)
		return after && strcmp(after, "gone") == 0 ? "is gone: the engine has it no more"
							   : "was on no network already";
	if (strcmp(what, "disconnect") == 0)
		return "is off all its networks";
	if (strcmp(what, "kill") == 0)
		return already ? "had ended already" : "is ended (SIGKILL)";
	return already ? "had ended already" : "is stopped";
}

void kan_respond_sentence(struct kan_buf *out, const json_t *act, const char *name)
{
	bool already = json_is_true(json_object_get(act, "already"));
	const char *undo = json_string_value(json_object_get(act, "undo"));
	const char *to = kan_json_str(json_object_get(act, "renamed"), "to");
	kan_buf_addf(out, "container %s %s", name, now_words(act, already));
	if (*to)
		kan_buf_addf(out, " to %.255s", to);
	if (undo && *undo)
		kan_buf_addf(out, "; undo: %s", undo);
	else if (!already && !json_object_get(act, "of"))
		kan_buf_adds(out, "; it cannot be undone");
}

static void networks_words(struct kan_buf *out, const json_t *inspect)
{
	size_t i = 0;
	json_t *n = NULL;
	json_auto_t *list = kan_state_networks(inspect);
	if (!json_array_size(list)) {
		kan_buf_adds(out, ", on no network");
		return;
	}
	json_array_foreach (list, i, n)
		kan_buf_addf(out, "%s%.255s", i ? ", " : ", on network ", kan_json_str(n, "name"));
}

void kan_respond_condition(struct kan_buf *out, const json_t *inspect)
{
	struct kan_seen_state s = {0};
	int tries = 0;
	if (!inspect) {
		kan_buf_adds(out, "gone, or never there: the engine does not have it");
		return;
	}
	kan_state_read(&s, inspect);
	kan_buf_addf(out, "%.32s", s.paused ? "paused" : *s.status ? s.status : "in no state");
	networks_words(out, inspect);
	const char *policy = kan_state_restart(inspect, &tries);
	kan_buf_addf(out, ", restart policy %.32s", *policy ? policy : "no");
}
