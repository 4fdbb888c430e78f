/* Queueing disciplines and their filters as RTNETLINK tells them: a program there sees and turns
 * away packets before anything else does. */
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/rtfields.h"

enum { PRIORITY_SHIFT = 16 };

static bool kind_is(struct kan_bytes kind, const char *name)
{
	return kind.n > 0 && kan_bytes_eq((struct kan_bytes){kind.p, kind.n - 1},
					  kan_bytes_of(name)); /* with its NUL */
}

size_t kan_rt_filter_requests(uint8_t out[KAN_RT_PLACES][KAN_RT_FILTER_OCTETS],
			      struct kan_bytes qdisc)
{
	struct kan_bytes v[TCA_KIND + 1];
	struct kan_attrs a = {v, TCA_KIND};
	struct tcmsg m, place = {0};
	size_t n = 0;
	_Static_assert(sizeof(m) == KAN_RT_FILTER_OCTETS, "the request is its header");
	if (kan_netlink_attrs(&a, qdisc, sizeof(m), NULL) < 0)
		return 0;
	memcpy(&m, qdisc.p, sizeof(m));
	place.tcm_ifindex = m.tcm_ifindex;
	if (kind_is(v[TCA_KIND], "clsact") || kind_is(v[TCA_KIND], "ingress")) {
		place.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
		memcpy(out[n++], &place, sizeof(place));
		place.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
		if (kind_is(v[TCA_KIND], "clsact"))
			memcpy(out[n++], &place, sizeof(place));
	} else if (m.tcm_handle) {
		place.tcm_parent = m.tcm_handle;
		memcpy(out[n++], &place, sizeof(place));
	}
	return n;
}

static void program(struct kan_row *r, struct kan_bytes options)
{
	struct kan_bytes v[TCA_BPF_ID + 1];
	struct kan_attrs a = {v, TCA_BPF_ID};
	if (!options.p || kan_netlink_attrs(&a, options, 0, NULL) < 0)
		return;
	kan_rt_text(r, "bpf_name", &a, TCA_BPF_NAME);
	kan_rt_int(r, "bpf_prog", &a, TCA_BPF_ID);
}

static void filter(struct kan_row *r, const struct tcmsg *m)
{
	kan_row_int(r, "prio", m->tcm_info >> PRIORITY_SHIFT);
	kan_row_int(r, "protocol", ntohs((uint16_t)m->tcm_info));
	if (m->tcm_parent == TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS))
		kan_row_str(r, "hook", "ingress");
	if (m->tcm_parent == TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS))
		kan_row_str(r, "hook", "egress");
}

int kan_rt_tc(struct kan_row *r, enum kan_rt_kind kind, struct kan_bytes payload,
	      struct kan_err *err)
{
	struct kan_bytes v[TCA_OPTIONS + 1];
	struct kan_attrs a = {v, TCA_OPTIONS};
	struct tcmsg m;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "traffic control of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_row_str(r, "what", kind == KAN_RT_QDISCS ? "qdisc" : "filter");
	kan_row_int(r, "ifindex", m.tcm_ifindex);
	kan_rt_text(r, "tc_kind", &a, TCA_KIND);
	kan_row_mask(r, "handle", m.tcm_handle);
	kan_row_mask(r, "parent", m.tcm_parent);
	if (kind == KAN_RT_FILTERS)
		filter(r, &m);
	if (kind_is(v[TCA_KIND], "bpf"))
		program(r, v[TCA_OPTIONS]);
	return rc;
}
