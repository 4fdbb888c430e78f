/* Acts without an engine: who is refused, what inspect says of networks, the undo as a command. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "respond/respond.h"
#include "respond/state.h"

#define ID "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1"
#define USUAL "unix:///run/docker.sock"

static char name[] = "web";

static int allowed(const char *inspect, enum kan_respond_do what, bool loses, struct kan_err *err)
{
	json_auto_t *doc = json_loads(inspect, 0, NULL);
	cr_assert_not_null(doc);
	struct kan_target t = {.name = name, .inspect = doc};
	t.auto_remove =
		json_is_true(json_object_get(json_object_get(doc, "HostConfig"), "AutoRemove"));
	t.net_host = strstr(inspect, "\"NetworkMode\":\"host\"") != NULL;
	return kan_respond_allowed(&t, what, loses, err);
}

Test(respond, only_what_loses_the_original_or_cannot_be_is_refused)
{
	static const char rm[] = "{\"HostConfig\":{\"AutoRemove\":true},\"Config\":{}}";
	static const char swarm[] =
		"{\"Config\":{\"Labels\":{\"com.docker.swarm.service.id\":\"x\"}}}";
	static const char plain[] = "{\"HostConfig\":{},\"Config\":{\"Labels\":null}}";
	static const char host[] = "{\"HostConfig\":{\"NetworkMode\":\"host\"}}";
	static const char shared[] = "{\"HostConfig\":{\"NetworkMode\":\"container:" ID "\"}}";
	static const struct {
		const char *inspect;
		enum kan_respond_do what;
		bool loses, ok;
	} cases[] = {
		{rm, KAN_RESPOND_KILL, false, false},
		{rm, KAN_RESPOND_STOP, false, false},
		{rm, KAN_RESPOND_KILL, true, true},
		{rm, KAN_RESPOND_STOP, true, true},
		{rm, KAN_RESPOND_PAUSE, false, true},
		{rm, KAN_RESPOND_DISCONNECT, false, true},
		{swarm, KAN_RESPOND_KILL, false, false},
		{swarm, KAN_RESPOND_KILL, true, true},
		{swarm, KAN_RESPOND_PAUSE, false, true},
		{plain, KAN_RESPOND_KILL, false, true},
		{plain, KAN_RESPOND_STOP, false, true},
		{host, KAN_RESPOND_DISCONNECT, true, false},
		{host, KAN_RESPOND_KILL, false, true},
		{shared, KAN_RESPOND_DISCONNECT, true, false},
		{shared, KAN_RESPOND_PAUSE, false, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kan_err err = {0};
		int rc = allowed(cases[i].inspect, cases[i].what, cases[i].loses, &err);
		cr_expect_eq(rc, cases[i].ok ? 0 : -1, "case %zu", i);
		cr_expect_eq(err.code, cases[i].ok ? KAN_OK : KAN_EREFUSED, "case %zu", i);
	}
}

static json_t *networks(const char *text)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(1 << 16);
	kan_buf_addf(&b, "{\"Id\":\"" ID "\",\"NetworkSettings\":{\"Networks\":%s}}", text);
	json_auto_t *doc = json_loads(kan_buf_str(&b), 0, NULL);
	cr_assert_not_null(doc, "%s", text);
	return kan_state_networks(doc);
}

Test(respond, networks_are_read_with_what_an_undo_needs_and_none_is_no_network)
{
	json_auto_t *list = networks("{\"none\":{\"NetworkID\":\"n\"},"
				     "\"shop\":{\"NetworkID\":\"abc\",\"IPAddress\":\"10.1.0.2\","
				     "\"MacAddress\":\"02:42\","
				     "\"Aliases\":[\"db\",\"3f2a9c41d0be\",7],\"IPAMConfig\":{"
				     "\"IPv4Address\":\"10.1.0.2\"}}}");
	cr_assert_eq(json_array_size(list), 1);
	json_auto_t *want = json_loads(
		"{\"name\":\"shop\",\"id\":\"abc\",\"ip\":\"10.1.0.2\",\"mac\":\"02:42\","
		"\"aliases\":[\"db\"],\"fixed\":{\"ip\":\"10.1.0.2\"}}",
		0, NULL);
	cr_expect(json_equal(json_array_get(list, 0), want), "%s", json_dumps(list, 0));
}

Test(respond, an_inspect_of_any_shape_has_networks_or_none)
{
	static const char *const shapes[] = {
		"null",  "[]",           "7",
		"\"x\"", "{\"a\":null}", "{\"a\":{\"IPAMConfig\":[],\"Aliases\":{}}}"};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		json_auto_t *list = networks(shapes[i]);
		cr_expect_eq(json_array_size(list), i < 4 ? 0 : 1, "%s", shapes[i]);
	}
}

static void undo_is(const char *host, const char *text, const char *want)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(1 << 16);
	json_auto_t *list = networks(text);
	kan_undo_connect(&b, host, list, ID);
	cr_expect_str_eq(kan_buf_str(&b), want);
}

Test(respond, the_undo_of_a_disconnect_asks_for_what_somebody_chose_and_nothing_else)
{
	undo_is(USUAL, "{\"bridge\":{\"NetworkID\":\"a\",\"IPAddress\":\"172.17.0.2\"}}",
		"docker network connect bridge 3f2a9c41d0be");
	undo_is(USUAL,
		"{\"shop\":{\"NetworkID\":\"a\",\"Aliases\":[\"db\",\"sql\"],\"Links\":[\"x:y\"],"
		"\"IPAMConfig\":{\"IPv4Address\":\"10.1.0.2\",\"IPv6Address\":\"fd00::2\","
		"\"LinkLocalIPs\":[\"169.254.1.1\"]}}}",
		"docker network connect --ip 10.1.0.2 --ip6 fd00::2 --link-local-ip 169.254.1.1 "
		"--alias db --alias sql --link x:y shop 3f2a9c41d0be");
	undo_is("unix:///run/podman/podman.sock", "{\"a\":{},\"b\":{}}",
		"podman network connect a 3f2a9c41d0be && podman network connect b 3f2a9c41d0be");
	undo_is("unix:///tmp/x y.sock", "{\"a\":{}}",
		"docker -H 'unix:///tmp/x y.sock' network connect a 3f2a9c41d0be");
}

Test(respond, a_name_of_a_lying_engine_stays_one_word_of_the_shell)
{
	static const char *const names[] = {"$(touch x)", "a;b",   "a'b", "a b",
					    "`id`",       "a\\nb", "-rf"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(1024), shell = KAN_BUF(4096);
		kan_buf_addf(&text, "{\"%s\":{}}", names[i]);
		json_auto_t *list = networks(kan_buf_str(&text));
		const char *want =
			json_string_value(json_object_get(json_array_get(list, 0), "name"));
		kan_buf_adds(&shell,
			     "docker() { for last; do before=$word; word=$last; done; printf %s "
			     "\"$before\"; }; ");
		kan_undo_connect(&shell, USUAL, list, ID);
		FILE *p = popen(kan_buf_str(&shell), "r");
		char got[256] = {0};
		cr_assert_not_null(p);
		(void)!fread(got, 1, sizeof(got) - 1, p);
		cr_expect_eq(pclose(p), 0, "%s", kan_buf_str(&shell));
		cr_expect_str_eq(got, want, "%s", kan_buf_str(&shell));
	}
}

static void sentence_is(const char *act, const char *want)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	json_auto_t *doc = json_loads(act, 0, NULL);
	kan_respond_sentence(&b, doc, "web");
	cr_expect_str_eq(kan_buf_str(&b), want);
}

Test(respond, one_line_says_what_it_is_now_and_how_to_take_it_back)
{
	sentence_is("{\"do\":\"pause\",\"after\":\"paused\",\"undo\":\"docker unpause x\"}",
		    "container web is paused and stays so; undo: docker unpause x");
	sentence_is("{\"do\":\"pause\",\"after\":\"exited\",\"undo\":\"\",\"already\":true}",
		    "container web does not run: there is nothing to pause");
	sentence_is("{\"do\":\"pause\",\"after\":\"paused\",\"undo\":\"docker unpause x\","
		    "\"already\":true}",
		    "container web was paused already, not by this capture, and is left so; "
		    "undo: docker unpause x");
	sentence_is("{\"do\":\"disconnect\",\"undo\":\"\",\"already\":true}",
		    "container web was on no network already");
	sentence_is("{\"do\":\"disconnect\",\"after\":\"gone\",\"undo\":\"\",\"already\":true}",
		    "container web is gone: the engine has it no more");
	sentence_is("{\"do\":\"kill\",\"undo\":\"\"}",
		    "container web is ended (SIGKILL); it cannot be undone");
	sentence_is("{\"do\":\"stop\",\"undo\":\"docker start x\",\"already\":true}",
		    "container web had ended already; undo: docker start x");
}

Test(respond, one_that_is_left_paused_is_resumed_before_the_rest_is_undone)
{
	json_auto_t *act =
		json_loads("{\"do\":\"disconnect\",\"undo\":\"docker network connect a x\","
			   "\"impact\":[\"network a detached\"]}",
			   0, NULL);
	json_t *made = NULL;
	kan_respond_left_paused(&act, USUAL, ID, NULL);
	cr_expect_str_eq(json_string_value(json_object_get(act, "undo")),
			 "docker unpause 3f2a9c41d0be && docker network connect a x");
	cr_expect_eq(json_array_size(json_object_get(act, "impact")), 2);
	kan_respond_left_paused(&made, USUAL, ID, NULL);
	cr_expect_str_eq(json_string_value(json_object_get(made, "do")), "pause");
	cr_expect_str_eq(json_string_value(json_object_get(made, "undo")),
			 "docker unpause 3f2a9c41d0be");
	json_decref(made);
}
