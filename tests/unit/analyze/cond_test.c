/* Conditions: the three values, the operators, and what a regular expression may cost. */
#include <criterion/criterion.h>
#include <string.h>

#include "analyze/cond.h"

/* One condition over one change row. Joined columns go into extra; null there is unknown. */
static enum kan_truth truth_of(const char *cond, const char *row, const char *extra, bool gaps)
{
	struct kan_err err = {0};
	struct kan_cond *c = NULL;
	const struct kan_scope s = {.kind = kan_kind_find("change")};
	json_t *j = json_loads(cond, 0, NULL);
	struct kan_view v = {s.kind, json_loads(row, 0, NULL), json_loads(extra, 0, NULL), 1};
	cr_assert_not_null(j, "%s", cond);
	cr_assert_eq(kan_cond_new(&c, j, &s, &err), 0, "%s: %s", cond, err.text);
	struct kan_cond_run run = {.gaps = gaps};
	enum kan_truth t = kan_cond_eval(&run, c, &v);
	kan_cond_free(c);
	json_decref(j);
	json_decref(v.row);
	json_decref(v.extra);
	return t;
}

static const char row[] =
	"{\"path\":\"/etc/"
	"Passwd\",\"change\":\"added\",\"size\":10,\"differs\":[\"mode\",\"owner\"],"
	"\"below\":{\"mode\":\"0100755\"},\"name\":\"x\",\"name_b64\":\"/w==\"}";
static const char joined[] = "{\"file.hidden_from_engine\":null,\"of_service_user\":true}";

static void is(const char *cond, enum kan_truth expected)
{
	cr_assert_eq(truth_of(cond, row, joined, false), expected, "%s", cond);
}

#define T "{\"size\":10}"
#define F "{\"size\":11}"
#define U "{\"file.hidden_from_engine\":true}"

Test(cond, all_is_false_before_unknown_before_true)
{
	is("{\"all\":[" T "," T "]}", KAN_TRUE);
	is("{\"all\":[" T "," U "]}", KAN_UNDECIDED);
	is("{\"all\":[" U "," F "]}", KAN_FALSE);
}

Test(cond, any_is_true_before_unknown_before_false)
{
	is("{\"any\":[" F "," F "]}", KAN_FALSE);
	is("{\"any\":[" F "," U "]}", KAN_UNDECIDED);
	is("{\"any\":[" U "," T "]}", KAN_TRUE);
}

Test(cond, not_leaves_unknown_unknown)
{
	is("{\"not\":" T "}", KAN_FALSE);
	is("{\"not\":" F "}", KAN_TRUE);
	is("{\"not\":" U "}", KAN_UNDECIDED);
}

Test(cond, exists_on_an_unknown_column_is_unknown)
{
	is("{\"file.hidden_from_engine\":{\"exists\":true}}", KAN_UNDECIDED);
	is("{\"link\":{\"exists\":true}}", KAN_FALSE);
	is("{\"link\":{\"exists\":false}}", KAN_TRUE);
	is("{\"path\":{\"exists\":true}}", KAN_TRUE);
}

Test(cond, an_absent_key_is_false_and_unknown_only_beside_a_gap)
{
	cr_assert_eq(truth_of("{\"sha256\":\"ab\"}", row, joined, false), KAN_FALSE);
	cr_assert_eq(truth_of("{\"sha256\":\"ab\"}", row, joined, true), KAN_UNDECIDED);
	cr_assert_eq(truth_of("{\"link\":\"ab\"}", row, joined, true), KAN_FALSE);
}

Test(cond, a_set_holds_when_one_element_does)
{
	is("{\"differs\":\"owner\"}", KAN_TRUE);
	is("{\"differs\":\"flags\"}", KAN_FALSE);
	is("{\"differs\":{\"in\":[\"flags\",\"mode\"]}}", KAN_TRUE);
}

