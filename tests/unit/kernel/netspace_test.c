/* A network namespace of a real process, read from outside. */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/row.h"
#include "kernel/bounded.h"
#include "kernel/members.h"
#include "kernel/netlink.h"
#include "kernel/netspace.h"
#include "suspect.h"

struct reading {
	struct suspect s;
	struct kan_netns_list list;
	struct kan_netspace space;
	struct kan_netspace_ask ask;
	struct kan_buf protocols;
	bool broken;
};

static bool frozen(const void *arg)
{
	(void)arg;
	return true;
}

static void stuck(void *arg)
{
	bool *broken = arg;
	*broken = true;
}

static struct reading *start(enum suspect_way way)
{
	struct reading *r = kan_xalloc(sizeof(*r));
	if (!suspect_start(&r->s, way))
		cr_skip_test("no userfaultfd here");
	struct kan_member m = {.pid = r->s.pid, .dir = r->s.dir, .by = KAN_BY_SCAN};
	struct kan_members all = {.v = &m, .n = 1};
	kan_netns_add(&r->list, &all, 0);
	r->protocols = KAN_BUF(1 << 16);
	cr_assert_geq(r->list.n, 1);
	cr_assert_eq(kan_netns_read(&r->protocols, &r->list.v[0], "protocols", NULL), 0);
	r->ask = (struct kan_netspace_ask){.protocols = kan_buf_bytes(&r->protocols),
					   .frozen = frozen,
					   .stuck = stuck,
					   .arg = &r->broken,
					   .worker = kan_bounded_new(),
					   .budget = KAN_NETSPACE_TOTAL};
	kan_netspace_open(&r->space, &r->list.v[0], false);
	cr_assert_eq(r->space.closed.code, KAN_OK, "%s", r->space.closed.text);
	return r;
}

static void end(struct reading *r)
{
	suspect_end(&r->s);
	kan_netspace_free(&r->space);
	kan_netns_free(&r->list);
	kan_bounded_free(r->ask.worker);
	kan_buf_free(&r->protocols);
	free(r);
}

static void read_space(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	kan_netspace_begin(n, ask);
	kan_netspace_read(n, ask);
	kan_netspace_finish(n, ask);
	kan_netspace_split(n);
}

struct search {
	const struct kan_sock_kind *kind;
	uint64_t ino;
	struct kan_sock found;
	unsigned times;
};

static int match(const struct kan_sock *s, void *arg, struct kan_err *err)
{
	struct search *w = arg;
	(void)err;
	if (s->ino == w->ino) {
		w->found = *s;
		w->times++;
	}
	return 0;
}

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct search *w = arg;
	struct kan_sock s;
	cr_assert(type == 20 || type == 18, "SOCK_DIAG_BY_FAMILY or TCPDIAG_GETSOCK");
	cr_assert_eq(kan_sock_parse(&s, w->kind, payload, err), 0);
	return match(&s, arg, err);
}

/* Exactly one dump has it, once. */
static struct kan_sock find(const struct kan_netspace *n, uint64_t ino)
{
	struct search w = {.ino = ino};
	uint64_t bad = 0;
	for (size_t i = 0; i < KAN_SOCK_KINDS; i++) {
		const struct kan_net_dump *d = &n->socks[i];
		w.kind = &kan_sock_kinds[i];
		cr_assert(!d->asked || d->err.code == KAN_OK || d->err.code == KAN_EUNSUPPORTED,
			  "%s: %s", w.kind->name, d->err.text);
		if (d->text)
			cr_assert_eq(kan_sock_text(&bad, w.kind, kan_buf_bytes(&d->raw), match, &w,
						   NULL),
				     0);
		else
			cr_assert_eq(kan_netlink_each(kan_buf_bytes(&d->raw), answer, &w, NULL), 0);
	}
	cr_assert_eq(bad, 0);
	cr_assert_gt(w.times, 0, "inode %llu", (unsigned long long)ino);
	if (strcmp(w.found.family, "netlink") != 0) /* the kernel tells those of a group twice */
		cr_assert_eq(w.times, 1, "inode %llu: %u times", (unsigned long long)ino, w.times);
	return w.found;
}

Test(netspace, every_socket_of_the_process_is_told_once_with_its_facts)
{
	struct reading *r = start(SUSPECT_ALONE);
	const struct suspect_truth *t = &r->s.truth;
	kan_netspace_warm(&r->space, &r->ask);
	read_space(&r->space, &r->ask);
	struct kan_sock s = find(&r->space, t->ino[SUSPECT_LISTENER]);
	cr_assert_str_eq(s.state, "LISTEN");
	cr_assert_eq(s.lport, t->port);
	cr_assert_str_eq(s.laddr, "127.0.0.1");
	s = find(&r->space, t->ino[SUSPECT_CLIENT]);
	cr_assert_str_eq(s.state, "ESTABLISHED");
	cr_assert_eq(s.lport, t->client_port);
	cr_assert_eq(s.rport, t->port);
	cr_assert(s.has_sent && s.bytes_sent == 5);
	s = find(&r->space, t->ino[SUSPECT_SERVER]);
	cr_assert_eq(s.rport, t->client_port);
	cr_assert(s.has_received && s.bytes_received == 5);
	cr_assert_eq(s.rqueue, 5);
	cr_assert_str_eq(find(&r->space, t->ino[SUSPECT_LISTENER6]).family, "inet6");
	s = find(&r->space, t->ino[SUSPECT_UDP]);
	cr_assert_str_eq(s.proto, "udp");
	cr_assert_eq(s.lport, t->udp_port);
	cr_assert_eq(find(&r->space, t->ino[SUSPECT_RAW]).protocol, 1);
	end(r);
}

