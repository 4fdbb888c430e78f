/* What the collectors that ask the engine make of its answers: each recorded engine, each state,
 * each fault. */
#include <criterion/criterion.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <string.h>

#include "engine/control.h"
#include "replayed.h"

/* An artefact and the recorded answer that it has to equal, byte for byte. */
struct pair {
	const char *artefact, *answer;
};
static const struct pair of_engine[] = {{"events.json", "events"},
					{"inspect.json", "containers-ID-json"},
					{"image-inspect.json", "images-IMAGE-json"},
					{"image-history.json", "images-IMAGE-history"},
					{"version.json", "version"},
					{"info.json", "info"},
					{"containers.json", "containers-json"},
					{"networks.json", "networks"},
					{"volumes.json", "volumes"},
					{NULL, NULL}};
static const struct pair of_engine_after[] = {{"inspect.json", "containers-ID-json"},
					      {"events.json", "events"},
					      {"changes.json", "containers-ID-changes"},
					      {NULL, NULL}};
static const struct pair of_logs[] = {{"api.stream", "containers-ID-logs"}, {NULL, NULL}};

static void open_or_fail(struct replayed *r, const char *name)
{
	struct kan_err err = {0};
	cr_assert_eq(replayed_open(r, &err), 0, "%s: %s", name, err.text);
	cr_assert_eq(r->target->depth, KAN_DEPTH_API,
		     "nothing is proven of an engine without a socket");
}

static void same_bytes(const struct replayed *r, const char *name, const struct pair *p)
{
	struct kan_buf wrote = replayed_artefact(r, p->artefact),
		       answered = replayed_answer(r, p->answer);
	cr_expect(kan_bytes_eq(kan_buf_bytes(&wrote), kan_buf_bytes(&answered)),
		  "%s: %s is not the answer %s", name, p->artefact, p->answer);
	kan_buf_free(&wrote);
	kan_buf_free(&answered);
}

/* Every artefact that was told is in the collector's table; so many were told. */
static void only_allowed(const struct replayed *r, const char *name, size_t expected)
{
	cr_expect_eq(replayed_count(r, KAN_MSG_ARTEFACT), expected,
		     "%s, %s: %zu artefacts, not %zu", name, r->collector->name,
		     replayed_count(r, KAN_MSG_ARTEFACT), expected);
	for (size_t i = 0; i < r->n; i++) {
		if (r->words[i].type != KAN_MSG_ARTEFACT)
			continue;
		const char *file =
			r->words[i].what + strlen("data/") + strlen(r->collector->name) + 1;
		bool allowed = false;
		for (const char *const *a = r->collector->artefacts; *a; a++)
			allowed |= strcmp(*a, file) == 0;
		cr_expect(allowed, "%s: %s", name, r->words[i].what);
		cr_expect_eq(r->words[i].n[2], 1, "%s: %s is not whole", name, r->words[i].what);
	}
}

/* Only GET, only what the table allows; count of them. */
static size_t only_asked(const struct replayed *r, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (r->words[i].type != KAN_MSG_REQUEST)
			continue;
		n++;
		cr_expect_str_eq(r->words[i].why, "GET", "%s", name);
		cr_expect(kan_request_allowed("GET", r->words[i].what), "%s: %s", name,
			  r->words[i].what);
	}
	return n;
}

static const char *first_request(const struct replayed *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->words[i].type == KAN_MSG_REQUEST)
			return r->words[i].what;
	return "";
}

static void engine_is_stored(struct replayed *r, const char *name, void *arg)
{
	(void)arg;
	open_or_fail(r, name);
	cr_assert_eq(replayed_collect(r, "engine"), 0);
	only_allowed(r, name, 9);
	for (const struct pair *p = of_engine; p->artefact; p++)
		same_bytes(r, name, p);
	cr_expect_eq(only_asked(r, name), 9, "%s", name);
	cr_expect(kan_bytes_starts(kan_bytes_of(first_request(r)), "/events?"),
		  "the ring of events is pushed by every other call");
	cr_expect_not_null(replayed_word(r, KAN_MSG_GAP, "config.v2.json", KAN_GAP_DENIED), "%s",
			   name);
	cr_expect_not_null(replayed_word(r, KAN_MSG_SCOPE, "oci-spec.json", -1), "%s", name);
	bool refused = strncmp(name, "podman-4.3/", 11) == 0; /* its history, with 500 */
	cr_expect_eq(replayed_count(r, KAN_MSG_GAP), refused ? 2 : 1, "%s", name);
	if (refused)
		cr_expect_not_null(
			replayed_word(r, KAN_MSG_GAP, "image-history.json", KAN_GAP_UNSUPPORTED));
}