Test(cond, numbers_compare_at_their_borders)
{
	is("{\"size\":{\"lt\":10}}", KAN_FALSE);
	is("{\"size\":{\"le\":10}}", KAN_TRUE);
	is("{\"size\":{\"gt\":10}}", KAN_FALSE);
	is("{\"size\":{\"ge\":10}}", KAN_TRUE);
}

Test(cond, text_compares_exactly_unless_icase_says_otherwise)
{
	is("{\"path\":{\"starts\":\"/etc/p\"}}", KAN_FALSE);
	is("{\"path\":{\"starts\":\"/etc/p\",\"icase\":true}}", KAN_TRUE);
	is("{\"path\":{\"ends\":\"WD\",\"icase\":true}}", KAN_TRUE);
	is("{\"path\":{\"contains\":\"/Pass\"}}", KAN_TRUE);
	is("{\"path\":{\"re\":\"^/etc/p\"}}", KAN_FALSE);
	is("{\"path\":{\"re\":\"^/etc/p\",\"icase\":true}}", KAN_TRUE);
	is("{\"path\":{\"ends\":\"a longer text than the path is\"}}", KAN_FALSE);
}

Test(cond, the_exact_bytes_are_compared_and_not_their_display)
{
	is("{\"name\":\"x\"}", KAN_FALSE);
	is("{\"name\":{\"re\":\"^\\\\xff$\"}}", KAN_TRUE);
}

Test(cond, nested_columns_are_found)
{
	is("{\"below.mode\":\"0100755\"}", KAN_TRUE);
	is("{\"below.sha256\":\"00\"}", KAN_FALSE);
}

Test(cond, a_regular_expression_beyond_its_budget_leaves_the_row_unknown)
{
	struct kan_err err = {0};
	struct kan_cond *c = NULL;
	const struct kan_scope s = {.kind = kan_kind_find("change")};
	json_t *j = json_loads("{\"path\":{\"re\":\"^(a+)+$\"}}", 0, NULL);
	char text[64];
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'b';
	struct kan_view v = {s.kind, json_pack("{s:s#}", "path", text, (int)sizeof text),
			     json_object(), 1};
	cr_assert_eq(kan_cond_new(&c, j, &s, &err), 0);
	struct kan_cond_run run = {.gaps = false};
	cr_assert_eq(kan_cond_eval(&run, c, &v), KAN_UNDECIDED);
	cr_assert(run.over);
	kan_cond_free(c);
	json_decref(j);
	json_decref(v.row);
	json_decref(v.extra);
}

Test(cond, a_network_holds_its_addresses_and_v4_mapped_is_v4)
{
	struct kan_err err = {0};
	static const struct {
		const char *net, *address;
		bool in;
	} cases[] = {{"10.0.0.0/8", "10.200.1.2", true},
		     {"10.0.0.0/8", "11.0.0.1", false},
		     {"172.16.0.0/12", "172.31.255.255", true},
		     {"172.16.0.0/12", "172.32.0.0", false},
		     {"10.0.0.0/8", "::ffff:10.0.0.1", true},
		     {"fc00::/7", "fd00::1", true},
		     {"::1", "::1", true},
		     {"::1", "::2", false},
		     {"0.0.0.0/0", "8.8.8.8", true},
		     {"0.0.0.0/0", "2001:db8::1", false}};
	const struct kan_scope s = {.kind = kan_kind_find("socket")};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kan_cond *c = NULL;
		json_t *j = json_pack("{s:{s:s}}", "raddr", "cidr", cases[i].net);
		struct kan_view v = {s.kind, json_pack("{s:s}", "raddr", cases[i].address),
				     json_object(), 1};
		cr_assert_eq(kan_cond_new(&c, j, &s, &err), 0, "%s", err.text);
		struct kan_cond_run run = {.gaps = false};
		cr_assert_eq(kan_cond_eval(&run, c, &v) == KAN_TRUE, cases[i].in, "%s in %s",
			     cases[i].address, cases[i].net);
		kan_cond_free(c);
		json_decref(j);
		json_decref(v.row);
		json_decref(v.extra);
	}
}
