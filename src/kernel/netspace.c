/* All that one network namespace tells: netlink sockets made inside it, dumps read from here. */
#include "kernel/netspace.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/bounded.h"
#include "kernel/netlink.h"
#include "kernel/nsopen.h"

enum { SOCKETS = KAN_NETSPACE_SOCKETS, REQUEST_MAX = 256 };

const struct kan_net_text kan_net_texts[KAN_NETSPACE_TEXTS] = {
	{"tcp", true},        {"tcp6", true},       {"udp", true},         {"udp6", true},
	{"udplite", true},    {"udplite6", true},   {"raw", true},         {"raw6", true},
	{"icmp", true},       {"icmp6", true},      {"unix", true},        {"packet", true},
	{"netlink", true},    {"sctp/eps", true},   {"sctp/assocs", true}, {"arp", false},
	{"dev", false},       {"dev_mcast", false}, {"fib_trie", false},   {"if_inet6", false},
	{"igmp", false},      {"igmp6", false},     {"ipv6_route", false}, {"netstat", false},
	{"protocols", false}, {"ptype", false},     {"route", false},      {"snmp", false},
	{"snmp6", false},     {"sockstat", false},  {"sockstat6", false},  {NULL, false},
};

/* In the child, inside the namespace. */
static void make_sockets(int *fds, int *why, size_t n, const void *arg)
{
	static const int kinds[SOCKETS][3] = {
		[KAN_NS_DIAG] = {AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG},
		[KAN_NS_SPARE] = {AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG},
		[KAN_NS_ROUTE] = {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
		[KAN_NS_FILTER] = {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
		[KAN_NS_IP4] = {AF_INET, SOCK_DGRAM, 0},
		[KAN_NS_IP6] = {AF_INET6, SOCK_DGRAM, 0},
	};
	(void)arg;
	for (size_t i = 0; i < n && i < SOCKETS; i++) {
		fds[i] = socket(kinds[i][0], kinds[i][1] | SOCK_CLOEXEC, kinds[i][2]);
		why[i] = fds[i] < 0 ? errno : 0;
	}
}

/* Kernels without netfilter or without IPv6 are told where rules are read. */
static bool may_lack(size_t i)
{
	return i == KAN_NS_FILTER || i == KAN_NS_IP4 || i == KAN_NS_IP6;
}

void kan_netspace_open(struct kan_netspace *out, const struct kan_netns *where, bool host)
{
	kan_auto_close int ns = -1;
	*out = (struct kan_netspace){.where = *where, .host = host};
	for (size_t i = 0; i < SOCKETS; i++)
		out->fd[i] = -1;
	if (kan_netns_open(&ns, where, &out->closed) < 0 ||
	    kan_nsopen(out->fd, out->why, SOCKETS, ns, CLONE_NEWNET, make_sockets, NULL,
		       &out->closed) < 0)
		return;
	for (size_t i = 0; i < SOCKETS; i++) {
		struct stat st;
		if (out->fd[i] < 0 && !may_lack(i))
			kan_err_sys(&out->closed, out->why[i], "netlink socket");
		else if (out->fd[i] >= 0)
			(void)kan_netlink_prepare(out->fd[i], &out->closed);
		out->own[i] = out->fd[i] >= 0 && fstat(out->fd[i], &st) == 0 ? st.st_ino : 0;
	}
}

/* The worker's: with tcp_info the kernel waits for each socket's lock, and a suspect can hold one
 * for ever. */
struct job {
	int fd;
	uint16_t type;
	struct kan_buf request, raw;
	struct kan_err err;
};

static void dump(void *arg)
{
	struct job *j = arg;
	(void)kan_netlink_dump(&j->raw, j->fd, j->type, kan_buf_bytes(&j->request), &j->err);
}

static void drop(void *arg)
{
	struct job *j = arg;
	kan_auto_close_fn(&j->fd);
	kan_buf_free(&j->request);
	kan_buf_free(&j->raw);
	free(j);
}

static size_t most(const struct kan_netspace_ask *ask)
{
	return ask->budget < KAN_NETLINK_DUMP_MAX ? ask->budget : KAN_NETLINK_DUMP_MAX;
}

/* k NULL: TCP of both families. */
static struct job *new_job(int fd, const struct kan_sock_kind *k,
			   const struct kan_netspace_ask *ask)
{
	struct job *j = kan_xalloc(sizeof(*j));
	*j = (struct job){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
			  .type = k ? SOCK_DIAG_BY_FAMILY : TCPDIAG_GETSOCK,
			  .request = KAN_BUF(REQUEST_MAX),
			  .raw = KAN_BUF(most(ask))};
	if (k)
		kan_sock_request(&j->request, k, KAN_SOCK_ALL);
	else
		kan_sock_request_tcp(&j->request, KAN_SOCK_ALL);
	return j;
}

static struct kan_bounded_work work_of(struct job *j)
{
	return (struct kan_bounded_work){
		.job = j, .ms = KAN_BOUNDED_MS, .work = dump, .drop = drop};
}

static void take_job(struct kan_net_dump *d, struct job *j)
{
	d->raw = j->raw;
	d->err = j->err;
	j->raw = KAN_BUF(0);
	drop(j);
}

/* -1 with sys ETIMEDOUT: left behind, and with it the socket it was asked through. */
static int ask_bounded(struct kan_net_dump *d, int fd, const struct kan_sock_kind *k,
		       const struct kan_netspace_ask *ask, struct kan_err *err)
{
	struct job *j = new_job(fd, k, ask);
	const struct kan_bounded_work asked = work_of(j);
	if (kan_bounded_run(ask->worker, &asked, err) < 0) {
		if (err->sys != ETIMEDOUT)
			drop(j);
		return -1;
	}
	take_job(d, j);
	return 0;
}

static void spend(struct kan_netspace_ask *ask, const struct kan_net_dump *d)
{
	ask->budget -= d->raw.len < ask->budget ? d->raw.len : ask->budget;
}

static void ask_plain(struct kan_net_dump *d, int fd, uint16_t type, const struct kan_buf *request,
		      const struct kan_netspace_ask *ask)
{
	d->raw = KAN_BUF(most(ask));
	(void)kan_netlink_dump(&d->raw, fd, type, kan_buf_bytes(request), &d->err);
}

static void ask_text(struct kan_net_dump *d, const struct kan_netns *where, const char *file,
		     const struct kan_netspace_ask *ask)
{
	kan_buf_free(&d->raw);
	d->raw = KAN_BUF(most(ask));
	d->err = (struct kan_err){0};
	(void)kan_netns_read(&d->raw, where, file, &d->err);
}

static void read_kind(struct kan_netspace *n, struct kan_net_dump *d, const struct kan_sock_kind *k,
		      struct kan_netspace_ask *ask)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	bool waits = k->protocol == IPPROTO_TCP && (k->af == AF_INET || k->af == AF_INET6);
	if (waits && !n->less && ask_bounded(d, n->fd[KAN_NS_DIAG], k, ask, &n->less_why) < 0) {
		n->less = true;
		/* Without a thread nothing has blocked: the pause may go on. */
		if (n->less_why.sys == ETIMEDOUT)
			ask->stuck(ask->arg);
	}
	if (!waits || n->less) {
		kan_sock_request(&request, k, KAN_SOCK_LESS);
		/* Through diag, TCP may be under way. */
		ask_plain(d, n->fd[n->less || n->tcp ? KAN_NS_SPARE : KAN_NS_DIAG],
			  SOCK_DIAG_BY_FAMILY, &request, ask);
	}
}

static bool registered(const struct kan_netspace_ask *ask, size_t kind)
{
	/* Nothing is known of what is registered: everything is asked for. */
	return !ask->protocols.n ||
	       kan_sock_registered(ask->protocols, kan_sock_kinds[kind].registered);
}

void kan_netspace_begin(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	struct kan_net_dump *four = &n->socks[KAN_SOCK_TCP];
	if (n->fd[KAN_NS_DIAG] < 0 || !registered(ask, KAN_SOCK_TCP) ||
	    !registered(ask, KAN_SOCK_TCP6))
		return;
	struct job *j = new_job(n->fd[KAN_NS_DIAG], NULL, ask);
	const struct kan_bounded_work asked = work_of(j);
	four->frozen = ask->frozen(ask->arg);
	if (kan_bounded_begin(ask->worker, &asked, NULL) < 0)
		drop(j);
	else
		n->tcp = j;
}

/* true: TCP is there, of both families. */
static bool finish_tcp(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	struct kan_net_dump *four = &n->socks[KAN_SOCK_TCP], *six = &n->socks[KAN_SOCK_TCP6];
	struct job *j = n->tcp;
	n->tcp = NULL;
	if (!j)
		return false;
	if (kan_bounded_wait(ask->worker, &n->less_why) < 0) {
		n->less = true;
		ask->stuck(ask->arg);
		return false;
	}
	take_job(four, j);
	if (four->err.code == KAN_EUNSUPPORTED || four->err.sys == EINVAL) {
		kan_buf_free(&four->raw);
		*four = (struct kan_net_dump){0};
		return false;
	}
	four->asked = six->asked = n->at_once = true;
	six->frozen = four->frozen &= ask->frozen(ask->arg);
	six->err = four->err;
	spend(ask, four);
	return true;
}

void kan_netspace_split(struct kan_netspace *n)
{
	struct kan_net_dump *four = &n->socks[KAN_SOCK_TCP], *six = &n->socks[KAN_SOCK_TCP6];
	if (!n->at_once)
		return;
	n->at_once = false;
	six->raw = KAN_BUF(four->raw.max);
	/* A message that is cut was cut by a limit, which is told already. */
	(void)kan_sock_split_tcp(&four->raw, &six->raw, NULL);
}

void kan_netspace_sockets(struct kan_netspace *n, size_t kind, struct kan_netspace_ask *ask)
{
	const struct kan_sock_kind *k = &kan_sock_kinds[kind];
	struct kan_net_dump *d = &n->socks[kind];
	d->asked = n->fd[KAN_NS_DIAG] >= 0 && registered(ask, kind);
	if (!d->asked)
		return;
	d->frozen = ask->frozen(ask->arg);
	if (k->diag)
		read_kind(n, d, k, ask);
	d->text = k->text && (!k->diag || d->err.code == KAN_EUNSUPPORTED);
	if (d->text)
		ask_text(d, &n->where, k->name, ask);
	d->frozen &= ask->frozen(ask->arg);
	spend(ask, d);
}

void kan_netspace_links(struct kan_netspace *n, enum kan_rt_kind kind, struct kan_netspace_ask *ask)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	struct kan_net_dump *d = &n->routes[kind];
	d->asked = n->fd[KAN_NS_ROUTE] >= 0;
	if (!d->asked)
		return;
	d->frozen = ask->frozen(ask->arg);
	kan_rt_request(&request, kind);
	ask_plain(d, n->fd[KAN_NS_ROUTE], kan_rts[kind].request, &request, ask);
	d->frozen &= ask->frozen(ask->arg);
	spend(ask, d);
}

