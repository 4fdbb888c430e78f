/* Tables of legacy iptables, built with the kernel's own structures. */
#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "decoded.h"
#include "kernel/xtables.h"

enum { ROOM = 4096, ROWS = 8 };

struct standard {
	struct xt_entry_target head;
	int32_t verdict;
	uint32_t padding;
};
struct named {
	struct xt_entry_target head;
	char name[XT_EXTENSION_MAXNAMELEN];
	uint16_t padding;
};

static struct kan_xt_table *table_new(void)
{
	struct kan_xt_table *t = kan_xalloc(sizeof(*t));
	*t = (struct kan_xt_table){.entries = KAN_BUF(ROOM)};
	strcpy(t->info.name, "filter");
	return t;
}

/* The offset at which it begins. */
static size_t add(struct kan_xt_table *t, const struct ipt_ip *ip, const void *match,
		  size_t match_n, const void *target, size_t target_n)
{
	const size_t at = t->entries.len;
	struct ipt_entry e = {.target_offset = (uint16_t)(sizeof(e) + match_n),
			      .next_offset = (uint16_t)(sizeof(e) + match_n + target_n),
			      .counters = {7, 420}};
	e.ip = *ip;
	kan_buf_add(&t->entries, &e, sizeof(e));
	if (match_n)
		kan_buf_add(&t->entries, match, match_n);
	kan_buf_add(&t->entries, target, target_n);
	return at;
}

static size_t add_verdict(struct kan_xt_table *t, const struct ipt_ip *ip, int32_t verdict)
{
	const struct standard s = {.head = {.u.user = {.target_size = sizeof(s)}},
				   .verdict = verdict};
	return add(t, ip, NULL, 0, &s, sizeof(s));
}

static size_t add_name(struct kan_xt_table *t, const char *name)
{
	struct named n = {.head = {.u.user = {.target_size = sizeof(n)}}};
	const struct ipt_ip any = {0};
	strcpy(n.head.u.user.name, XT_ERROR_TARGET);
	strcpy(n.name, name);
	return add(t, &any, NULL, 0, &n, sizeof(n));
}

/* INPUT: a drop with a match, a jump; its policy. STEPS: one rule. */
static struct kan_xt_table *usual(void)
{
	struct kan_xt_table *t = table_new();
	struct ipt_ip from = {.proto = IPPROTO_TCP}, steps = {0}, any = {0};
	struct xt_entry_match tcp = {.u.user = {.match_size = sizeof(tcp), .name = "tcp"}};
	const struct standard drop = {.head = {.u.user = {.target_size = sizeof(drop)}},
				      .verdict = -NF_DROP - 1};
	from.src.s_addr = htonl(0xc0000200);
	from.smsk.s_addr = htonl(0xffffff00);
	strcpy(from.outiface, "lo");
	memset(from.outiface_mask, 0xff, 3);
	strcpy(steps.iniface,
	       "eth+"); /* as iptables writes it: the sign stays, the mask ends before */
	memset(steps.iniface_mask, 0xff, 3);
	t->info.valid_hooks = 1U << NF_INET_LOCAL_IN;
	t->info.hook_entry[NF_INET_LOCAL_IN] =
		(uint32_t)add(t, &from, &tcp, sizeof(tcp), &drop, sizeof(drop));
	const size_t jump = add_verdict(t, &steps, 0);
	t->info.underflow[NF_INET_LOCAL_IN] = (uint32_t)add_verdict(t, &any, -NF_ACCEPT - 1);
	(void)add_name(t, "STEPS");
	const int32_t to = (int32_t)add_verdict(t, &any, XT_RETURN);
	memcpy(t->entries.data + jump + sizeof(struct ipt_entry) +
		       offsetof(struct standard, verdict),
	       &to, sizeof(to));
	(void)add_name(t, "ERROR");
	return t;
}

static void drop_table(struct kan_xt_table *t)
{
	kan_xt_free(t);
	free(t);
}

struct told {
	json_t *rows[ROWS];
	size_t n;
};

static int tell(const struct kan_xt_rule *rule, void *arg, struct kan_err *err)
{
	struct told *w = arg;
	struct kan_row r;
	kan_row_init(&r);
	kan_row_begin(&r);
	cr_assert_eq(kan_xt_row(&r, rule, err), 0);
	cr_assert_lt(w->n, ROWS);
	w->rows[w->n++] = decoded(&r);
	kan_row_free(&r);
	return 0;
}

