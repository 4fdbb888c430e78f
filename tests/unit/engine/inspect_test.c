/* inspect: hostile values, another container's answer, and the search by name or id. */
#include <criterion/criterion.h>
#include <string.h>

#include "answers.h"

static json_t *parse(const char *text)
{
	json_t *doc = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_engine_parse(&doc, kan_bytes_of(text), &err), 0, "%s: %s", text, err.text);
	return doc;
}

static int read_text(struct kan_inspect *out, const char *text, json_t **doc)
{
	struct kan_err err = {0};
	*doc = parse(text);
	return kan_inspect_read(out, *doc, &err);
}

#define WITH_PID(pid) \
	"{\"Id\":\"" ID_A "\",\"State\":{\"Status\":\"running\",\"Pid\":" pid "},\"Config\":{}}"

Test(inspect, a_pid_that_no_process_may_have_is_no_pid)
{
	static const char *const hostile[] = {WITH_PID("0"),
					      WITH_PID("1"),
					      WITH_PID("-1"),
					      WITH_PID("-4711"),
					      WITH_PID("4194305"),
					      WITH_PID("9223372036854775807"),
					      WITH_PID("null"),
					      WITH_PID("\"4711\""),
					      WITH_PID("4711.0"),
					      WITH_PID("[4711]"),
					      WITH_PID("{}"),
					      WITH_PID("true"),
					      WITH_PID("-9223372036854775808")};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct kan_inspect in;
		json_t *doc = NULL;
		cr_assert_eq(read_text(&in, hostile[i], &doc), 0, "%s", hostile[i]);
		cr_expect_eq(in.pid, 0, "%s", hostile[i]);
		json_decref(doc);
	}
}

Test(inspect, a_number_beyond_64_bits_is_refused_and_not_wrapped)
{
	json_t *doc = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_engine_parse(&doc, KAN_LIT(WITH_PID("9223372036854775808")), &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT, "%s", err.text);
	cr_expect_null(doc);
}

Test(inspect, a_pid_in_range_is_the_engines_word)
{
	struct kan_inspect in;
	json_t *doc = NULL;
	cr_assert_eq(read_text(&in, WITH_PID("4711"), &doc), 0);
	cr_expect_eq(in.pid, 4711);
	json_decref(doc);
}

Test(inspect, an_answer_without_id_state_or_config_is_refused)
{
	static const char *const broken[] = {"{}",
					     "[]",
					     "{\"Id\":\"" ID_A "\"}",
					     "{\"Id\":\"" ID_A "\",\"State\":{}}",
					     "{\"Id\":7,\"State\":{},\"Config\":{}}",
					     "{\"Id\":\"" ID_A "\",\"State\":[],\"Config\":{}}",
					     "{\"Id\":\"" ID_A "\",\"State\":{},\"Config\":\"x\"}"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct kan_inspect in;
		json_t *doc = NULL;
		cr_expect_eq(read_text(&in, broken[i], &doc), -1, "%s", broken[i]);
		json_decref(doc);
	}
}

Test(inspect, keys_of_another_type_are_as_if_absent)
{
	struct kan_inspect in;
	json_t *doc = NULL;
	cr_assert_eq(read_text(&in,
			       "{\"Id\":\"" ID_A
			       "\",\"Name\":[],\"Image\":7,\"Driver\":null,\"LogPath\":{},"
			       "\"State\":{\"Status\":1,\"StartedAt\":false},\"Config\":{\"Tty\":"
			       "\"yes\",\"Image\":{}},"
			       "\"HostConfig\":{\"LogConfig\":[],\"AutoRemove\":1,\"PidMode\":2}}",
			       &doc),
		     0);
	cr_expect_str_eq(in.name, "");
	cr_expect_str_eq(in.image, "");
	cr_expect_str_eq(in.driver, "");
	cr_expect_str_eq(in.log_path, "");
	cr_expect_str_eq(in.status, "");
	cr_expect_str_eq(in.pid_mode, "");
	cr_expect_not(in.tty);
	cr_expect_not(in.auto_remove);
	json_decref(doc);
}

Test(inspect, a_host_config_that_is_missing_or_a_list_is_no_end)
{
	struct kan_inspect in;
	json_t *doc = NULL;
	cr_assert_eq(read_text(&in,
			       "{\"Id\":\"" ID_A
			       "\",\"State\":{},\"Config\":{},\"HostConfig\":[1]}",
			       &doc),
		     0);
	cr_expect_str_eq(in.log_driver, "");
	json_decref(doc);
}