Test(answers, engine_stores_each_answer_byte_for_byte)
{
	replayed_each(engine_is_stored, NULL);
}

static void engine_after_is_stored(struct replayed *r, const char *name, void *arg)
{
	(void)arg;
	open_or_fail(r, name);
	cr_assert_eq(replayed_collect(r, "engine-after"), 0);
	only_allowed(r, name, 4); /* and the clock */
	for (const struct pair *p = of_engine_after; p->artefact; p++)
		same_bytes(r, name, p);
	cr_expect(replayed_has(r, "clock.json"));
	cr_expect_not(replayed_has(r, "members.ndjson"), "%s: no cgroup is proven", name);
	cr_expect_eq(only_asked(r, name), 3, "%s", name);
	cr_expect_eq(replayed_count(r, KAN_MSG_GAP), 0, "%s", name);
	cr_expect_not_null(replayed_word(r, KAN_MSG_SCOPE, "members", -1), "%s", name);
}

Test(answers, engine_after_stores_each_answer_byte_for_byte)
{
	replayed_each(engine_after_is_stored, NULL);
}

static void logs_are_stored(struct replayed *r, const char *name, void *arg)
{
	(void)arg;
	open_or_fail(r, name);
	cr_assert_eq(replayed_collect(r, "logs"), 0);
	if (strcmp(name, "docker-20.10/created") == 0 || strcmp(name, "docker-26.1/created") == 0 ||
	    strcmp(name, "docker-28.5/created") == 0) { /* json-file, and no file was ever made */
		only_allowed(r, name, 0);
		cr_expect_not_null(
			replayed_word(r, KAN_MSG_GAP, "json-file", KAN_GAP_NOT_APPLICABLE));
		cr_expect_eq(only_asked(r, name), 0);
		return;
	}
	only_allowed(r, name, 1);
	same_bytes(r, name, of_logs);
	cr_expect_eq(only_asked(r, name), 1, "%s", name);
	cr_expect_eq(replayed_count(r, KAN_MSG_GAP), 0, "%s", name);
}

Test(answers, logs_by_the_api_are_the_raw_stream)
{
	replayed_each(logs_are_stored, NULL);
}

/* One answer is spoilt: its artefact and its gap are as told, and every other artefact is there all
 * the same. */
struct fault {
	int status; /* 0: the file goes away */
	const char *body;
	enum kan_gap gap;
	bool stored, whole;
};

static void spoil(struct replayed *r, const struct pair *p, const struct fault *f)
{
	if (f->body)
		replayed_put(r, p->answer, f->body);
	else if (!f->status)
		replayed_remove(r, p->answer);
	if (f->status > 0 && f->status != 200)
		replayed_status(r, p->answer, f->status);
	if (f->status < 0)
		replayed_cut(r, p->answer);
}

static void one_fault(const char *collector, const struct pair *all, const struct pair *p,
		      const struct fault *f)
{
	size_t n = 0;
	struct replayed *r = replayed_new("docker-20.10/running");
	open_or_fail(r, collector);
	spoil(r, p, f);
	cr_expect_eq(replayed_collect(r, collector), 0);
	const struct kan_msg *gap = replayed_word(r, KAN_MSG_GAP, p->artefact, (int)f->gap);
	cr_expect_not_null(gap, "%s/%s, status %d: no such gap", collector, p->artefact, f->status);
	for (size_t i = 0; i < r->n; i++) {
		const char *slash = strrchr(r->words[i].what, '/');
		if (r->words[i].type == KAN_MSG_ARTEFACT &&
		    strcmp(slash ? slash + 1 : "", p->artefact) == 0)
			cr_expect_eq(r->words[i].n[2], f->whole, "%s/%s, status %d", collector,
				     p->artefact, f->status);
		n += r->words[i].type == KAN_MSG_GAP && strcmp(r->words[i].what, p->artefact) == 0;
	}
	cr_expect_eq(n, 1, "%s/%s: one fault, one gap", collector, p->artefact);
	for (const struct pair *other = all; other->artefact; other++)
		cr_expect(replayed_has(r, other->artefact), "%s: %s is lost with %s", collector,
			  other->artefact, p->artefact);
	if (f->body) /* what the engine said is evidence, whatever it is worth */
		same_bytes(r, collector, p);
	replayed_free(r);
}

