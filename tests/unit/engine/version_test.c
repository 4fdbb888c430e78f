/* Which API version is spoken, and which engine is no engine. */
#include <criterion/criterion.h>
#include <string.h>

#include "answers.h"

static void chosen(const char *least, const char *most, const char *expected)
{
	char api[16] = "untouched";
	struct kan_err err = {0};
	int rc = kan_engine_choose_api(api, least, most, &err);
	if (expected) {
		cr_expect_eq(rc, 0, "%s to %s: %s", least, most, err.text);
		cr_expect_str_eq(api, expected);
		return;
	}
	cr_expect_eq(rc, -1, "%s to %s: %s", least ? least : "(none)", most ? most : "(none)", api);
	cr_expect_eq(err.code, KAN_EENGINE);
	cr_expect_str_eq(api, "untouched");
}

Test(version, the_engines_newest_is_taken_as_far_as_we_know_it)
{
	chosen("1.12", "1.41", "1.41");
	chosen("1.24", "1.52", "1.52");
	chosen("1.24", "1.53", "1.52");
	chosen("1.52", "1.99", "1.52");
	chosen("1.12", "1.24", "1.24");
	chosen(NULL, "1.41", "1.41");
	chosen("", "1.41", "1.41");
}

Test(version, ranges_outside_ours_are_refused_with_both_named)
{
	struct kan_err err = {0};
	char api[16];
	chosen("1.12", "1.23", NULL);
	chosen("1.53", "1.60", NULL);
	chosen("1.53", "1.53", NULL);
	cr_assert_eq(kan_engine_choose_api(api, "1.53", "1.60", &err), -1);
	cr_expect(strstr(err.text, "1.53 to 1.60") && strstr(err.text, "1.24 to 1.52"), "%s",
		  err.text);
}

Test(version, what_is_no_version_is_refused)
{
	static const char *const hostile[] = {"",
					      "1",
					      "1.",
					      "2.0",
					      "1.-1",
					      "1.41x",
					      "1.41 ",
					      " 1.41",
					      "1.+41",
					      "1.4.1",
					      "1.99999999999999999999",
					      "v1.41",
					      "1.41\n",
					      "one",
					      "1.10001"};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		chosen(NULL, hostile[i], NULL);
	chosen(NULL, NULL, NULL);
	chosen("x", "1.41", NULL);
}

static void opened(const char *version, const char *api)
{
	struct answers a = answers_new();
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	answers_put(&a, "version", version);
	cr_expect_eq(kan_engine_open(&e, a.host, &err), api ? 0 : -1, "%s: %s", version, err.text);
	if (api)
		cr_expect_str_eq(kan_engine_api(e), api);
	else
		cr_expect_eq(err.code, KAN_EENGINE, "%s", version);
	kan_engine_free(e);
	answers_leave(&a);
}

Test(version, an_engine_is_opened_or_refused_by_its_version_answer)
{
	opened("{\"ApiVersion\":\"1.45\",\"MinAPIVersion\":\"1.24\"}", "1.45");
	opened("{\"ApiVersion\":\"1.41\"}", "1.41");
	opened("{\"ApiVersion\":\"1.23\"}", NULL);
	opened("{\"ApiVersion\":1.41}", NULL);
	opened("{\"ApiVersion\":null}", NULL);
	opened("{}", NULL);
	opened("[]", NULL);
}

Test(version, a_version_answer_that_cannot_be_read_costs_the_prefix_and_nothing_else)
{
	opened("not json", "");
	opened("", "");
}

Test(version, a_folder_without_a_ping_is_no_engine)
{
	struct answers a = answers_new();
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_assert_eq(unlinkat(a.p.fd, "_ping", 0), 0);
	cr_expect_eq(kan_engine_open(&e, a.host, &err), -1);
	cr_expect_null(e);
	answers_leave(&a);
}

Test(version, only_a_unix_socket_is_an_engines_address)
{
	static const char *const hosts[] = {
		"tcp://127.0.0.1:2375", "http://x", "unix://relative", "ssh://x", "unix:/x",
		"/run/docker.sock",     "npipe:x",  "unix://"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct kan_engine *e = NULL;
		struct kan_err err = {0};
		cr_expect_eq(kan_engine_open(&e, hosts[i], &err), -1, "%s", hosts[i]);
		cr_expect_eq(err.code, KAN_EUSAGE, "%s: %s", hosts[i], err.text);
	}
}

Test(version, a_socket_where_nobody_listens_is_said_with_its_path)
{
	struct kan_engine *e = NULL;
	struct kan_err err = {0};
	cr_expect_eq(kan_engine_open(&e, "unix:///nowhere/docker.sock", &err), -1);
	cr_expect_eq(err.code, KAN_EENGINE, "%s", err.text);
	cr_expect(strstr(err.text, "/nowhere/docker.sock"), "%s", err.text);
}

Test(version, what_answers_a_ping_with_other_words_is_no_engine_that_can_be_used)
{
	static const char *const pings[] = {"", "<html>", "{}", "OK\n", "ok"};
	for (size_t i = 0; i < sizeof(pings) / sizeof(pings[0]); i++) {
		struct answers a = answers_new();
		struct kan_engine *e = NULL;
		struct kan_err err = {0};
		answers_put(&a, "_ping", pings[i]);
		cr_expect_eq(kan_engine_open(&e, a.host, &err), -1, "'%s'", pings[i]);
		cr_expect_eq(err.code, KAN_EENGINE, "'%s'", pings[i]);
		answers_leave(&a);
	}
}