void kan_netspace_read(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	for (size_t i = KAN_SOCK_TCP6 + 1; i < KAN_SOCK_KINDS; i++)
		kan_netspace_sockets(n, i, ask);
	for (size_t i = 0; i < KAN_RT_LATER; i++)
		kan_netspace_links(n, (enum kan_rt_kind)i, ask);
}

void kan_netspace_finish(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	/* A kernel that does not know the old words is asked in the new ones, twice. */
	if (finish_tcp(n, ask))
		return;
	kan_netspace_sockets(n, KAN_SOCK_TCP, ask);
	kan_netspace_sockets(n, KAN_SOCK_TCP6, ask);
}

struct hanging {
	struct kan_netspace *n;
	size_t room;
};

static int filters_of(uint16_t type, struct kan_bytes qdisc, void *arg, struct kan_err *err)
{
	struct hanging *w = arg;
	struct kan_net_dump *all = &w->n->routes[KAN_RT_FILTERS];
	uint8_t requests[KAN_RT_PLACES][KAN_RT_FILTER_OCTETS];
	(void)err;
	if (type != kan_rts[KAN_RT_QDISCS].answer)
		return 0;
	size_t n = kan_rt_filter_requests(requests, qdisc);
	for (size_t i = 0; i < n && all->err.code == KAN_OK; i++) {
		kan_auto_buf struct kan_buf raw = KAN_BUF(w->room - all->raw.len);
		(void)kan_netlink_dump(
			&raw, w->n->fd[KAN_NS_ROUTE], kan_rts[KAN_RT_FILTERS].request,
			(struct kan_bytes){requests[i], KAN_RT_FILTER_OCTETS}, &all->err);
		kan_buf_addb(&all->raw, kan_buf_bytes(&raw));
	}
	return 0;
}

