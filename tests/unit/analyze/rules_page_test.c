/* docs/rules.md is what the shipped rules say of themselves. KAN_GOLDEN_WRITE writes it. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "rule_fixtures.h"

enum { PAGE_MAX = 1 << 20 };

static void words(struct kan_buf *out, const json_t *list, const char *between)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_adds(out, i ? between : "");
		for (const char *c = json_string_value(v); *c; c++) {
			kan_buf_adds(out, *c == '|' ? "\\" : "");
			kan_buf_addc(out, *c);
		}
	}
}

static void row(struct kan_buf *out, const struct kan_rule *r)
{
	const char *class = kan_json_str(r->doc, "class");
	kan_buf_addf(out, "| `%s` | %s | %s, %s | ", r->id, kan_json_str(r->doc, "title"),
		     strcmp(class, "context") == 0 ? "votes only"
						   : kan_json_str(r->doc, "severity"),
		     kan_json_str(r->doc, "confidence"));
	words(out, json_object_get(r->doc, "attack"), " ");
	kan_buf_addf(out, " | %zu | %zu | ", json_array_size(names(r, "hit")),
		     json_array_size(names(r, "miss")));
	words(out, json_object_get(r->doc, "false_positives"), "; ");
	kan_buf_adds(out, " |\n");
}

static void table(struct kan_buf *out, const struct kan_rules *rules, const char *class,
		  const char *title)
{
	size_t n = 0;
	for (size_t i = 0; i < rules->n; i++)
		n += strcmp(kan_json_str(rules->rules[i].doc, "class"), class) == 0;
	kan_buf_addf(
		out,
		"\n## %s (%zu)\n\n| rule | what it says | severity, confidence | ATT&CK | hits "
		"| misses | may also be |\n|---|---|---|---|---|---|---|\n",
		title, n);
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(kan_json_str(rules->rules[i].doc, "class"), class) == 0)
			row(out, &rules->rules[i]);
}

static void page(struct kan_buf *out)
{
	struct kan_rules *rules = shipped();
	kan_buf_addf(out,
		     "# The shipped rules\n\n<!-- Made from rules/ by tests/unit/analyze/"
		     "rules_page_test.c; do not edit. -->\n\n"
		     "%zu rules. Hits and misses are the fixtures that a rule must and must not "
		     "fire on; each clause of each is\nnegated in the tests, and some fixture must "
		     "notice. What they made of honest containers of real services, and of\n"
		     "staged intrusions, is in [validation.md](validation.md).\n",
		     rules->n);
	table(out, rules, "intrusion", "Intrusion");
	table(out, rules, "posture", "Posture: exposure, which never moves the verdict");
	table(out, rules, "context", "Context: no finding, only votes");
	kan_rules_free(rules);
}

Test(rules_page, the_page_of_rules_is_what_they_say_of_themselves)
{
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf made = KAN_BUF(PAGE_MAX), there = KAN_BUF(PAGE_MAX);
	page(&made);
	if (getenv("KAN_GOLDEN_WRITE")) {
		(void)remove(TOP "/docs/rules.md");
		cr_assert_eq(kan_put_file(AT_FDCWD, TOP "/docs/rules.md", 0644,
					  kan_buf_bytes(&made), &err),
			     0, "%s", err.text);
	}
	cr_assert_eq(kan_read_file(&there, AT_FDCWD, TOP "/docs/rules.md", &err), 0, "%s",
		     err.text);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&made), kan_buf_bytes(&there)),
		  "docs/rules.md is not what the rules say");
}
