/* nftables, as libnftnl writes the kernel's words. */
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "decoded.h"
#include "kernel/netlink.h"
#include "kernel/nft.h"

enum { ROOM = 4096, ROWS = 8, HANDLE = 11, PRIORITY = -150 };

union message {
	char data[ROOM];
	struct nlmsghdr head;
};

static struct nlmsghdr *head(union message *m, uint16_t what)
{
	memset(m, 0, sizeof(*m));
	return nftnl_nlmsg_build_hdr(m->data, what, NFPROTO_INET, 0, 0);
}

static struct kan_bytes bytes(const union message *m)
{
	return (struct kan_bytes){(const uint8_t *)m->data, m->head.nlmsg_len};
}

static void add(struct nftnl_rule *r, struct nftnl_expr *e)
{
	cr_assert_not_null(e);
	nftnl_rule_add_expr(r, e);
}

static struct nftnl_rule *rule_new(const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, "hide");
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u64(r, NFTNL_RULE_HANDLE, HANDLE);
	return r;
}

/* counter, a look into a set, a jump; and what somebody said of it. */
static struct kan_bytes rule(union message *m)
{
	static const uint8_t comment[] = {0, 5, 'm', 'i', 'n', 'e', 0};
	struct nftnl_rule *r = rule_new("in");
	struct nftnl_expr *count = nftnl_expr_alloc("counter"), *look = nftnl_expr_alloc("lookup"),
			  *jump = nftnl_expr_alloc("immediate");
	nftnl_expr_set_u64(count, NFTNL_EXPR_CTR_PACKETS, 3);
	nftnl_expr_set_u64(count, NFTNL_EXPR_CTR_BYTES, 180);
	nftnl_expr_set_str(look, NFTNL_EXPR_LOOKUP_SET, "gone");
	nftnl_expr_set_u32(look, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(jump, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(jump, NFTNL_EXPR_IMM_VERDICT, (uint32_t)NFT_JUMP);
	nftnl_expr_set_str(jump, NFTNL_EXPR_IMM_CHAIN, "back");
	add(r, count);
	add(r, look);
	add(r, jump);
	nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, comment, sizeof(comment));
	nftnl_rule_nlmsg_build_payload(head(m, NFT_MSG_NEWRULE), r);
	nftnl_rule_free(r);
	return bytes(m);
}

struct told {
	json_t *rows[ROWS];
	size_t n;
	int want;
};

static int tell(const struct kan_nft_item *item, void *arg, struct kan_err *err)
{
	struct told *w = arg;
	struct kan_row r;
	(void)err;
	kan_row_init(&r);
	kan_row_begin(&r);
	cr_assert_eq(kan_nft_row(&r, item, NULL), w->want);
	cr_assert_lt(w->n, ROWS);
	w->rows[w->n++] = decoded(&r);
	kan_row_free(&r);
	return 0;
}

static struct told each(enum kan_nft_kind kind, struct kan_bytes dump)
{
	struct told w = {0};
	uint64_t bad = 0;
	cr_assert_eq(kan_nft_each(&bad, kind, dump, tell, &w, NULL), 0);
	cr_assert_eq(bad, 0);
	return w;
}

static void forget(struct told *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->rows[i]);
}

Test(nft, a_rule_tells_its_parts_where_it_goes_and_what_was_said_of_it)
{
	union message m;
	struct told w = each(KAN_NFT_RULES, rule(&m));
	cr_assert_eq(w.n, 1);
	same(w.rows[0],
	     "{\"what\":\"rule\",\"family\":\"inet\",\"table\":\"hide\",\"chain\":\"in\","
	     "\"handle\":\"11\",\"exprs\":[\"counter\",\"lookup\",\"immediate\"],"
	     "\"lookups\":[\"gone\"],\"packets\":\"3\",\"bytes\":\"180\","
	     "\"verdict\":\"jump\",\"to\":\"back\",\"comment\":\"mine\"}");
	forget(&w);
}

Test(nft, a_chain_tells_its_hook_and_priority_and_what_it_does_at_its_end)
{
	union message m;
	struct nftnl_chain *c = nftnl_chain_alloc();
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, "hide");
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, "in");
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_IN);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, PRIORITY);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_DROP);
	nftnl_chain_nlmsg_build_payload(head(&m, NFT_MSG_NEWCHAIN), c);
	nftnl_chain_free(c);
	struct told w = each(KAN_NFT_CHAINS, bytes(&m));
	cr_assert_eq(w.n, 1);
	same(w.rows[0],
	     "{\"what\":\"chain\",\"table\":\"hide\",\"chain\":\"in\",\"hook\":\"input\","
	     "\"prio\":-150,\"type\":\"filter\",\"policy\":\"drop\"}");
	forget(&w);
}

static void element(struct nftnl_set *s, uint16_t port, uint32_t verdict, const char *chain)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();
	const uint8_t key[] = {(uint8_t)(port >> 8), (uint8_t)port};
	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, sizeof(key));
	nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, verdict);
	if (chain)
		nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, chain);
	nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, 60000);
	nftnl_set_elem_add(s, e);
}

static struct nftnl_set *set_new(void)
{
	struct nftnl_set *s = nftnl_set_alloc();
	nftnl_set_set_str(s, NFTNL_SET_TABLE, "hide");
	nftnl_set_set_str(s, NFTNL_SET_NAME, "where");
	return s;
}