void kan_netspace_later(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	struct kan_net_dump *d = &n->routes[KAN_RT_FILTERS];
	if (n->fd[KAN_NS_ROUTE] < 0)
		return;
	for (size_t i = KAN_RT_LATER; i < KAN_RT_FILTERS; i++)
		kan_netspace_links(n, (enum kan_rt_kind)i, ask);
	struct hanging w = {n, most(ask)};
	*d = (struct kan_net_dump){.asked = true, .raw = KAN_BUF(w.room)};
	d->frozen = ask->frozen(ask->arg);
	(void)kan_netlink_each(kan_buf_bytes(&n->routes[KAN_RT_QDISCS].raw), filters_of, &w, NULL);
	d->frozen &= ask->frozen(ask->arg);
	spend(ask, d);
}

static int one_established(struct kan_buf *out, const struct kan_netspace *n, size_t kind,
			   struct kan_err *err)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	kan_sock_request(&request, &kan_sock_kinds[kind], KAN_SOCK_ESTABLISHED);
	return kan_netlink_dump(out, n->fd[KAN_NS_DIAG], SOCK_DIAG_BY_FAMILY,
				kan_buf_bytes(&request), err);
}

int kan_netspace_established(struct kan_buf *four, struct kan_buf *six,
			     const struct kan_netspace *n, struct kan_err *err)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX);
	struct kan_err why = {0};
	kan_sock_request_tcp(&request, KAN_SOCK_ESTABLISHED);
	if (kan_netlink_dump(four, n->fd[KAN_NS_DIAG], TCPDIAG_GETSOCK, kan_buf_bytes(&request),
			     &why) == 0)
		return kan_sock_split_tcp(four, six, err);
	if (why.code == KAN_EUNSUPPORTED || why.sys == EINVAL)
		return one_established(four, n, KAN_SOCK_TCP, err) < 0 ||
				       one_established(six, n, KAN_SOCK_TCP6, err) < 0
			       ? -1
			       : 0;
	if (err)
		*err = why;
	return -1;
}