static void forget(struct told *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->rows[i]);
}

Test(xtables, rules_of_chains_are_rows_with_what_they_match_and_where_they_go)
{
	struct kan_xt_table *t = usual();
	struct told w = {0};
	uint64_t bad = 0;
	cr_assert_eq(kan_xt_each(&bad, t, tell, &w, NULL), 0);
	cr_assert_eq(bad, 0);
	cr_assert_eq(w.n, 4);
	same(w.rows[0], "{\"family\":\"ip\",\"table\":\"filter\",\"chain\":\"INPUT\",\"n\":1,"
			"\"src\":\"192.0.2.0\",\"src_prefix\":24,\"proto\":6,\"verdict\":\"DROP\","
			"\"matches\":[\"tcp\"],\"packets\":\"7\",\"bytes\":\"420\"}");
	same(w.rows[1], "{\"chain\":\"INPUT\",\"n\":2,\"verdict\":\"JUMP\",\"to\":\"STEPS\"}");
	same(w.rows[2], "{\"chain\":\"INPUT\",\"n\":3,\"verdict\":\"ACCEPT\",\"policy\":true}");
	same(w.rows[3], "{\"chain\":\"STEPS\",\"n\":1,\"verdict\":\"RETURN\"}");
	cr_assert_null(json_object_get(w.rows[3], "policy"));
	forget(&w);
	drop_table(t);
}

Test(xtables, a_wildcard_has_one_sign_and_a_whole_name_has_none)
{
	struct kan_xt_table *t = usual();
	struct told w = {0};
	uint64_t bad = 0;
	cr_assert_eq(kan_xt_each(&bad, t, tell, &w, NULL), 0);
	same(w.rows[0], "{\"oif\":\"lo\"}");
	same(w.rows[1], "{\"iif\":\"eth+\"}");
	cr_assert_null(json_object_get(w.rows[0], "iif"));
	forget(&w);
	drop_table(t);
}

Test(xtables, a_table_that_is_cut_anywhere_is_told_as_far_as_it_goes)
{
	struct kan_xt_table *whole = usual();
	for (size_t n = 0; n <= whole->entries.len; n++) {
		struct told w = {0};
		uint64_t bad = 0;
		uint8_t *exact = kan_xalloc(n + 1); /* so that a read beyond it is found */
		struct kan_xt_table t = {.info = whole->info,
					 .entries = {.data = exact, .len = n, .cap = n, .max = n}};
		if (n)
			memcpy(exact, whole->entries.data, n);
		cr_assert_eq(kan_xt_each(&bad, &t, tell, &w, NULL), 0);
		cr_assert(n == whole->entries.len ? bad == 0 && w.n == 4 : w.n <= 4);
		forget(&w);
		free(exact);
	}
	drop_table(whole);
}

Test(xtables, an_entry_whose_lengths_lie_ends_the_walk_and_is_counted)
{
	static const uint16_t lies[][2] = {
		{0, 0}, {1, 8}, {UINT16_MAX, UINT16_MAX}, {112, 112}, {200, 152}};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct kan_xt_table *t = usual();
		struct told w = {0};
		uint64_t bad = 0;
		memcpy(t->entries.data + offsetof(struct ipt_entry, target_offset), lies[i],
		       sizeof(lies[i]));
		cr_assert_eq(kan_xt_each(&bad, t, tell, &w, NULL), 0);
		cr_assert_eq(bad, 1, "lie %zu", i);
		cr_assert_eq(w.n, 0);
		drop_table(t);
	}
}

Test(xtables, names_of_tables_are_lines_and_more_than_there_can_be_are_counted)
{
	char names[KAN_XT_TABLES][KAN_XT_NAME];
	cr_assert_eq(kan_xt_names(names, KAN_LIT("filter\nnat\n")), 2);
	cr_assert_str_eq(names[0], "filter");
	cr_assert_str_eq(names[1], "nat");
	cr_assert_eq(kan_xt_names(names, KAN_LIT("")), 0);
	cr_assert_eq(kan_xt_names(names,
				  KAN_LIT("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr")),
		     18);
	cr_assert_str_eq(names[KAN_XT_TABLES - 1], "p");
}
