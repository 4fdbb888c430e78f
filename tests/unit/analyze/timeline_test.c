/* Lines of logs that a finding names are moments, too. */
#include "rule_fixtures.h"

static const json_t *moment(const json_t *doc, const char *message)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (json_object_get(doc, "timeline"), i, e)
		if (strcmp(kan_json_str(e, "message"), message) == 0)
			return e;
	return NULL;
}

static void is_told(const char *name, const char *rule, const char *message)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture(name, r);
	cr_assert(has(doc, "findings", rule));
	const json_t *e = moment(doc, message);
	cr_assert_not_null(e, "%s", message);
	cr_expect_str_eq(kan_json_str(e, "trust"), "container-text");
	cr_expect_str_eq(kan_json_str(e, "desc"),
			 "log line (what it says is the container's own word)");
	cr_expect(kan_json_int(e, "n") > 0);
	json_decref(doc);
	kan_rules_free(r);
}

Test(timeline, a_login_that_a_finding_names_is_a_moment)
{
	is_told("login-guessed", "login.bruteforce-success",
		"login accepted: root from 203.0.113.9 by password");
}

Test(timeline, a_request_that_a_finding_names_is_a_moment)
{
	is_told("web-search", "web.search-then-post",
		"request POST /admin/login.php from 203.0.113.9, answered 302");
}
