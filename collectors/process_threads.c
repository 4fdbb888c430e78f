/* threads.ndjson: a row a thread that is not its process's first, with what is unlike that one. */
#include <string.h>

#include "base/row.h"
#include "collectors/process_parts.h"

static void thread_caps(struct kan_row *r, const struct kan_thread *h,
			const struct kan_proc_status *s)
{
	if (h->cap_inh == s->cap_inh && h->cap_prm == s->cap_prm && h->cap_eff == s->cap_eff &&
	    h->cap_bnd == s->cap_bnd && h->cap_amb == s->cap_amb)
		return;
	kan_row_obj(r, "cap");
	kan_row_mask(r, "inh", h->cap_inh);
	kan_row_mask(r, "prm", h->cap_prm);
	kan_row_mask(r, "eff", h->cap_eff);
	kan_row_mask(r, "bnd", h->cap_bnd);
	kan_row_mask(r, "amb", h->cap_amb);
	kan_row_obj_end(r);
}

static void ids(struct kan_row *r, const char *key, const uint32_t own[4], const uint32_t leader[4])
{
	if (memcmp(own, leader, 4 * sizeof(*own)) == 0)
		return;
	kan_row_arr(r, key);
	for (size_t i = 0; i < 4; i++)
		kan_row_uint(r, NULL, own[i]);
	kan_row_arr_end(r);
}

/* Only what is unlike the leader's; all of it when the leader's is not known. */
static void unlike(struct kan_row *r, const struct kan_proc_status *s, const struct kan_thread *h)
{
	if (!h->has_status)
		return;
	ids(r, "uid", h->uid, s->uid);
	ids(r, "gid", h->gid, s->gid);
	thread_caps(r, h, s);
	if (h->no_new_privs != s->no_new_privs)
		kan_row_bool(r, "no_new_privs", h->no_new_privs == 1);
	if (h->seccomp == s->seccomp && h->seccomp_filters == s->seccomp_filters)
		return;
	kan_row_obj(r, "seccomp");
	kan_row_int(r, "mode", h->seccomp);
	kan_row_int(r, "filters", h->seccomp_filters);
	kan_row_obj_end(r);
}

static void unlike_ns(struct kan_row *r, const struct kan_process *p, const struct kan_thread *h)
{
	if (memcmp(h->ns, p->ns, sizeof(h->ns)) == 0)
		return;
	kan_row_obj(r, "ns");
	for (size_t i = 0; i < KAN_NS_COUNT; i++)
		if (h->ns[i] && h->ns[i] != p->ns[i])
			kan_row_dec(r, kan_ns_names[i], h->ns[i]);
	kan_row_obj_end(r);
}

/* Of a leader whose status was not read, everything is unlike. */
static struct kan_proc_status leader_of(const struct kan_process *p)
{
	struct kan_proc_status s;
	if (kan_proc_status_parse(&s, kan_buf_bytes(&p->raw[KAN_PF_STATUS]), NULL) == 0)
		return s;
	return (struct kan_proc_status){.seccomp = -1, .no_new_privs = -1};
}

static void thread(struct kan_row *r, const struct kan_process *p, const struct kan_thread *h,
		   const struct kan_proc_status *leader)
{
	char state[2] = {h->state, 0};
	kan_row_int(r, "pid", p->who.pid);
	kan_row_int(r, "tid", h->tid);
	kan_row_uint(r, "starttime", h->starttime);
	kan_row_bytes(r, "comm", (struct kan_bytes){h->name, h->name_n});
	kan_row_str(r, "state", state);
	unlike(r, leader, h);
	unlike_ns(r, p, h);
	kan_row_bool(r, "frozen", p->frozen_a);
}

static int threads(struct kan_rows *rows, const struct kan_process *p, struct kan_err *err)
{
	if (p->n_threads == 0)
		return 0;
	const struct kan_proc_status leader = leader_of(p);
	for (size_t i = 0; i < p->n_threads; i++) {
		thread(kan_rows_begin(rows), p, &p->threads[i], &leader);
		if (kan_rows_end(rows, err) < 0)
			return -1;
	}
	return 0;
}

int kan_procs_threads(struct kan_procs *c, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	if (kan_rows_open(&rows, c->sink, "threads.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < c->all.n; i++) {
		if (threads(rows, &c->all.v[i], err) < 0) {
			kan_rows_abandon(rows);
			return -1;
		}
	}
	return kan_rows_close(rows, err);
}