static void each_answer(const struct fault *f)
{
	for (const struct pair *p = of_engine; p->artefact; p++)
		one_fault("engine", of_engine, p, f);
	for (const struct pair *p = of_engine_after; p->artefact; p++)
		one_fault("engine-after", of_engine_after, p, f);
	for (const struct pair *p = of_logs; p->artefact; p++)
		one_fault("logs", of_logs, p, f);
}

Test(answers, a_thing_that_is_gone_is_the_gap_vanished)
{
	each_answer(&(struct fault){0, NULL, KAN_GAP_VANISHED, true, true});
	each_answer(&(struct fault){404, "{\"message\":\"No such container\"}", KAN_GAP_VANISHED,
				    true, true});
}

Test(answers, an_engine_that_cannot_is_the_gap_unsupported_with_its_words)
{
	each_answer(&(struct fault){500, "{\"message\":\"driver failed\"}", KAN_GAP_UNSUPPORTED,
				    true, true});
	each_answer(&(struct fault){501, "", KAN_GAP_UNSUPPORTED, true, true});
	struct replayed *r = replayed_new("docker-20.10/running");
	open_or_fail(r, "running");
	replayed_put(r, "containers-ID-changes", "{\"message\":\"\xff\x1b[2J gone\"}");
	replayed_status(r, "containers-ID-changes", 500);
	cr_assert_eq(replayed_collect(r, "engine-after"), 0);
	const struct kan_msg *gap =
		replayed_word(r, KAN_MSG_GAP, "changes.json", KAN_GAP_UNSUPPORTED);
	cr_assert_not_null(gap);
	cr_expect_null(strchr(gap->why, 27), "no escape reaches a display");
	replayed_free(r);
}

Test(answers, a_refusal_is_the_gap_denied)
{
	each_answer(&(struct fault){403, "{\"message\":\"authorization plugin\"}", KAN_GAP_DENIED,
				    true, true});
	each_answer(&(struct fault){401, "<html>", KAN_GAP_DENIED, true, true});
}

Test(answers, a_connection_that_ends_within_the_body_is_a_gap_and_not_whole)
{
	each_answer(&(struct fault){-1, "{\"Id\":\"", KAN_GAP_MALFORMED, true, false});
}

static void malformed(const char *body)
{
	const struct fault f = {200, body, KAN_GAP_MALFORMED, true, true};
	for (const struct pair *p = of_engine; p->artefact; p++)
		one_fault("engine", of_engine, p, &f);
	for (const struct pair *p = of_engine_after; p->artefact; p++)
		one_fault("engine-after", of_engine_after, p, &f);
}

Test(answers, garbage_is_the_gap_malformed_and_its_bytes_are_kept)
{
	malformed("<html>502 from a proxy</html>");
	malformed("\x01\xff\xfe");
	malformed("{\"Id\":\"never ends");
	malformed("[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\"");
	malformed("{}]");
}

Test(answers, an_empty_answer_is_malformed_but_for_events_where_there_are_none)
{
	struct replayed *r = replayed_new("docker-26/running");
	open_or_fail(r, "running");
	replayed_put(r, "events", "");
	replayed_put(r, "containers-ID-json", "");
	cr_assert_eq(replayed_collect(r, "engine"), 0);
	cr_expect_not_null(replayed_word(r, KAN_MSG_GAP, "inspect.json", KAN_GAP_MALFORMED));
	cr_expect_null(replayed_word(r, KAN_MSG_GAP, "events.json", -1));
	replayed_free(r);
}

Test(answers, an_empty_log_is_an_artefact_and_no_gap)
{
	struct replayed *r = replayed_new("docker-26/running");
	replayed_put(r, "containers-ID-logs", "");
	open_or_fail(r, "running");
	cr_assert_eq(replayed_collect(r, "logs"), 0);
	cr_expect(replayed_has(r, "api.stream"));
	cr_expect_eq(replayed_count(r, KAN_MSG_GAP), 0);
	replayed_free(r);
}

Test(answers, an_inspect_without_an_image_costs_the_image_only)
{
	struct replayed *r = replayed_new("docker-26/running");
	char text[512];
	(void)snprintf(
		text, sizeof(text),
		"{\"Id\":\"%s\",\"State\":{\"Status\":\"exited\"},\"Config\":{},\"HostConfig\":{}}",
		r->id);
	replayed_put(r, "containers-ID-json", text);
	open_or_fail(r, "no image");
	cr_assert_eq(replayed_collect(r, "engine"), 0);
	cr_expect_not_null(replayed_word(r, KAN_MSG_GAP, "image", KAN_GAP_VANISHED));
	cr_expect_not(replayed_has(r, "image-inspect.json"));
	cr_expect(replayed_has(r, "volumes.json"));
	replayed_free(r);
}
