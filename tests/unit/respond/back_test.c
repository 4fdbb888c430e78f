/* Settings, ways back and what is said of them, without an engine. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "respond/respond.h"
#include "respond/state.h"

#define ID "3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1"
#define USUAL "unix:///run/docker.sock"

static char name[] = "k8s_web_pod";

Test(back, what_belongs_to_a_pod_keeps_its_name_and_is_not_ended_unless_that_was_said)
{
	json_auto_t *doc =
		json_loads("{\"Config\":{\"Labels\":{\"io.kubernetes.pod.uid\":\"x\"}}}", 0, NULL);
	const struct kan_target t = {.name = name, .inspect = doc};
	struct kan_err err = {0};
	cr_expect_eq(kan_respond_allowed(&t, KAN_RESPOND_LABEL, true, &err), -1);
	cr_expect_eq(err.code, KAN_EREFUSED);
	cr_expect_eq(kan_respond_allowed(&t, KAN_RESPOND_KILL, false, &err), -1);
	cr_expect_eq(kan_respond_allowed(&t, KAN_RESPOND_KILL, true, &err), 0);
	cr_expect_eq(kan_respond_allowed(&t, KAN_RESPOND_PAUSE, false, &err), 0);
	cr_expect_eq(kan_respond_allowed(&t, KAN_RESPOND_NO_RESTART, false, &err), 0);
}

Test(back, each_act_has_a_word_that_takes_it_back_and_no_way_back_has_one)
{
	static const char *const pairs[][2] = {
		{"pause", "resume"}, {"disconnect", "connect"},        {"kill", "start"},
		{"stop", "start"},   {"no-restart", "restart-policy"}, {"label", "rename"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		cr_expect_str_eq(kan_respond_back_word(pairs[i][0]), pairs[i][1]);
		cr_expect_null(kan_respond_back_word(pairs[i][1]), "%s", pairs[i][1]);
	}
	for (size_t i = 0; kan_respond_words[i]; i++)
		cr_expect_not_null(kan_respond_back_word(kan_respond_words[i]));
	cr_expect_null(kan_respond_back_word(""));
}

static void restart_undo_is(const char *restart, const char *want)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	json_auto_t *doc = json_loads(restart, 0, NULL);
	kan_undo_restart(&b, USUAL, doc, ID);
	cr_expect_str_eq(kan_buf_str(&b), want);
}

Test(back, the_undo_of_settings_is_a_command_in_which_no_word_becomes_two)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	restart_undo_is("{\"policy\":\"always\",\"tries\":0}",
			"docker update --restart=always 3f2a9c41d0be");
	restart_undo_is("{\"policy\":\"on-failure\",\"tries\":5}",
			"docker update --restart=on-failure:5 3f2a9c41d0be");
	restart_undo_is("{\"policy\":\"a; rm -rf /\",\"tries\":0}",
			"docker update --restart='a; rm -rf /' 3f2a9c41d0be");
	kan_undo_rename(&b, USUAL, "we'b $(id)", ID);
	cr_expect_str_eq(kan_buf_str(&b), "docker rename 3f2a9c41d0be 'we'\\''b $(id)'");
}

static json_t *net(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	cr_assert_not_null(o, "%s", text);
	return o;
}

Test(back, networks_are_the_same_by_id_and_by_name_only_where_one_has_no_id)
{
	json_auto_t *a = net("{\"id\":\"1\",\"name\":\"shop\"}"),
		    *b = net("{\"id\":\"1\",\"name\":\"x\"}"),
		    *c = net("{\"id\":\"2\",\"name\":\"shop\"}"), *d = net("{\"name\":\"shop\"}"),
		    *e = net("{\"name\":\"other\"}");
	cr_expect(kan_state_same(a, b));
	cr_expect_not(kan_state_same(a, c));
	cr_expect(kan_state_same(a, d));
	cr_expect_not(kan_state_same(a, e));
}

static void condition_is(const char *inspect, const char *want)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(4096);
	json_auto_t *doc = inspect ? json_loads(inspect, 0, NULL) : NULL;
	kan_respond_condition(&b, doc);
	cr_expect_str_eq(kan_buf_str(&b), want);
}

Test(back, its_condition_is_one_line_whatever_inspect_has)
{
	condition_is(NULL, "gone, or never there: the engine does not have it");
	condition_is("{\"State\":{\"Status\":\"running\",\"Paused\":true},\"HostConfig\":{"
		     "\"RestartPolicy\":{\"Name\":\"always\"}}}",
		     "paused, on no network, restart policy always");
	condition_is("{\"State\":{\"Status\":\"exited\"},\"NetworkSettings\":{\"Networks\":{"
		     "\"bridge\":{},\"shop\":{}}}}",
		     "exited, on network bridge, shop, restart policy no");
	condition_is("[]", "in no state, on no network, restart policy no");
	condition_is("{\"State\":7,\"HostConfig\":[],\"NetworkSettings\":null}",
		     "in no state, on no network, restart policy no");
}

Test(back, names_lose_the_engines_slash_and_nothing_else)
{
	json_auto_t *a = net("{\"Name\":\"/web\"}"), *b = net("{\"Name\":\"web\"}"), *c = net("{}");
	cr_expect_str_eq(kan_state_name(a), "web");
	cr_expect_str_eq(kan_state_name(b), "web");
	cr_expect_str_eq(kan_state_name(c), "");
}