Test(inspect, states_of_both_engines_are_known_and_no_other)
{
	static const struct {
		const char *word;
		enum kan_state state;
	} known[] = {{"created", KAN_STATE_CREATED},     {"running", KAN_STATE_RUNNING},
		     {"paused", KAN_STATE_PAUSED},       {"restarting", KAN_STATE_RESTARTING},
		     {"exited", KAN_STATE_EXITED},       {"dead", KAN_STATE_DEAD},
		     {"removing", KAN_STATE_REMOVING},   {"configured", KAN_STATE_CREATED},
		     {"initialized", KAN_STATE_CREATED}, {"stopped", KAN_STATE_EXITED}};
	enum kan_state s;
	struct kan_err err = {0};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		cr_assert_eq(kan_state_of(&s, known[i].word, &err), 0);
		cr_expect_eq(s, known[i].state, "%s", known[i].word);
	}
	cr_expect_eq(kan_state_of(&s, "", &err), -1);
	cr_expect_eq(kan_state_of(&s, "Running", NULL), -1);
	cr_expect_eq(kan_state_of(&s, "running\n", NULL), -1);
}

Test(inspect, an_answer_belongs_to_what_was_asked)
{
	const struct kan_inspect in = {.id = ID_A, .name = "web"};
	static const char *const yes[] = {"web", "/web", ID_A, "3f2a9c41d0be", "3"};
	static const char *const no[] = {"", "/", "we", "webb", "WEB", ID_B, ID_A "0", "//web"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		cr_expect(kan_inspect_answers(&in, yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		cr_expect_not(kan_inspect_answers(&in, no[i]), "%s", no[i]);
	const struct kan_inspect short_id = {.id = "3f2a9c41d0be", .name = "web"};
	cr_expect_not(kan_inspect_answers(&short_id, "web"),
		      "an id that is no full id proves nothing");
}

static int find(struct answers *a, const char *asked, struct kan_err *err)
{
	struct kan_engine *e = answers_engine(a);
	struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	json_t *doc = NULL;
	int rc = kan_find_container(&doc, &raw, e, asked, err);
	cr_expect_eq(doc != NULL, rc == 0, "a failure leaves its out parameter alone");
	json_decref(doc);
	kan_buf_free(&raw);
	kan_engine_free(e);
	return rc;
}

static void found(const char *answer, const char *asked, enum kan_code code, const char *words)
{
	struct answers a = answers_new();
	struct kan_err err = {0};
	char name[300];
	(void)snprintf(name, sizeof(name), "containers-%.200s-json", asked);
	if (answer)
		answers_put(&a, name, answer);
	answers_put(&a, "containers-json",
		    "[{\"Id\":\"" ID_A "\",\"Names\":[\"/web\"]},{\"Id\":\"" ID_B
		    "\",\"Names\":[\"/web-2\"]},"
		    "{\"Id\":7,\"Names\":null},null]");
	cr_expect_eq(find(&a, asked, &err), code == KAN_OK ? 0 : -1, "%s: %s", asked, err.text);
	cr_expect_eq(err.code, code, "%s: %d %s", asked, err.code, err.text);
	cr_expect(strstr(err.text, words), "%s: %s", asked, err.text);
	answers_leave(&a);
}

Test(inspect, a_container_is_found_by_name)
{
	found("{\"Id\":\"" ID_A "\",\"Name\":\"/web\",\"State\":{},\"Config\":{}}", "web", KAN_OK,
	      "");
}

Test(inspect, another_containers_answer_is_not_taken)
{
	found("{\"Id\":\"" ID_B "\",\"Name\":\"/other\",\"State\":{},\"Config\":{}}", "web",
	      KAN_EENGINE, "another container");
}

Test(inspect, a_beginning_that_two_share_is_ambiguous_and_both_are_named)
{
	found(NULL, "3f2a9c41d0be", KAN_EUSAGE, "3f2a9c41d0be (web), 3f2a9c41d0be (web-2)");
}

Test(inspect, a_name_that_nobody_has_is_not_found)
{
	found(NULL, "nobody", KAN_ENOTFOUND, "no container 'nobody'");
}

Test(inspect, a_text_that_can_be_no_name_is_not_found_and_never_sent)
{
	found(NULL, "../../images/json?x=", KAN_ENOTFOUND, "no container");
	found(NULL, "a b\r\nX: y", KAN_ENOTFOUND, "no container");
	found(NULL, "", KAN_ENOTFOUND, "no container");
}

Test(inspect, an_answer_that_is_no_json_is_the_engines_fault)
{
	found("<html>", "web", KAN_EENGINE, "cannot be read");
	found("{\"Id\":1,\"Id\":2}", "web", KAN_EENGINE, "cannot be read");
}

Test(inspect, a_document_deeper_than_the_limit_is_refused)
{
	char deep[1024];
	json_t *doc = NULL;
	struct kan_err err = {0};
	memset(deep, '[', 500);
	memset(deep + 500, ']', 500);
	deep[1000] = 0;
	cr_assert_eq(kan_engine_parse(&doc, kan_bytes_of(deep), &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT);
}
