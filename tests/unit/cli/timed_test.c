/* A question that may never be answered: the answer, the error, or the time limit. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/row.h"
#include "cli/timed.h"

enum { LONG_S = 60, SHORT_S = 1 };

static int tells(json_t **out, const void *arg, struct kan_err *err)
{
	(void)err;
	*out = json_pack("{s:s}", "said", (const char *)arg);
	return 0;
}

static int fails(json_t **out, const void *arg, struct kan_err *err)
{
	(void)out;
	(void)arg;
	kan_err_set(err, KAN_EDENIED, EPERM, "not \x1b[2J you");
	return -1;
}

static int hangs(json_t **out, const void *arg, struct kan_err *err)
{
	(void)out;
	(void)arg;
	(void)err;
	while (pause() < 0)
		;
	return 0;
}

static int dies(json_t **out, const void *arg, struct kan_err *err)
{
	(void)out;
	(void)arg;
	(void)err;
	(void)raise(SIGKILL);
	return 0;
}

Test(timed, an_answer_comes_back)
{
	struct kan_err err = {0};
	json_t *got = NULL;
	cr_assert_eq(kan_timed(&got, LONG_S, tells, "hello", &err), 0, "%s", err.text);
	cr_assert_str_eq(kan_json_str(got, "said"), "hello");
	json_decref(got);
}

Test(timed, an_error_keeps_its_kind)
{
	struct kan_err err = {0};
	json_t *got = NULL;
	cr_assert_eq(kan_timed(&got, LONG_S, fails, NULL, &err), -1);
	cr_assert_null(got);
	cr_assert_eq(err.code, KAN_EDENIED);
	cr_assert_eq(err.sys, EPERM);
	cr_assert_not_null(strstr(err.text, "you"));
	cr_assert_null(strchr(err.text, '\x1b'));
}

Test(timed, who_hangs_is_ended_and_who_died_is_told)
{
	struct kan_err err = {0};
	json_t *got = NULL;
	cr_assert_eq(kan_timed(&got, SHORT_S, hangs, NULL, &err), -1);
	cr_assert_eq(err.code, KAN_EENGINE);
	cr_assert_eq(err.sys, ETIMEDOUT);
	cr_assert_eq(kan_timed(&got, LONG_S, dies, NULL, &err), -1);
	cr_assert_not_null(strstr(err.text, "died"));
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
}
