/* A request that was done before. The chain is read by a child in the readers' sandbox, as whoever
 * else reads a repository does; what comes from it is checked. */
#include "cli/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"
#include "custody/seen.h"

enum {
	ANSWER_OCTETS = 32 << 20,
	ANSWER_DEPTH = 20, /* an event's 16, and what is around it */
	COMMIT_HEX = 40,
	LOOK_S = 60,
};

static int keep(const json_t *event, const char *commit, void *arg, struct kan_err *err)
{
	json_t *one = json_object();
	(void)err;
	json_object_set_new(one, "commit", json_string(commit));
	json_object_set_new(one, "event", json_deep_copy(event));
	json_array_append_new(arg, one);
	return 0;
}

struct question {
	const struct kan_seen *seen;
	bool all;
};

static void look(int to, void *arg)
{
	const struct question *q = arg;
	const char *readable[] = {q->seen->repo, NULL}, *writable[] = {NULL};
	struct kan_sandbox_state box = {0};
	struct kan_err err = {0};
	json_t *answer = json_object(), *events = json_array();
	(void)alarm(LOOK_S); /* whatever lies in there: a capture waits no longer */
	int rc = kan_sandbox_reader(&box, readable, writable, &err);
	if (rc == 0)
		rc = kan_seen_each(q->seen, q->all, keep, events, &err);
	json_object_set_new(answer, "events", events);
	if (rc < 0) {
		json_object_set_new(answer, "code", json_integer(err.code));
		kan_json_set_bytes(answer, "error", kan_bytes_of(err.text));
	}
	char *text = json_dumps(answer, JSON_COMPACT);
	if (text)
		(void)kan_write_all(to, text, strlen(text), NULL);
	free(text);
	json_decref(answer);
}

/* An object that is not there is a part of the chain that is missing. */
static bool known_code(int64_t code)
{
	return code > KAN_OK && code <= KAN_EREFUSED && code != KAN_ENOTFOUND;
}

static int take(json_t **out, const char *repo, struct kan_bytes text, struct kan_err *err)
{
	json_auto_t *answer = NULL;
	if (text.n == 0)
		return kan_fail(err, KAN_ELIMIT, "%s: its reader ended without an answer", repo);
	if (kan_json_parse(&answer, text, ANSWER_OCTETS, ANSWER_DEPTH, err) < 0)
		return -1;
	const char *fault = json_string_value(json_object_get(answer, "error"));
	int64_t code = kan_json_int(answer, "code");
	if (fault)
		return kan_fail(err, known_code(code) ? (enum kan_code)code : KAN_ETAMPER, "%s: %s",
				repo, fault);
	*out = json_incref(json_object_get(answer, "events"));
	return 0;
}

/* The events of the request; none: it was not seen. */
static int ask(json_t **out, const struct kan_seen *seen, bool all, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	struct question q = {seen, all};
	return kan_sandbox_ask(&text, look, &q, err) < 0
		       ? -1
		       : take(out, seen->repo, kan_buf_bytes(&text), err);
}

static int events_of(json_t **out, struct kan_seen *seen, const char *home, const char *request_id,
		     bool all, struct kan_err *err)
{
	int there = kan_seen_open(seen, home, request_id, err);
	return there <= 0 ? there : ask(out, seen, all, err) < 0 ? -1 : 1;
}

static bool is_commit(const char *s)
{
	return strlen(s) == COMMIT_HEX && s[strspn(s, "0123456789abcdef")] == '\0';
}

/* The words of kan_write_receipt, out of the event's document. */
static bool receipt_of(struct kan_receipt *out, const char *repo, const json_t *one)
{
	const json_t *event = json_object_get(one, "event"), *who = json_object_get(event, "who");
	const json_t *what = json_array_get(json_object_get(event, "what"), 0);
	*out = (struct kan_receipt){.event = (unsigned)kan_json_int(event, "seq")};
	(void)snprintf(out->repo, sizeof out->repo, "%s", repo);
	(void)snprintf(out->case_id, sizeof out->case_id, "%s", kan_json_str(event, "case"));
	(void)snprintf(out->bundle, sizeof out->bundle, "%s", kan_json_str(what, "bundle"));
	(void)snprintf(out->seal, sizeof out->seal, "%s", kan_json_str(what, "seal"));
	(void)snprintf(out->commit, sizeof out->commit, "%s", kan_json_str(one, "commit"));
	(void)snprintf(out->signer, sizeof out->signer, "%s", kan_json_str(who, "key_fpr"));
	out->host_key = strcmp(kan_json_str(who, "key"), "host") == 0;
	return is_commit(out->commit) && kan_is_sha256_hex(out->seal) && out->event > 0;
}

int kan_seen_request(struct kan_receipt *out, const char *home, const char *request_id,
		     struct kan_err *err)
{
	kan_auto_seen struct kan_seen seen = {0};
	json_auto_t *events = NULL;
	int rc = events_of(&events, &seen, home, request_id, false, err);
	if (rc <= 0 || json_array_size(events) == 0)
		return rc < 0 ? -1 : 0;
	return receipt_of(out, seen.repo, json_array_get(events, 0))
		       ? 1
		       : kan_fail(err, KAN_ETAMPER,
				  "%s: the event of request %.80s is not one of ours", seen.repo,
				  request_id);
}

int kan_seen_events(const char *home, const char *request_id, kan_event_fn *fn, void *arg,
		    struct kan_err *err)
{
	kan_auto_seen struct kan_seen seen = {0};
	json_auto_t *events = NULL;
	int rc = events_of(&events, &seen, home, request_id, true, err);
	int more = 0;
	if (rc <= 0)
		return rc;
	for (size_t i = 0; more == 0 && i < json_array_size(events); i++) {
		const json_t *one = json_array_get(events, i);
		if (!is_commit(kan_json_str(one, "commit")))
			return kan_fail(err, KAN_ETAMPER, "%s: an event without a commit",
					seen.repo);
		more = fn(json_object_get(one, "event"), kan_json_str(one, "commit"), arg, err);
	}
	return more < 0 ? -1 : json_array_size(events) > 0;
}