Test(nft, elements_of_one_message_are_rows_of_their_own)
{
	union message m;
	struct nftnl_set *s = set_new();
	element(s, 4444, NF_DROP, NULL);
	element(s, 8080, (uint32_t)NFT_GOTO, "back");
	nftnl_set_elems_nlmsg_build_payload(head(&m, NFT_MSG_NEWSETELEM), s);
	nftnl_set_free(s);
	struct told w = each(KAN_NFT_ELEMENTS, bytes(&m));
	cr_assert_eq(w.n, 2);
	same(w.rows[0],
	     "{\"what\":\"element\",\"table\":\"hide\",\"set\":\"where\",\"key\":\"115c\","
	     "\"verdict\":\"drop\",\"timeout_ms\":\"60000\"}");
	same(w.rows[1], "{\"key\":\"1f90\",\"verdict\":\"goto\",\"to\":\"back\"}");
	forget(&w);
}

Test(nft, the_elements_of_a_set_are_asked_for_by_its_own_names)
{
	union message m;
	struct kan_bytes v[NFTA_SET_ELEM_LIST_SET + 1];
	struct kan_attrs a = {v, NFTA_SET_ELEM_LIST_SET};
	kan_auto_buf struct kan_buf request = KAN_BUF(ROOM);
	struct nftnl_set *s = set_new();
	nftnl_set_nlmsg_build_payload(head(&m, NFT_MSG_NEWSET), s);
	nftnl_set_free(s);
	const struct kan_bytes payload = {mnl_nlmsg_get_payload(&m.head),
					  mnl_nlmsg_get_payload_len(&m.head)};
	cr_assert_eq(kan_nft_set_request(&request, payload, NULL), 0);
	cr_assert_eq(request.data[0], NFPROTO_INET);
	cr_assert_eq(kan_netlink_attrs(&a, kan_buf_bytes(&request), sizeof(struct nfgenmsg), NULL),
		     0);
	cr_assert_str_eq((const char *)v[NFTA_SET_ELEM_LIST_TABLE].p, "hide");
	cr_assert_str_eq((const char *)v[NFTA_SET_ELEM_LIST_SET].p, "where");
	kan_buf_reset(&request);
	cr_assert_eq(kan_nft_set_request(&request, (struct kan_bytes){payload.p, 4}, NULL), -1,
		     "no name");
}

Test(nft, a_dump_that_is_cut_anywhere_is_counted_and_never_read_beyond)
{
	union message m;
	const struct kan_bytes whole = rule(&m);
	for (size_t n = 0; n < whole.n; n++) {
		struct told w = {0};
		uint64_t bad = 0;
		uint8_t *exact = kan_xalloc(n + 1);
		memcpy(exact, whole.p, n);
		cr_assert_eq(kan_nft_each(&bad, KAN_NFT_RULES, (struct kan_bytes){exact, n}, tell,
					  &w, NULL),
			     0);
		cr_assert_eq(bad, n ? 1 : 0);
		cr_assert_eq(w.n, 0);
		free(exact);
	}
}

Test(nft, a_rule_whose_attributes_are_cut_keeps_those_before)
{
	union message m;
	struct told w = {.want = -1};
	uint64_t bad = 0;
	(void)rule(&m);
	m.head.nlmsg_len -= 4;
	cr_assert_eq(kan_nft_each(&bad, KAN_NFT_RULES, bytes(&m), tell, &w, NULL), 0);
	cr_assert_eq(w.n, 1);
	same(w.rows[0], "{\"table\":\"hide\",\"chain\":\"in\",\"handle\":\"11\"}");
	forget(&w);
}

/* libnftnl knows no such expression; the kernel of tomorrow may have it. */
static struct kan_bytes unknown(union message *m)
{
	struct nlmsghdr *h = head(m, NFT_MSG_NEWRULE);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, "hide");
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, "in");
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS),
		      *one = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, "nonesuch");
	mnl_attr_nest_end(h, one);
	mnl_attr_nest_end(h, list);
	return bytes(m);
}

Test(nft, words_of_libnftnl_come_in_the_order_of_the_rules)
{
	union message m;
	kan_auto_buf struct kan_buf rules = KAN_BUF(ROOM), texts = KAN_BUF(ROOM);
	struct kan_bytes text = {0};
	kan_buf_addb(&rules, rule(&m));
	kan_buf_addb(&rules, rule(&m));
	cr_assert_eq(kan_nft_texts(&texts, kan_buf_bytes(&rules), NULL), 0);
	struct kan_bytes rest = kan_buf_bytes(&texts);
	for (int i = 0; i < 2; i++) {
		cr_assert(kan_nft_text(&text, &rest));
		cr_assert_not_null(memmem(text.p, text.n, "jump -> back", 12), "%.*s", (int)text.n,
				   (const char *)text.p);
	}
	cr_assert_not(kan_nft_text(&text, &rest));
}

Test(nft, a_rule_that_libnftnl_does_not_know_costs_words_and_not_the_rows)
{
	union message m, strange;
	kan_auto_buf struct kan_buf rules = KAN_BUF(ROOM), texts = KAN_BUF(ROOM);
	struct kan_bytes text = {0};
	struct kan_err err = {0};
	kan_buf_addb(&rules, rule(&m));
	kan_buf_addb(&rules, unknown(&strange));
	int rc = kan_nft_texts(&texts, kan_buf_bytes(&rules), &err);
	cr_assert(rc == 0 || err.code == KAN_EUNSUPPORTED, "%s", err.text);
	struct kan_bytes rest = kan_buf_bytes(&texts);
	cr_assert(kan_nft_text(&text, &rest), "the one before it is there");
	cr_assert_gt(text.n, 0);
	struct told w = each(KAN_NFT_RULES, kan_buf_bytes(&rules));
	cr_assert_eq(w.n, 2);
	same(w.rows[1], "{\"table\":\"hide\",\"chain\":\"in\",\"exprs\":[\"nonesuch\"]}");
	forget(&w);
}
