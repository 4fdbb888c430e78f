/* Message queues in ipc.ndjson. */
#include <stdio.h>

#include "base/row.h"
#include "collectors/process_parts.h"

void kan_procs_ipc_gap(const struct kan_procs *c, const struct kan_ipcspace *s, const char *of,
		       const struct kan_err *why)
{
	char what[64];
	(void)snprintf(what, sizeof(what), "%s of ipc %llu", of, (unsigned long long)s->ino);
	if (why->code != KAN_OK)
		kan_sink_gap_err(c->sink, kan_bytes_of(what), why);
}

static bool holds(const struct kan_procs *c, const struct kan_mqueue *q)
{
	for (size_t i = 0; i < c->all.n; i++)
		for (size_t k = 0; k < c->all.v[i].fds.n; k++) {
			const struct kan_fd *d = &c->all.v[i].fds.v[k];
			if (d->known && d->dev == q->dev && d->ino == q->ino)
				return true;
		}
	return false;
}

static int queue(const struct kan_procs *c, struct kan_rows *rows, const struct kan_ipcspace *s,
		 const struct kan_mqueue *q, bool proven, struct kan_err *err)
{
	char name[sizeof(q->name) + 1];
	if (s->host && !holds(c, q))
		return 0;
	struct kan_row *r = kan_rows_begin(rows);
	(void)snprintf(name, sizeof(name), "/%s", q->name);
	kan_row_str(r, "kind", "mqueue");
	if (proven)
		kan_row_dec(r, "ipcns", s->ino);
	kan_row_bytes(r, "name", kan_bytes_of(name));
	kan_row_mode(r, "mode", q->mode);
	kan_row_uint(r, "uid", q->uid);
	kan_row_uint(r, "gid", q->gid);
	if (q->known) {
		kan_row_int(r, "maxmsg", q->maxmsg);
		kan_row_int(r, "msgsize", q->msgsize);
		kan_row_int(r, "curmsgs", q->curmsgs);
	}
	kan_row_bool(r, "frozen", s->frozen);
	return kan_rows_end(rows, err);
}

/* Of the host's, only what a member holds counts, and fds.ndjson has that. */
static void tell_queues(const struct kan_procs *c, const struct kan_ipcspace *s)
{
	const struct kan_mqueues *q = &s->queues;
	kan_procs_ipc_gap(c, s, "queues", &q->err);
	if (q->seen > q->n)
		kan_sink_limit(c->sink, KAN_LIT("message queues"), q->seen, q->n, KAN_MQUEUES_MAX);
	if (!s->host)
		kan_procs_ipc_gap(c, s, "queues", &s->no_queues);
	else if (s->no_queues.code != KAN_OK)
		kan_sink_scope(c->sink, KAN_LIT("message queues of the host's namespace"),
			       s->no_queues.text);
}

int kan_procs_queues(const struct kan_procs *c, struct kan_rows *rows, const struct kan_ipcspace *s,
		     struct kan_err *err)
{
	bool proven = s->queues.n && kan_ipcspace_has_queues(s);
	tell_queues(c, s);
	if (s->queues.n && !proven)
		kan_sink_gap(c->sink, KAN_LIT("message queues"), KAN_GAP_CONTRADICTED,
			     "the mount that shows them is not proven to be of IPC namespace %llu",
			     (unsigned long long)s->ino);
	for (size_t i = 0; i < s->queues.n; i++)
		if (queue(c, rows, s, &s->queues.v[i], proven, err) < 0)
			return -1;
	return 0;
}
