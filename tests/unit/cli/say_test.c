/* Messages and exit statuses. */
#include "fixture.h"

const struct kan_command *const kan_commands[] = {NULL};

Test(say, a_message_is_one_line_and_shows_control_characters_as_text)
{
	char said[1024];
	cr_redirect_stderr();
	kan_say("no container is called '%s'", "web\x1b[2J\n\xe2\x80\xaeroot");
	cr_assert_str_eq(
		test_said(said, sizeof(said)),
		"kanshiki: no container is called 'web\\x1b[2J\\x0a\\xe2\\x80\\xaeroot'\n");
}

Test(say, every_kind_of_error_has_its_exit_status)
{
	static const struct {
		enum kan_code code;
		int status;
	} rows[] = {{KAN_OK, 0},      {KAN_EUSAGE, 2},   {KAN_ENOTFOUND, 3},   {KAN_EENGINE, 4},
		    {KAN_EDENIED, 6}, {KAN_EIO, 1},      {KAN_EFORMAT, 1},     {KAN_ELIMIT, 1},
		    {KAN_ETAMPER, 7}, {KAN_EREFUSED, 8}, {KAN_EUNSUPPORTED, 4}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kan_err err = {.code = rows[i].code};
		cr_assert_eq(kan_status_of(&err), rows[i].status);
		cr_assert_str_neq(kan_status_words(rows[i].status), "unknown");
	}
}

Test(say, the_worst_of_several_statuses_follows_the_documented_order)
{
	static const int order[] = {1, 7, 130, 124, 5, 9, 0};
	const size_t n = sizeof(order) / sizeof(order[0]);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i; k < n; k++) {
			cr_assert_eq(kan_status_worst(order[i], order[k]), order[i]);
			cr_assert_eq(kan_status_worst(order[k], order[i]), order[i]);
		}
	}
}
