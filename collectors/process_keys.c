/* keys.ndjson: the runtime's session keyring, and keys of users whose processes are in the
 * container. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/row.h"
#include "collectors/process_parts.h"
#include "kernel/keys.h"

enum { ID_HEX = 64 };

struct writer {
	struct kan_procs *c;
	struct kan_rows *rows;
	uint32_t *uids;
	size_t n;
};

void kan_procs_read_keys(struct kan_procs *c)
{
	c->keys = KAN_BUF(KAN_KEYS_OCTETS);
	c->keys_frozen = kan_sink_frozen(c->sink);
	(void)kan_read_pseudo(&c->keys, c->t->proc_fd, "keys", &c->no_keys);
	c->keys_frozen &= kan_sink_frozen(c->sink);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Real, effective, saved and file system's: whatever a member may act as. */
static void collect_uids(struct writer *w)
{
	struct kan_proc_status s;
	const struct kan_processes *all = &w->c->all;
	w->uids = kan_xalloc((all->n * 4 + 1) * sizeof(*w->uids));
	for (size_t i = 0; i < all->n; i++) {
		const struct kan_process *p = &all->v[i];
		if (!p->who.by || !(p->has & 1u << KAN_PF_STATUS) ||
		    kan_proc_status_parse(&s, kan_buf_bytes(&p->raw[KAN_PF_STATUS]), NULL) < 0)
			continue;
		memcpy(w->uids + w->n, s.uid, sizeof(s.uid));
		w->n += 4;
	}
	if (w->n)
		qsort(w->uids, w->n, sizeof(*w->uids), by_number);
}

/* "_ses." and 64 hex: a runtime's keyring. 1 this container's, -1 another's. */
static int session(const struct kan_key *k, const char *id)
{
	static const char start[] = "_ses.";
	size_t n = sizeof(start) - 1, hex = 0;
	if (!kan_bytes_eq(k->type, KAN_LIT("keyring")) || !kan_bytes_starts(k->desc, start))
		return 0;
	while (n + hex < k->desc.n && memchr("0123456789abcdef", k->desc.p[n + hex], 16))
		hex++;
	if (hex != ID_HEX || (n + hex < k->desc.n && k->desc.p[n + hex] != ':'))
		return 0;
	return memcmp(k->desc.p + n, id, ID_HEX) == 0 ? 1 : -1;
}

static const char *why(const struct writer *w, const struct kan_key *k)
{
	int of = session(k, w->c->t->id);
	if (of > 0)
		return "session";
	bool users = w->n && bsearch(&k->uid, w->uids, w->n, sizeof(k->uid), by_number);
	return of == 0 && users ? "uid" : NULL;
}

static int key(const struct kan_key *k, void *arg, struct kan_err *err)
{
	struct writer *w = arg;
	const char *kept = why(w, k);
	char hex[16];
	if (!kept)
		return 0;
	struct kan_row *r = kan_rows_begin(w->rows);
	(void)snprintf(hex, sizeof(hex), "%08x", k->serial);
	kan_row_str(r, "serial", hex);
	kan_row_bytes(r, "flags", k->flags);
	kan_row_uint(r, "usage", k->usage);
	kan_row_bytes(r, "timeout", k->timeout);
	(void)snprintf(hex, sizeof(hex), "%08x", k->perm);
	kan_row_str(r, "perm", hex);
	kan_row_uint(r, "uid", k->uid);
	kan_row_uint(r, "gid", k->gid);
	kan_row_bytes(r, "type", k->type);
	kan_row_bytes(r, "desc", k->desc);
	kan_row_str(r, "why", kept);
	kan_row_bool(r, "frozen", w->c->keys_frozen);
	return kan_rows_end(w->rows, err);
}

/* "When readable": else it is scope. What was read and cannot be parsed, or is too long, is a gap.
 */
static void tell(const struct kan_procs *c, const struct kan_err *parse)
{
	char text[160];
	if (c->no_keys.code == KAN_ELIMIT || parse->code == KAN_EFORMAT)
		kan_sink_gap_err(c->sink, KAN_LIT("keys.ndjson"),
				 parse->code != KAN_OK ? parse : &c->no_keys);
	else if (c->no_keys.code != KAN_OK) {
		(void)snprintf(text, sizeof(text), "taken when readable: %.120s", c->no_keys.text);
		kan_sink_scope(c->sink, KAN_LIT("keys.ndjson"), text);
	}
}

int kan_procs_keys(struct kan_procs *c, struct kan_err *err)
{
	struct writer w = {.c = c};
	struct kan_err said = {0};
	if (kan_rows_open(&w.rows, c->sink, "keys.ndjson", err) < 0)
		return -1;
	collect_uids(&w);
	int rc = kan_keys_each(kan_buf_bytes(&c->keys), key, &w, &said);
	free(w.uids);
	if (rc < 0 && said.code != KAN_EFORMAT) {
		kan_rows_abandon(w.rows);
		if (err)
			*err = said;
		return -1;
	}
	tell(c, &said);
	return kan_rows_close(w.rows, err);
}