void kan_netspace_warm(struct kan_netspace *n, const struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < KAN_SOCK_KINDS && n->fd[KAN_NS_DIAG] >= 0; i++) {
		const struct kan_sock_kind *k = &kan_sock_kinds[i];
		kan_auto_buf struct kan_buf request = KAN_BUF(REQUEST_MAX),
					    raw = KAN_BUF(KAN_NETLINK_DUMP_MAX);
		if (!k->diag || !kan_sock_registered(ask->protocols, k->registered))
			continue;
		kan_sock_request(&request, k, KAN_SOCK_NONE);
		(void)kan_netlink_dump(&raw, n->fd[KAN_NS_DIAG], SOCK_DIAG_BY_FAMILY,
				       kan_buf_bytes(&request), NULL);
	}
}

void kan_netspace_texts(struct kan_netspace *n, struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < KAN_NETSPACE_TEXTS && kan_net_texts[i].file; i++) {
		struct kan_net_dump *d = &n->texts[i];
		if (n->host && kan_net_texts[i].sockets)
			continue;
		d->asked = true;
		d->frozen = ask->frozen(ask->arg);
		ask_text(d, &n->where, kan_net_texts[i].file, ask);
		d->frozen &= ask->frozen(ask->arg);
		spend(ask, d);
	}
}

static void free_dumps(struct kan_net_dump *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kan_buf_free(&d[i].raw);
}

void kan_netspace_free(struct kan_netspace *n)
{
	for (size_t i = 0; i < SOCKETS; i++)
		kan_auto_close_fn(&n->fd[i]);
	free_dumps(n->socks, KAN_SOCK_KINDS);
	free_dumps(n->routes, KAN_RT_KINDS);
	free_dumps(n->texts, KAN_NETSPACE_TEXTS);
}
