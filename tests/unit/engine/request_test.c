/* The table of requests: what may be sent, and that nothing else ever is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "answers.h"

#define HEX64 "/containers/" ID_A

Test(request, what_the_collectors_ask_is_allowed)
{
	static const char *const paths[] = {"/_ping",
					    "/version",
					    "/info",
					    "/events?since=0&until=1795325675",
					    "/networks",
					    "/volumes",
					    "/containers/json?all=1",
					    HEX64 "/json",
					    HEX64 "/changes",
					    HEX64 "/logs?stdout=1&stderr=1&timestamps=1",
					    "/containers/web-1.x_y/json",
					    "/images/sha256:0123abcd/json",
					    "/images/sha256:0123abcd/history",
					    "/networks/bridge",
					    "/volumes/web-data"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		cr_expect(kan_request_allowed("GET", paths[i]), "%s", paths[i]);
	cr_expect(kan_request_allowed("POST", HEX64 "/pause"));
	cr_expect(kan_request_allowed("POST", HEX64 "/unpause"));
	cr_expect(kan_request_allowed("POST", HEX64 "/kill"));
	cr_expect(kan_request_allowed("POST", HEX64 "/stop?t=10"));
	cr_expect(kan_request_allowed("POST", HEX64 "/start"));
	cr_expect(kan_request_allowed("POST", HEX64 "/update"));
	cr_expect(kan_request_allowed("POST", HEX64 "/rename?name=web-quarantined"));
	cr_expect(kan_request_allowed("POST", "/networks/shop/connect"));
	cr_expect(kan_request_allowed("POST", "/networks/shop/disconnect"));
}

Test(request, nothing_that_changes_or_runs_is_allowed)
{
	static const struct {
		const char *method, *path;
	} never[] = {{"POST", HEX64 "/kill?signal=SIGTERM"},
		     {"POST", "/networks/shop/disconnect?x"},
		     {"POST", "/networks/shop/prune"},
		     {"POST", "/networks/prune"},
		     {"POST", "/networks/create"},
		     {"DELETE", "/networks/shop"},
		     {"GET", HEX64 "/kill"},
		     {"GET", HEX64 "/stop"},
		     {"POST", HEX64 "/restart"},
		     {"POST", HEX64 "/exec"},
		     {"POST", HEX64 "/start?checkpoint=x"},
		     {"POST", HEX64 "/update?x"},
		     {"GET", HEX64 "/start"},
		     {"GET", HEX64 "/update"},
		     {"POST", "/exec/1/start"},
		     {"POST", "/containers/create"},
		     {"POST", "/commit"},
		     {"POST", "/build"},
		     {"POST", "/images/create"},
		     {"DELETE", HEX64},
		     {"PUT", HEX64 "/archive"},
		     {"GET", HEX64 "/archive?path=/"},
		     {"HEAD", HEX64 "/archive"},
		     {"GET", HEX64 "/attach/ws"},
		     {"POST", "/prune"},
		     {"POST", "/containers/prune"},
		     {"GET", HEX64 "/pause"},
		     {"GET", HEX64 "/unpause"},
		     {"POST", HEX64 "/json"},
		     {"post", HEX64 "/pause"},
		     {"POST", "/containers//pause"},
		     {"POST", HEX64 "/pause?x=1"},
		     {"POST", HEX64 "/pause/"}};
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		cr_expect_not(kan_request_allowed(never[i].method, never[i].path), "%s %s",
			      never[i].method, never[i].path);
}

Test(request, a_segment_cannot_climb_split_or_carry_a_query)
{
	static const char *const never[] = {"/containers/../json",
					    "/containers/./json",
					    "/containers/a/b/json",
					    "/containers/a%2f/json",
					    "/containers/a b/json",
					    "/containers/a?x=/json",
					    "/containers/a#/json",
					    "/containers/a\r\nHost: x/json",
					    "/containers/\xff/json",
					    "/containers//json",
					    "containers/a/json",
					    "/containers/a/json/",
					    "/info/",
					    "/info?x",
					    "/INFO",
					    "",
					    "/events?since=0 HTTP/1.1",
					    "/events?a\r\nX: y",
					    "/events/x?",
					    "/v1.41/info"};
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		cr_expect_not(kan_request_allowed("GET", never[i]), "%s", never[i]);
	char longer[400] = "/containers/";
	memset(longer + 12, 'a', 256);
	strcpy(longer + 12 + 256, "/json");
	cr_expect_not(kan_request_allowed("GET", longer), "a name over 255 octets");
}

static void count(const struct kan_engine_call *call, void *arg)
{
	(void)call;
	++*(size_t *)arg;
}

Test(request, one_that_is_not_allowed_is_refused_before_it_is_sent_or_recorded)
{
	struct answers a = answers_new();
	struct kan_engine *e = answers_engine(&a);
	struct kan_buf raw = KAN_BUF(1024);
	struct kan_err err = {0};
	size_t calls = 0;
	kan_engine_watch(e, count, &calls);
	cr_assert_eq(kan_engine_get_raw(&raw, e, "/containers/x/archive?path=/", &err), -1);
	cr_expect_eq(err.code, KAN_EREFUSED);
	cr_expect_eq(calls, 0);
	cr_assert_eq(kan_engine_get_raw(&raw, e, "/info", &(struct kan_err){0}), -1,
		     "not recorded is 404");
	cr_expect_eq(calls, 1);
	kan_buf_free(&raw);
	kan_engine_free(e);
	answers_leave(&a);
}

struct seen {
	int status;
	uint64_t octets;
	char sha256[65];
};

static void keep(const struct kan_engine_call *call, void *arg)
{
	struct seen *s = arg;
	s->status = call->status;
	s->octets = call->octets;
	memcpy(s->sha256, call->sha256, sizeof(s->sha256));
}

Test(request, the_record_of_a_call_has_status_octets_and_digest_of_the_answer)
{
	struct answers a = answers_new();
	struct kan_engine *e = answers_engine(&a);
	struct kan_buf raw = KAN_BUF(1024);
	struct seen s = {0};
	answers_put(&a, "info", "abc");
	kan_engine_watch(e, keep, &s);
	cr_assert_eq(kan_engine_get_raw(&raw, e, "/info", NULL), 0);
	cr_expect_eq(s.status, 200);
	cr_expect_eq(s.octets, 3);
	cr_expect_str_eq(s.sha256,
			 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	kan_buf_free(&raw);
	kan_engine_free(e);
	answers_leave(&a);
}

Test(request, a_status_becomes_a_code_with_the_engines_words_made_harmless)
{
	static const struct {
		int status;
		enum kan_code code;
	} cases[] = {{200, KAN_OK},      {204, KAN_OK},           {304, KAN_EENGINE},
		     {401, KAN_EDENIED}, {403, KAN_EDENIED},      {404, KAN_ENOTFOUND},
		     {409, KAN_EENGINE}, {500, KAN_EUNSUPPORTED}, {501, KAN_EUNSUPPORTED},
		     {503, KAN_EENGINE}, {0, KAN_EENGINE}};
	const struct kan_bytes body = KAN_LIT("{\"message\":\"no \\u001b[31m such\\nthing\"}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kan_err err = {0};
		int rc = kan_engine_status_err(cases[i].status, "/x", body, &err);
		cr_expect_eq(rc, cases[i].code == KAN_OK ? 0 : -1, "%d", cases[i].status);
		cr_expect_eq(err.code, cases[i].code, "%d", cases[i].status);
		cr_expect_null(strchr(err.text, 27));
		cr_expect_null(strchr(err.text, '\n'));
	}
	struct kan_err err = {0};
	cr_expect_eq(kan_engine_status_err(500, "/x", KAN_LIT("\xff\xff not json"), &err), -1);
	cr_expect(strstr(err.text, "no words"), "%s", err.text);
}

Test(request, how_long_a_call_may_take_follows_its_kind_and_not_the_containers_name)
{
	static const char *const names[] = {"web",      "pause-x", "x-unpause", "changes",
					    "logs-web", "get",     "export"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "/containers/%s/json", names[i]);
		const struct kan_request *kind = kan_request_find("GET", path);
		cr_assert_not_null(kind, "%s", path);
		cr_expect_eq(kind->total_ms, 60000, "%s", path);
		cr_expect_eq(kind->silence_s, 0, "%s", path);
	}
	cr_expect_eq(kan_request_find("GET", HEX64 "/changes")->silence_s, 30);
	cr_expect_lt(kan_request_find("POST", HEX64 "/unpause")->total_ms, 5000);
	cr_expect_lt(kan_request_find("GET", HEX64 "/export")->total_ms +
			     kan_request_find("GET", HEX64 "/changes")->total_ms,
		     900000, "the collector's own limit");
	const struct kan_request *image = kan_request_find("GET", "/images/sha256:0123abcd/get");
	cr_assert_not_null(image);
	cr_expect_leq(image->total_ms, 1200000 / 2, "its collector reads it after it came");
	cr_expect_lt(image->silence_s * 1000, image->total_ms);
}
