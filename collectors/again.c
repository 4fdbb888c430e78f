/* The self-check after the resume: who is a member now, and which connections are established. */
#include "collectors/again.h"

#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "kernel/members.h"
#include "kernel/netlink.h"
#include "kernel/netspace.h"
#include "kernel/procfs.h"

enum { STAT_OCTETS = 8192 };

struct again {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	size_t kind; /* of kan_sock_kinds */
	uint64_t n;
};

static int member(struct again *a, const struct kan_member *m, struct kan_err *err)
{
	struct kan_proc_stat st;
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	if (kan_proc_stat_read(&st, &text, m->dir, NULL) < 0)
		return 0; /* ended meanwhile: its absence is the answer */
	char state[2] = {st.state, 0};
	struct kan_row *row = kan_rows_begin(a->rows);
	kan_row_int(row, "pid", st.pid);
	kan_row_uint(row, "starttime", st.starttime);
	kan_row_str(row, "state", state);
	a->n++;
	return kan_rows_end(a->rows, err);
}

static int members(struct again *a, const struct kan_members *all, struct kan_err *err)
{
	if (kan_rows_open(&a->rows, a->sink, "members.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++)
		if (member(a, &all->v[i], err) < 0)
			return -1;
	if (all->seen > all->n)
		kan_sink_limit(a->sink, KAN_LIT("members.ndjson"), all->seen, all->n,
			       KAN_MEMBERS_MAX);
	return kan_rows_close(a->rows, err);
}

static int connection(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct again *a = arg;
	struct kan_sock s;
	(void)type;
	if (kan_sock_parse(&s, &kan_sock_kinds[a->kind], payload, NULL) < 0 || !s.state ||
	    strcmp(s.state, "ESTABLISHED") != 0)
		return 0;
	struct kan_row *row = kan_rows_begin(a->rows);
	kan_row_dec(row, "netns", a->space->where.ino);
	kan_row_dec(row, "ino", s.ino);
	kan_row_str(row, "family", s.family);
	kan_row_str(row, "laddr", s.laddr);
	kan_row_int(row, "lport", s.lport);
	kan_row_str(row, "raddr", s.raddr);
	kan_row_int(row, "rport", s.rport);
	a->n++;
	return kan_rows_end(a->rows, err);
}

static int of_space(struct again *a, const struct kan_netspace *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf four = KAN_BUF(KAN_NETLINK_DUMP_MAX),
				    six = KAN_BUF(KAN_NETLINK_DUMP_MAX);
	struct kan_err why = s->closed;
	a->space = s;
	if (s->closed.code != KAN_OK || kan_netspace_established(&four, &six, s, &why) < 0)
		kan_sink_gap_err(a->sink, KAN_LIT("connections.ndjson"), &why);
	a->kind = KAN_SOCK_TCP;
	if (kan_netlink_each(kan_buf_bytes(&four), connection, a, err) < 0)
		return -1;
	a->kind = KAN_SOCK_TCP6;
	return kan_netlink_each(kan_buf_bytes(&six), connection, a, err);
}

/* Strangers' connections would be among them. */
static bool host_is_in(const struct kan_target *t, const struct kan_netns_list *list)
{
	uint64_t own = kan_netns_of(t->proc_fd, getpid()), first = kan_netns_of(t->proc_fd, 1);
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].ino == own || list->v[i].ino == first)
			return true;
	return t->net_host;
}

static int spaces(struct again *a, const struct kan_netns_list *list, struct kan_err *err)
{
	int rc = 0;
	if (kan_rows_open(&a->rows, a->sink, "connections.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < list->n; i++) {
		kan_auto_free struct kan_netspace *s = kan_xalloc(sizeof(*s));
		kan_netspace_open(s, &list->v[i], false);
		rc = of_space(a, s, err);
		kan_netspace_free(s);
	}
	uint64_t left = list->more.n + list->refused.n;
	if (left)
		kan_sink_limit(a->sink, KAN_LIT("connections.ndjson"), list->n + left, list->n,
			       KAN_NETNS_MAX);
	return rc < 0 ? -1 : kan_rows_close(a->rows, err);
}

static int connections(struct again *a, const struct kan_members *all, struct kan_err *err)
{
	kan_auto_free struct kan_netns_list *list = kan_xalloc(sizeof(*list));
	int rc = 0;
	kan_netns_add(list, all, a->t->pid);
	if (host_is_in(a->t, list))
		kan_sink_scope(a->sink, KAN_LIT("connections"),
			       "of the host's network namespace they are not listed again");
	else
		rc = spaces(a, list, err);
	kan_netns_free(list);
	return rc;
}

int kan_again(uint64_t *n, const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct again a = {.t = t, .sink = sink};
	struct kan_members all = {0};
	struct kan_err why = {0};
	const struct kan_members_ask ask = {.proc_fd = t->proc_fd,
					    .init_dir = t->pid_dir,
					    .id = t->id,
					    .cgroup = t->cgroup,
					    .pid_private = t->pid_private};
	if (!t->cgroup || t->pid_dir < 0) {
		kan_sink_scope(sink, KAN_LIT("members"), "no cgroup of a live container");
		return 0;
	}
	if (kan_sink_frozen(sink) && t->state == KAN_STATE_RUNNING) {
		kan_sink_scope(sink, KAN_LIT("members"),
			       "held paused for --then: there was no resume to check");
		return 0;
	}
	if (kan_members_find(&all, &ask, &why) < 0) {
		kan_sink_gap_err(sink, KAN_LIT("members.ndjson"), &why);
		return 0;
	}
	int rc = members(&a, &all, err);
	if (rc == 0)
		rc = connections(&a, &all, err);
	kan_members_free(&all);
	*n = a.n;
	return rc;
}