Test(netspace, unix_packet_and_netlink_sockets_are_told_with_their_own_facts)
{
	struct reading *r = start(SUSPECT_ALONE);
	const struct suspect_truth *t = &r->s.truth;
	read_space(&r->space, &r->ask);
	struct kan_sock s = find(&r->space, t->ino[SUSPECT_ABSTRACT]);
	cr_assert_str_eq(s.state, "LISTEN");
	cr_assert(kan_bytes_eq(s.name, KAN_LIT(SUSPECT_NAME)));
	s = find(&r->space, t->ino[SUSPECT_PAIR_A]);
	cr_assert(s.has_peer && s.peer_ino == t->ino[SUSPECT_PAIR_B]);
	cr_assert_str_eq(s.type, "seqpacket");
	s = find(&r->space, t->ino[SUSPECT_PAIR_B]);
	cr_assert(s.has_peer && s.peer_ino == t->ino[SUSPECT_PAIR_A]);
	s = find(&r->space, t->ino[SUSPECT_PACKET]);
	cr_assert_eq(s.protocol, 3);
	cr_assert_str_eq(s.type, "raw");
	(void)find(&r->space, t->ino[SUSPECT_NETLINK]);
	end(r);
}

static int first_row(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	(void)type;
	return kan_rt_row(arg, KAN_RT_ADDRESSES, payload, err) < 0 ? -1 : 1;
}

Test(netspace, addresses_and_twins_are_those_of_the_namespace_and_we_never_enter_it)
{
	struct reading *r = start(SUSPECT_ALONE);
	struct stat before, after;
	struct kan_row row;
	struct kan_bytes line;
	char port[16];
	cr_assert_eq(stat("/proc/self/ns/net", &before), 0);
	read_space(&r->space, &r->ask);
	kan_netspace_texts(&r->space, &r->ask);
	cr_assert_eq(stat("/proc/self/ns/net", &after), 0);
	cr_assert_eq(before.st_ino, after.st_ino);
	cr_assert_neq(before.st_ino, r->s.truth.netns);
	cr_assert_eq(r->list.v[0].ino, r->s.truth.netns);
	kan_row_init(&row);
	kan_row_begin(&row);
	cr_assert_eq(kan_netlink_each(kan_buf_bytes(&r->space.routes[KAN_RT_ADDRESSES].raw),
				      first_row, &row, NULL),
		     0);
	cr_assert_eq(kan_row_end(&line, &row, NULL), 0);
	cr_assert_not_null(memmem(line.p, line.n, "\"address\":\"127.0.0.1\",\"prefix\":8", 32));
	kan_row_free(&row);
	(void)snprintf(port, sizeof(port), "0100007F:%04X", r->s.truth.port);
	cr_assert_not_null(strstr(kan_buf_str(&r->space.texts[0].raw), port), "the twin of tcp");
	cr_assert(r->space.texts[0].frozen);
	end(r);
}

Test(netspace, the_namespace_of_a_single_thread_is_found)
{
	struct reading *r = start(SUSPECT_THREAD);
	cr_assert_eq(r->list.n, 2);
	cr_assert_eq(r->list.v[0].ino, r->s.truth.netns);
	cr_assert_eq(r->list.v[1].ino, r->s.truth.thread_netns);
	struct kan_netspace other;
	kan_netspace_open(&other, &r->list.v[1], false);
	cr_assert_eq(other.closed.code, KAN_OK, "%s", other.closed.text);
	read_space(&other, &r->ask);
	cr_assert_gt(other.routes[KAN_RT_LINKS].raw.len, 0);
	kan_netspace_free(&other);
	end(r);
}

Test(netspace, a_socket_whose_lock_is_held_costs_the_counters_and_not_the_sockets)
{
	struct reading *r = start(SUSPECT_LOCKED);
	read_space(&r->space, &r->ask);
	cr_assert(r->space.less);
	cr_assert_eq(r->space.less_why.sys, ETIMEDOUT);
	cr_assert(r->broken, "the pause has to end");
	struct kan_sock s = find(&r->space, r->s.truth.ino[SUSPECT_CLIENT]);
	cr_assert_str_eq(s.state, "ESTABLISHED");
	cr_assert_not(s.has_sent);
	(void)find(&r->space, r->s.truth.ino[SUSPECT_UDP]);
	end(r);
}

/* From here on this process gets no thread. A child it does get: a leak check at its end needs one.
 */
static void forbid_threads(void)
{
	struct sock_filter f[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, SYS_clone3},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_clone},
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args[0])},
		{BPF_JMP | BPF_JSET | BPF_K, 0, 1, CLONE_THREAD},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EAGAIN},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	const struct sock_fprog program = {sizeof(f) / sizeof(f[0]), f};
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(netspace, no_thread_to_wait_in_costs_the_counters_and_not_the_pause)
{
	struct reading *r = start(SUSPECT_ALONE);
	forbid_threads();
	read_space(&r->space, &r->ask);
	cr_assert(r->space.less);
	cr_assert_eq(r->space.less_why.code, KAN_ELIMIT, "%s", r->space.less_why.text);
	cr_assert_not(r->broken, "nothing has blocked");
	struct kan_sock s = find(&r->space, r->s.truth.ino[SUSPECT_CLIENT]);
	cr_assert_str_eq(s.state, "ESTABLISHED");
	cr_assert_not(s.has_sent);
	end(r);
}

Test(netspace, a_dump_without_room_keeps_what_fits_and_says_limit)
{
	struct reading *r = start(SUSPECT_ALONE);
	r->ask.budget = 400;
	read_space(&r->space, &r->ask);
	cr_assert_eq(r->space.routes[KAN_RT_ROUTES].err.code, KAN_ELIMIT);
	cr_assert_leq(r->space.routes[KAN_RT_ROUTES].raw.len, 400);
	end(r);
}
